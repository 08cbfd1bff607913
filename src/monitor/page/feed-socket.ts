import { FEED_PATH, type FeedEvent, type SendCommand, encodeSend, readFeedEvent } from "../protocol.ts";

/** Callbacks of the connection. */
export interface FeedSocketEvents {
  readonly onEvent: (event: FeedEvent) => void;
  /** @param retryInMs milliseconds until the next attempt after losing the connection */
  readonly onState: (state: "connecting" | "open" | "lost", retryInMs: number) => void;
  /** Where to resume: the session and the newest number, as a query. */
  readonly resumeFrom: () => URLSearchParams;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;

/** The connection to the monitor. It reconnects with increasing delays. */
export class FeedSocket {
  readonly #events: FeedSocketEvents;
  #socket: WebSocket | null = null;
  #retryMs = FIRST_RETRY_MS;

  constructor(events: FeedSocketEvents) {
    this.#events = events;
  }

  /** Connects, and reconnects after every loss. */
  open(): void {
    // Reconnect immediately when a laptop wakes up or the network returns.
    window.addEventListener("online", () => this.#connect());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#connect();
    });
    this.#connect();
  }

  /** @returns false if nothing was sent because there is no connection */
  send(command: SendCommand): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(encodeSend(command) as Uint8Array<ArrayBuffer>);
    return true;
  }

  #connect(): void {
    if (this.#socket !== null) return;
    this.#events.onState("connecting", 0);
    const url = new URL(FEED_PATH, location.href);
    url.protocol = "ws:";
    url.search = this.#events.resumeFrom().toString();
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      this.#retryMs = FIRST_RETRY_MS;
      this.#events.onState("open", 0);
    });
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      const event = data instanceof ArrayBuffer ? readFeedEvent(new Uint8Array(data)) : null;
      if (event !== null) this.#events.onEvent(event);
    });
    socket.addEventListener("close", () => this.#lost());
    this.#socket = socket;
  }

  #lost(): void {
    this.#socket = null;
    const wait = this.#retryMs;
    this.#retryMs = Math.min(2 * wait, LAST_RETRY_MS);
    this.#events.onState("lost", wait);
    setTimeout(() => this.#connect(), wait);
  }
}
