import { compilePattern } from "../address/index.ts";
import type { OscMessage } from "../codec/index.ts";
import { OscTimeoutError } from "../errors.ts";
import { abortSignal, type OptionChecks, callback, integer, milliseconds, optionError, readOptions, unchecked } from "../options.ts";
import type { Connection } from "./connection.ts";
import { addressPattern } from "./options.ts";
import { startTimer } from "./timer.ts";

/** Decides whether a message with a matching address is the reply. */
export type ReplyFilter = (reply: OscMessage) => boolean;

/** How to wait for a reply. */
export interface RequestOptions {
  /**
   * The address of the reply, or a pattern that it matches. One that begins with `#` is compared as it is: liblo replies to `#reply`. Default: the
   * address (pattern) of the request.
   */
  readonly replyTo?: string;
  /** Which message with that address is the reply, for devices that tell replies apart by an argument. Default: the first. */
  readonly accept?: ReplyFilter;
  /** How long to wait after each send, in milliseconds. Default 1,000. */
  readonly timeout?: number;
  /** How often to send again if no reply comes in time. Default 0. */
  readonly retries?: number;
  /** The type tag string of the arguments, without its comma. Default: inferred. */
  readonly types?: string;
  /** Gives up when it is aborted: the request is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

const REQUEST_CHECKS = {
  replyTo: unchecked<string>(),
  accept: callback<ReplyFilter>(),
  timeout: milliseconds(1000),
  retries: integer(0, 0),
  types: unchecked<string>(),
  signal: abortSignal(),
} satisfies OptionChecks<RequestOptions>;

/** A request that waits for its reply. */
class PendingRequest {
  readonly reply: Promise<OscMessage>;
  readonly #fits: (message: OscMessage) => boolean;
  #resolve!: (reply: OscMessage) => void;
  reject!: (reason: unknown) => void;

  constructor(fits: (message: OscMessage) => boolean) {
    this.#fits = fits;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.reject = reject;
    });
    // It may be rejected while nobody waits for it: while the request is being sent.
    this.reply.catch(() => undefined);
  }

  /** Takes the message if it is the reply. A filter that throws fails the request. */
  offer(message: OscMessage): "taken" | "left" | "failed" {
    try {
      if (!this.#fits(message)) return "left";
    } catch (error) {
      this.reject(error);
      return "failed";
    }
    this.#resolve(message);
    return "taken";
  }

  /** The reply, or `null` if it doesn't come within this many milliseconds. */
  async within(timeout: number): Promise<OscMessage | null> {
    let stop = (): void => undefined;
    const expired = new Promise<null>((resolve) => {
      stop = startTimer(timeout, () => resolve(null));
    });
    try {
      return await Promise.race([this.reply, expired]);
    } finally {
      stop();
    }
  }
}

/** The requests of a client that wait for a reply, in order. */
export class Requests {
  readonly #connection: Connection;
  readonly #target: string;
  readonly #pending = new Set<PendingRequest>();

  /** @param target where requests go, for error messages */
  constructor(connection: Connection, target: string) {
    this.#connection = connection;
    this.#target = target;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Sends, waits for the reply, and sends again, as the options say. */
  async make(address: string, encode: () => Uint8Array, options: RequestOptions): Promise<OscMessage> {
    const { timeout, retries, signal, replyTo, accept } = readOptions("request()", options, REQUEST_CHECKS);
    if (timeout === 0) throw optionError("timeout must be more than 0 milliseconds: no reply comes at once.");
    signal?.throwIfAborted();
    const packet = encode();
    const request = new PendingRequest(replyTest(address, replyTo, accept));
    const unref = this.#connection.ref();
    // Before it is sent, because the reply may arrive before the promise of the send resolves.
    this.#pending.add(request);
    const abort = (): void => request.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    let timesSent = 0;
    try {
      let sending: Promise<"sent"> | null = null;
      for (let attempt = 0; attempt <= retries; attempt += 1) {
        // A packet that still waits for the connection isn't sent a second time.
        sending ??= this.#send(packet);
        if ((await Promise.race([request.reply, sending, request.within(timeout)])) === null) continue;
        sending = null;
        timesSent += 1;
        const reply = await request.within(timeout);
        if (reply !== null) return reply;
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#pending.delete(request);
      unref();
    }
    const times = timesSent === 0 ? "not sent: there is no connection" : timesSent === 1 ? "sent once" : `sent ${timesSent} times`;
    throw new OscTimeoutError(
      `No reply ${replyTo ?? address} to ${address} came from ${this.#target} within ${timeout} ms (${times}). Check that it runs and replies to the port that asks.`,
    );
  }

  #send(packet: Uint8Array): Promise<"sent"> {
    return new Promise((resolve, reject) => {
      this.#connection.send(packet, null, (error) => (error === null ? resolve("sent") : reject(error)));
    });
  }

  /** Gives the message to the first request that takes it as its reply. */
  settle(message: OscMessage): boolean {
    for (const request of this.#pending) {
      const result = request.offer(message);
      if (result === "left") continue;
      this.#pending.delete(request);
      if (result === "taken") return true;
    }
    return false;
  }

  rejectAll(reason: unknown): void {
    for (const request of this.#pending) request.reject(reason);
    this.#pending.clear();
  }
}

/** Which messages are the reply: those whose address is `replyTo` or matches it as a pattern, and that the filter accepts. */
function replyTest(address: string, replyTo: string | undefined, accept: ReplyFilter | undefined): ReplyFilter {
  const fits = typeof replyTo === "string" && replyTo.startsWith("#") ? addressTest(replyTo) : patternTest(address, replyTo);
  return accept === undefined ? fits : (message) => fits(message) && accept(message);
}

function addressTest(address: string): ReplyFilter {
  return (message) => message.address === address;
}

function patternTest(address: string, replyTo: string | undefined): ReplyFilter {
  const pattern = replyTo === undefined ? compilePattern(address) : addressPattern("replyTo", replyTo);
  // Compare the text first: an address may contain characters that mean something else in a pattern.
  return (message) => message.address === pattern.pattern || pattern.matches(message.address);
}
