import { OscDroppedError, OscRejectedError, OscSocketError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { websocketServer } from "../url/osc-url.ts";
import { maskSecrets } from "../url/secrets.ts";
import { type PacketLink, type PacketLinkEvents, type SendDone, closedError } from "./link.ts";

/** The part of a WebSocket that is used. Those of browsers, Node 22 and the package `ws` have it. */
export interface WebSocketLike {
  /** Set to `"arraybuffer"`. */
  binaryType: string;
  /** Bytes given to `send` that haven't left yet. */
  readonly bufferedAmount: number;
  /** Called when the connection is open. */
  onopen: ((event: never) => void) | null;
  /** Called with each message, as `data` of the event. */
  onmessage: ((event: never) => void) | null;
  /** Called when the connection fails; `onclose` follows. */
  onerror: ((event: never) => void) | null;
  /** Called when the connection has ended, with `code` and `reason`. */
  onclose: ((event: never) => void) | null;
  /** Sends a binary message. */
  send(data: Uint8Array<ArrayBuffer>): void;
  /** Ends the connection; `code` is 1000, or 3000 to 4999. */
  close(code?: number, reason?: string): void;
}

/** A WebSocket that is being opened, and what Node can do with it that a browser can't. */
export interface OpenedWebSocket {
  /** The socket, which may still be connecting. */
  readonly socket: WebSocketLike;
  /** Whether it keeps the process alive. */
  keepAlive?(how: "on" | "off"): void;
  /** Where it is bound, once it is open. */
  localAddress?(): NetAddress | null;
}

/** Begins to open a WebSocket. Throws or rejects if that is not possible. */
export type OpenWebSocket = (url: string) => OpenedWebSocket | Promise<OpenedWebSocket>;

export interface WebSocketLinkSpec {
  readonly url: string;
  /** How long one attempt to connect may take, in milliseconds. */
  readonly connectTimeout: number;
  /** How many bytes the socket may hold that the network hasn't taken yet. */
  readonly maxBuffered: number;
  readonly openWebSocket: OpenWebSocket;
}

/** How long the server has to answer the closing handshake. */
const LINGER_MS = 1000;
/** The local address in a browser, which doesn't tell it. */
const NOWHERE: NetAddress = { address: "", port: 0, family: "IPv4" };
/** How often to check the clock for a sleep of the machine. */
const WATCH_MS = 15_000;
/** If a timer is later than this, the machine slept: even pages in the background get theirs once a minute. */
const ASLEEP_MS = 90_000;

/** One connection to a WebSocket server: one binary message is one packet. RFC 6455. */
export class WebSocketLink implements PacketLink {
  readonly #spec: WebSocketLinkSpec;
  readonly #events: PacketLinkEvents;
  readonly #server: NetAddress;
  #opened: OpenedWebSocket | null = null;
  #state: "new" | "connecting" | "open" | "closing" | "closed" = "new";
  /** Why it failed, if it is known; a browser doesn't tell. */
  #cause: unknown;
  #sawText = false;
  #watch: ReturnType<typeof setInterval> | undefined;
  #whenClosed: (() => void) | null = null;

  constructor(spec: WebSocketLinkSpec, events: PacketLinkEvents) {
    this.#spec = spec;
    this.#events = events;
    this.#server = websocketServer(spec.url);
  }

  async open(): Promise<NetAddress> {
    this.#state = "connecting";
    const opened = await this.#begin();
    if (this.#is("closing")) {
      opened.socket.close();
      throw this.#failed();
    }
    this.#opened = opened;
    const { socket } = opened;
    socket.binaryType = "arraybuffer";
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#cause = { code: "ETIMEDOUT", message: `no answer within ${this.#spec.connectTimeout} ms` };
        socket.close();
        settle();
      }, this.#spec.connectTimeout);
      const settle = (): void => {
        clearTimeout(timer);
        if (this.#state === "connecting") this.#state = "closed";
        reject(this.#failed());
      };
      socket.onopen = () => {
        clearTimeout(timer);
        if (this.#state !== "connecting") return;
        this.#state = "open";
        opened.keepAlive?.("off");
        this.#watchForSleep(socket);
        resolve(opened.localAddress?.() ?? NOWHERE);
      };
      socket.onerror = (event: ErrorEventLike) => {
        this.#cause ??= event.error ?? event;
      };
      socket.onmessage = (event: { readonly data: unknown }) => this.#message(event.data);
      socket.onclose = (event: CloseEventLike) => {
        this.#closed(event);
        settle();
      };
    });
  }

  send(packet: Uint8Array, _to: NetAddress | null, done: SendDone): void {
    const socket = this.#opened?.socket;
    if (this.#state !== "open" || socket === undefined) return done(this.#failed());
    const { maxBuffered } = this.#spec;
    const waiting = socket.bufferedAmount;
    if (waiting > 0 && waiting + packet.length > maxBuffered) {
      return done(
        new OscDroppedError(
          "maxBuffered",
          `A packet was not sent because the network is too slow: ${waiting} bytes wait, and maxBuffered is ${maxBuffered}.`,
        ),
      );
    }
    try {
      socket.send(packet as Uint8Array<ArrayBuffer>);
    } catch (error) {
      this.#cause ??= error;
      return done(this.#failed());
    }
    done(null);
  }

  keepAlive(how: "on" | "off"): void {
    this.#opened?.keepAlive?.(how);
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    const wasOver = this.#state === "closed" || this.#state === "new";
    this.#state = wasOver ? "closed" : "closing";
    clearInterval(this.#watch);
    if (opened === null || wasOver) return;
    opened.keepAlive?.("on");
    await new Promise<void>((resolve) => {
      // A server that is gone doesn't answer, and a browser can't force the end.
      const timer = setTimeout(resolve, LINGER_MS);
      this.#whenClosed = (): void => {
        clearTimeout(timer);
        resolve();
      };
      opened.socket.close(1000);
    });
    opened.keepAlive?.("off");
  }

  async #begin(): Promise<OpenedWebSocket> {
    try {
      return await this.#spec.openWebSocket(this.#spec.url);
    } catch (error) {
      this.#state = "closed";
      this.#cause = error;
      throw this.#failed();
    }
  }

  #message(data: unknown): void {
    if (this.#state !== "open") return;
    // Don't test for its class, which differs between windows.
    if (typeof data !== "string") return this.#events.onPacket(new Uint8Array(data as ArrayBuffer), this.#server);
    if (this.#sawText) return;
    this.#sawText = true;
    const message = "The server sent a text message, which is ignored: OSC packets are binary messages.";
    this.#events.onError(new OscRejectedError("not-osc", message), this.#server);
  }

  #closed({ code, reason }: CloseEventLike): void {
    const was = this.#state;
    this.#state = "closed";
    clearInterval(this.#watch);
    this.#whenClosed?.();
    if (was !== "open") return;
    this.#cause ??= { code: `WS_${code}`, message: `closed with code ${code}${reason === "" ? "" : ` (${reason})`}` };
    this.#events.onEnd(this.#failed());
  }

  /** During a sleep of the machine the server gives the connection up, and nobody tells. End it, so that the client reconnects. */
  #watchForSleep(socket: WebSocketLike): void {
    let last = Date.now();
    this.#watch = setInterval(() => {
      const now = Date.now();
      if (now - last > ASLEEP_MS) this.#giveUp(socket);
      last = now;
    }, WATCH_MS);
    const { unref } = this.#watch as { unref?: () => void };
    unref?.call(this.#watch);
  }

  #giveUp(socket: WebSocketLike): void {
    this.#cause = { code: "ETIMEDOUT", message: "this machine slept" };
    // Don't wait for an answer that may never come.
    socket.onclose = null;
    socket.onmessage = null;
    socket.close();
    this.#closed({ code: 1006, reason: "" });
  }

  /** Why the connection cannot be used. */
  #failed(): OscError {
    if (this.#state === "closing") return closedError("The client was closed while it connected.");
    const url = maskSecrets(this.#spec.url);
    const { code, message } = (this.#cause ?? {}) as { readonly code?: unknown; readonly message?: unknown };
    const why = typeof message === "string" && message !== "" ? message : "the server can't be reached, or rejects this page";
    return new OscSocketError(typeof code === "string" ? code : "ENOTCONN", `No connection to ${url}: ${why}.`, url, {
      cause: this.#cause,
    });
  }

  /** A method, because the state may have changed during an `await`. */
  #is(state: "closing"): boolean {
    return this.#state === state;
  }
}

interface ErrorEventLike {
  readonly error?: unknown;
  readonly message?: string;
}

interface CloseEventLike {
  readonly code: number;
  readonly reason: string;
}
