import { HANDLED, dropped } from "../packet-result.ts";
import { OscDroppedError, OscNatsError } from "../errors.ts";
import type { ExecutorEvents } from "../server/executor.ts";
import type { NatsLink } from "./nats-link.ts";
import type { NatsMessage } from "./nats-message.ts";
import { ID_HEADER } from "./packet-headers.ts";
import type { Outgoing, Outlet } from "./outlet.ts";

/** How long the stream may take to say that it has a packet, before it is published again, in milliseconds. */
const ACK_MS = 5000;
/** How long to wait when the stream takes no more, or nobody answers for it. */
const PAUSE_MS = 100;
/** A refusal is reported this often at most. */
const REPORT_MS = 1000;
/** What NATS answers where there is no stream for a subject. */
const NO_RESPONDERS = 503;

interface Stored extends Outgoing {
  publishedAt: number;
}

/** What JetStream answers. */
interface Acknowledgement {
  readonly stream?: string;
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
}

export interface StreamOutletOptions {
  /** How many packets may be on their way to the stream. */
  readonly maxInFlight: number;
  /** Tells the packets of this front end from those of others. */
  readonly id: string;
  answerSubject(number: number): string;
  /** There is room again. */
  onRoom(): void;
  /** The stream is gone: makes it again. */
  restore(): Promise<void>;
}

/**
 * At least once: a packet is handled, as far as the front end is concerned, when the stream has said that it keeps it. Until then it is published again, under
 * the same id and in the same order, so that the stream passes over what it has.
 */
export class StreamOutlet implements Outlet {
  readonly #link: NatsLink;
  readonly #events: ExecutorEvents;
  readonly #options: StreamOutletOptions;
  /** In the order of their numbers. */
  readonly #out = new Map<number, Stored>();
  #next = 0;
  /** Those from this number on are to be published again, before anything new. */
  #again: number | null = null;
  #pause: NodeJS.Timeout | null = null;
  readonly #check: NodeJS.Timeout;
  #reportedAt = -Infinity;

  constructor(link: NatsLink, events: ExecutorEvents, options: StreamOutletOptions) {
    this.#link = link;
    this.#events = events;
    this.#options = options;
    this.#check = setInterval(() => this.#publishLate(), ACK_MS / 5);
  }

  get size(): number {
    return this.#out.size;
  }

  hasRoom(size: number): boolean {
    return this.#out.size < this.#options.maxInFlight && this.#pause === null && this.#again === null && this.#link.hasRoom(size);
  }

  offer({ packet, subject, headers }: Outgoing): boolean {
    if (!this.hasRoom(packet.data.length)) return false;
    const number = this.#next;
    const stored: Stored = { packet, subject, headers: { ...headers, [ID_HEADER]: `${this.#options.id}.${number}` }, publishedAt: 0 };
    if (!this.#publish(number, stored)) return false;
    this.#next += 1;
    this.#out.set(number, stored);
    return true;
  }

  answered(number: number, message: NatsMessage): void {
    const stored = this.#out.get(number);
    if (stored === undefined) return;
    const refusal = refusalIn(message);
    if (refusal !== null) return this.#wait(refusal, message.status === NO_RESPONDERS);
    this.#out.delete(number);
    this.#events.end(stored.packet, HANDLED);
    this.#options.onRoom();
  }

  reconnected(): void {
    this.#publishAgain();
  }

  close(): void {
    clearInterval(this.#check);
    if (this.#pause !== null) clearTimeout(this.#pause);
    const left = [...this.#out.values()];
    this.#out.clear();
    for (const { packet } of left) {
      const error = new OscDroppedError("close", "A packet that the stream hadn't confirmed was dropped because the server closed.");
      this.#events.end(packet, dropped(error));
    }
  }

  #publish(number: number, stored: Stored): boolean {
    const { subject, packet, headers } = stored;
    stored.publishedAt = performance.now();
    return this.#link.publish(subject, packet.data, headers, this.#options.answerSubject(number));
  }

  /** The stream takes no more, or is not there: all that it has not taken is published again a little later, so that their order stays. */
  #wait(refusal: string, isGone: boolean): void {
    const now = performance.now();
    if (now - this.#reportedAt >= REPORT_MS) {
      // What it fails for is said when the next packet is refused.
      if (isGone) void this.#options.restore().catch(() => undefined);
      this.#reportedAt = now;
      const { server } = this.#link;
      const what = `The stream takes no packets now, so they wait here: ${refusal}. Are there workers, and is the stream large enough (stream.maxMessages, stream.maxBytes)?`;
      this.#events.report(new OscNatsError("OSC_NATS_JETSTREAM", what, server));
    }
    this.#pause ??= setTimeout(() => {
      this.#pause = null;
      this.#publishAgain();
    }, PAUSE_MS);
  }

  #publishLate(): void {
    const [oldest] = this.#out.values();
    if (this.#link.isConnected && this.#pause === null && oldest !== undefined && performance.now() - oldest.publishedAt > ACK_MS)
      this.#publishAgain();
    else if (this.#again !== null) this.#goOn();
  }

  #publishAgain(): void {
    const [first] = this.#out.keys();
    this.#again = first ?? null;
    this.#goOn();
  }

  /** Publishes what is to be published again, as far as there is room. */
  #goOn(): void {
    if (this.#again !== null) {
      for (const [number, stored] of this.#out) {
        if (number < this.#again) continue;
        this.#again = number;
        if (!this.#publish(number, stored)) return;
      }
      this.#again = null;
    }
    this.#options.onRoom();
  }
}

/** Why the stream has not taken a packet; null where it has. */
function refusalIn(message: NatsMessage): string | null {
  if (message.status === NO_RESPONDERS) return "no stream answers";
  try {
    const { stream, error } = JSON.parse(new TextDecoder().decode(message.data)) as Acknowledgement;
    if (error !== undefined) return error.description ?? `error ${error.err_code ?? error.code ?? 0}`;
    return stream === undefined || stream === "" ? "the answer is none of a stream" : null;
  } catch {
    return "the answer is none of a stream";
  }
}
