import { OscMessage } from "../codec/index.ts";
import { type OptionCheck, type OptionChecks, bad, milliseconds, readOptions, required } from "../options.ts";
import { addressPattern } from "./options.ts";
import { startTimer } from "./timer.ts";

/** A message to send: an address, or a message with arguments. */
export type KeepAliveMessage = string | OscMessage;

/** How to keep a session with a device. */
export interface KeepAliveOptions {
  /** What to send again and again, such as `"/xremote"`. */
  readonly send: KeepAliveMessage | readonly KeepAliveMessage[];
  /** How often to send it, in milliseconds. */
  readonly every: number;
  /**
   * What to send before that: at the start, after a reconnect, and when a lost device answers again. For devices that must be asked once,
   * such as `new OscMessage("/notify", 1)`. Default: nothing.
   */
  readonly first?: KeepAliveMessage | readonly KeepAliveMessage[];
  /**
   * The address, or pattern, of the messages that show that the device is alive. They go to the session alone, not to `messages()` or
   * handlers. Default: every message does, and goes on to `messages()` and handlers.
   */
  readonly expect?: string;
  /** After how many milliseconds without a sign of life the device is lost. Default: three times `every`. */
  readonly lostAfter?: number;
}

/** The devices and programs with a profile. */
export type KeepAliveName = "eos" | "qlab" | "supercollider" | "x32" | "xair";

/**
 * Sessions of devices and programs, from their manuals.
 *
 * @example
 * const { qlab } = KEEP_ALIVE;
 * client.keepAlive({ ...qlab, first: new OscMessage("/connect", "5678") }); // with a passcode
 */
export const KEEP_ALIVE: Readonly<Record<KeepAliveName, KeepAliveOptions>> = /* @__PURE__ */ (() => ({
  // ETC Eos over TCP, port 3032.
  eos: { first: new OscMessage("/eos/subscribe", 1), send: "/eos/ping", every: 5000, expect: "/eos/out/ping" },
  // QLab forgets clients after a minute of silence. A passcode goes into `/connect`.
  qlab: { first: "/connect", send: "/thump", every: 20_000, expect: "/reply/thump" },
  // scsynth forgets its clients when it restarts.
  supercollider: { first: new OscMessage("/notify", 1), send: "/status", every: 1000, lostAfter: 4000, expect: "/status.reply" },
  // The consoles send changes for ten seconds after each /xremote, and answer /xinfo.
  x32: { send: ["/xremote", "/xinfo"], every: 8000, lostAfter: 20_000, expect: "/xinfo" },
  xair: { send: ["/xremote", "/xinfo"], every: 8000, lostAfter: 20_000, expect: "/xinfo" },
}))();

/** `"waiting"` until the first sign of life, then `"alive"` or `"lost"`; `"stopped"` after `stop()` or the client's `close()`. */
export type SessionState = "waiting" | "alive" | "lost" | "stopped";

/** What a session needs of its client. */
export interface SessionClient {
  readonly isConnected: boolean;
  /** Makes sure that there is a connection, now or later. */
  connect(): void;
  send(message: OscMessage): void;
  /** Keeps the process alive until the returned function is called. */
  ref(): () => void;
  listenerFailed(event: string, error: unknown): void;
  /** The session was stopped. */
  stopped(session: KeepAliveSession): void;
}

/**
 * A session with a device that forgets clients it hasn't heard of for a while, or that says nothing when it is gone. Made by
 * `client.keepAlive()`.
 *
 * @example
 * const session = client.keepAlive("x32");
 * session.on("lost", () => console.log("The console is gone.")).on("alive", () => console.log("It is there."));
 */
export class KeepAliveSession {
  readonly #client: SessionClient;
  readonly #send: readonly OscMessage[];
  readonly #first: readonly OscMessage[];
  readonly #every: number;
  readonly #lostAfter: number;
  readonly #isSign: ((address: string) => boolean) | null;
  readonly #listeners = { alive: new Set<() => void>(), lost: new Set<() => void>() };
  readonly #unref: () => void;
  #state: SessionState = "waiting";
  #heardAt: number = performance.now();
  #cancelSend: () => void = () => undefined;
  #cancelWatch: () => void = () => undefined;

  /** Made by `client.keepAlive()`. */
  constructor(client: SessionClient, options: KeepAliveOptions | KeepAliveName) {
    const given = typeof options === "string" ? profileOf(options) : options;
    const { send, first, every, lostAfter = 3 * every, expect } = readOptions("keepAlive()", given, KEEP_ALIVE_CHECKS);
    if (send.length === 0) throw bad("send", "an address, a message, or an array of them", given.send);
    this.#client = client;
    this.#send = send;
    this.#first = first;
    this.#every = every;
    this.#lostAfter = lostAfter;
    this.#isSign = expect;
    this.#unref = client.ref();
    if (client.isConnected) this.#subscribe();
    else client.connect();
    this.#sendLater();
    this.#watch(lostAfter);
  }

  /** Whether the device is there. */
  get state(): SessionState {
    return this.#state;
  }

  /** Calls the listener when the device shows its first sign of life or comes back, or when it is lost. */
  on(event: "alive" | "lost", listener: () => void): this {
    this.#listenersOf(event, listener).add(listener);
    return this;
  }

  /** Stops calling the listener. */
  off(event: "alive" | "lost", listener: () => void): this {
    this.#listenersOf(event, listener).delete(listener);
    return this;
  }

  /** Sends nothing more. May be called twice. */
  stop(): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    this.#cancelSend();
    this.#cancelWatch();
    this.#unref();
    this.#client.stopped(this);
  }

  /** Called by the client when it has a new connection. */
  connected(): void {
    this.#subscribe();
  }

  /** Called by the client with every message that arrives. Returns true if the message is only a sign of life. */
  hear(message: OscMessage): boolean {
    if (this.#isSign?.(message.address) === false) return false;
    this.#heardAt = performance.now();
    if (this.#state === "lost") this.#subscribe();
    if (this.#state !== "alive") this.#enter("alive");
    return this.#isSign !== null;
  }

  #subscribe(): void {
    for (const message of [...this.#first, ...this.#send]) this.#client.send(message);
  }

  #sendLater(): void {
    this.#cancelSend = startTimer(this.#every, () => {
      if (this.#client.isConnected) for (const message of this.#send) this.#client.send(message);
      else this.#client.connect();
      this.#sendLater();
    });
  }

  /** Looks whether the device is lost when it may be. */
  #watch(ms: number): void {
    this.#cancelWatch = startTimer(ms, () => {
      const left = this.#heardAt + this.#lostAfter - performance.now();
      if (left <= 0 && this.#state !== "lost") this.#enter("lost");
      this.#watch(left > 0 ? left : this.#lostAfter);
    });
  }

  #enter(state: "alive" | "lost"): void {
    this.#state = state;
    for (const listener of this.#listeners[state]) {
      try {
        listener();
      } catch (error) {
        this.#client.listenerFailed(state, error);
      }
    }
  }

  #listenersOf(event: unknown, listener: unknown): Set<() => void> {
    if (typeof listener !== "function") throw bad("The listener", "a function", listener);
    if (event !== "alive" && event !== "lost") throw bad("The event", '"alive" or "lost"', event);
    return this.#listeners[event];
  }
}

const KEEP_ALIVE_CHECKS = {
  send: messages(),
  every: required(milliseconds(undefined, 1)),
  first: messages(),
  expect: sign(),
  lostAfter: milliseconds(undefined, 1),
} satisfies Readonly<Record<keyof OptionChecks<KeepAliveOptions>, unknown>>;

function profileOf(name: string): KeepAliveOptions {
  if (Object.hasOwn(KEEP_ALIVE, name)) return KEEP_ALIVE[name as KeepAliveName];
  throw bad("A session's profile", Object.keys(KEEP_ALIVE).join(", "), name);
}

/* @__NO_SIDE_EFFECTS__ */
function messages(): OptionCheck<readonly OscMessage[]> {
  return (value = [], name) => {
    const given: readonly unknown[] = Array.isArray(value) ? value : [value];
    return given.map((one) => {
      if (one instanceof OscMessage) return one;
      if (typeof one === "string") return new OscMessage(one);
      throw bad(name, "an address, a message, or an array of them", one);
    });
  };
}

/* @__NO_SIDE_EFFECTS__ */
function sign(): OptionCheck<((address: string) => boolean) | null> {
  return (value, name) => {
    if (value === undefined) return null;
    const pattern = addressPattern(name, value);
    return (address) => pattern.matches(address);
  };
}
