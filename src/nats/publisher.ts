/** Publishing from a front end to NATS: the only part that differs between the two delivery guarantees. */
import type { JetStreamClient } from "@nats-io/jetstream";
import { OscDroppedError, OscNatsError } from "../errors.ts";
import { HANDLED, dropped } from "../packet-result.ts";
import type { ExecutorEvents, Packet } from "../server/executor.ts";
import { type NatsLink, type NatsMessage, NO_RESPONDERS } from "./connection.ts";
import type { PacketHeaders } from "./headers.ts";

/** A packet to publish. */
export interface Outgoing {
  readonly packet: Packet;
  readonly subject: string;
  readonly headers: PacketHeaders;
}

export interface Publisher {
  /** Number of packets in flight. */
  readonly size: number;
  /** Whether a packet of this size can be published now. */
  hasRoom(size: number): boolean;
  /** Publishes the packet if there is room, and reports its result to the executor's events. */
  offer(outgoing: Outgoing): boolean;
  /** NATS answered the packet with this number. */
  answered?(number: number, message: NatsMessage): void;
  /** The connection was re-established or broke. */
  connectionChanged?(isConnected: boolean): void;
  /** Drops packets in flight. */
  close(): void;
}

/** At most once: a packet counts as handled when NATS has confirmed it and a worker was subscribed. It is never published twice. */
export class CorePublisher implements Publisher {
  readonly #link: NatsLink;
  readonly #events: ExecutorEvents;
  readonly #answerSubject: (number: number) => string;
  readonly #inFlight = new Map<number, Packet>();
  #next = 0;

  constructor(link: NatsLink, events: ExecutorEvents, answerSubject: (number: number) => string) {
    this.#link = link;
    this.#events = events;
    this.#answerSubject = answerSubject;
  }

  get size(): number {
    return this.#inFlight.size;
  }

  hasRoom(size: number): boolean {
    return this.#link.hasRoom(size);
  }

  offer({ packet, subject, headers }: Outgoing): boolean {
    const number = this.#next;
    // NATS answers only if there are no subscribers, and before it confirms.
    const taken = this.#link.publish(subject, packet.data, headers, this.#answerSubject(number), (ok) => {
      if (!this.#inFlight.delete(number)) return;
      if (ok) this.#events.end(packet, HANDLED);
      else this.#events.end(packet, dropped(this.#lost()));
    });
    if (!taken) return false;
    this.#next += 1;
    this.#inFlight.set(number, packet);
    return true;
  }

  answered(number: number, { status }: NatsMessage): void {
    const packet = this.#inFlight.get(number);
    if (packet === undefined || status !== NO_RESPONDERS) return;
    this.#inFlight.delete(number);
    const { server } = this.#link;
    const message = `A packet was dropped because no worker is connected to NATS (${server}). Start one with the same prefix, order and partitions, or use delivery "at-least-once".`;
    this.#events.end(packet, dropped(new OscNatsError("OSC_NATS_NO_WORKER", message, server)));
  }

  close(): void {
    const left = [...this.#inFlight.values()];
    this.#inFlight.clear();
    for (const packet of left) this.#events.end(packet, dropped(this.#lost()));
  }

  #lost(): OscNatsError {
    const { server } = this.#link;
    const message = `A packet may be lost because the connection to NATS at ${server} broke before it was confirmed. Use delivery "at-least-once" to republish such packets.`;
    return new OscNatsError("OSC_NATS_DISCONNECTED", message, server);
  }
}

/** Timeout for the stream's confirmation before a packet is republished. */
const CONFIRM_MS = 5000;
/** The delay before rejected packets are republished. */
const PAUSE_MS = 100;
/** Minimum interval between reports of rejections. */
const REPORT_MS = 1000;

export interface StreamPublisherSettings {
  /** Maximum number of packets in flight, and their total bytes. */
  readonly maxInFlight: number;
  readonly maxBytes: number;
  /** Distinguishes this front end's packets from those of others. */
  readonly id: string;
  /** There is room again. */
  onRoom(): void;
  /** Recreates the stream if it is gone. */
  restore(): void;
}

interface InFlight {
  readonly packet: Packet;
  /** Stops waiting for the stream's confirmation. */
  readonly fail: (reason: unknown) => void;
}

/**
 * At least once: a packet counts as handled when the stream has confirmed it. Until then it is republished with the same id and in the same
 * order, so the stream ignores duplicates.
 */
export class StreamPublisher implements Publisher {
  readonly #link: NatsLink;
  readonly #stream: JetStreamClient;
  readonly #events: ExecutorEvents;
  readonly #settings: StreamPublisherSettings;
  readonly #inFlight = new Map<string, InFlight>();
  #bytes = 0;
  #next = 0;
  /** Number of packets waiting to be republished; new packets wait for them. */
  #failed = 0;
  /** Resolves when they have been republished. */
  #gate: Promise<void> | null = null;
  #openGate: () => void = () => undefined;
  #reportedAt = -Infinity;

  constructor(link: NatsLink, stream: JetStreamClient, events: ExecutorEvents, settings: StreamPublisherSettings) {
    this.#link = link;
    this.#stream = stream;
    this.#events = events;
    this.#settings = settings;
  }

  get size(): number {
    return this.#inFlight.size;
  }

  hasRoom(size: number): boolean {
    const { maxInFlight, maxBytes } = this.#settings;
    const { size: packets } = this.#inFlight;
    return this.#failed === 0 && this.#link.isConnected && (packets === 0 || (packets < maxInFlight && this.#bytes + size <= maxBytes));
  }

  offer(outgoing: Outgoing): boolean {
    if (!this.hasRoom(outgoing.packet.data.length)) return false;
    void this.#store(outgoing, `${this.#settings.id}.${this.#next++}`);
    return true;
  }

  connectionChanged(isConnected: boolean): void {
    if (isConnected) this.#openGate();
    else for (const { fail } of this.#inFlight.values()) fail(null);
  }

  close(): void {
    const left = [...this.#inFlight.values()];
    this.#inFlight.clear();
    this.#openGate();
    for (const { packet, fail } of left) {
      fail(null);
      const error = new OscDroppedError("close", "A packet that the stream hadn't confirmed was dropped because the server closed.");
      this.#events.end(packet, dropped(error));
    }
  }

  /** Publishes the packet until the stream confirms it. */
  async #store(outgoing: Outgoing, id: string): Promise<void> {
    const { packet } = outgoing;
    this.#bytes += packet.data.length;
    for (let isStored = false; !isStored;) {
      try {
        await this.#publish(outgoing, id);
        isStored = true;
      } catch (error) {
        if (!this.#inFlight.has(id)) break;
        if (error !== null) this.#reportRejection(error as Error);
        this.#failed += 1;
        do await this.#publishAgain();
        while (!this.#link.isConnected && this.#inFlight.has(id));
        this.#failed -= 1;
        if (!this.#inFlight.has(id)) break;
      }
    }
    this.#bytes -= packet.data.length;
    if (this.#inFlight.delete(id)) this.#events.end(packet, HANDLED);
    this.#settings.onRoom();
  }

  /** Resolves when the stream has confirmed the packet. Rejects with null if the connection broke or the publisher was closed. */
  #publish({ packet, subject, headers }: Outgoing, id: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#inFlight.set(id, { packet, fail: reject });
      const options = { msgID: id, timeout: CONFIRM_MS, headers: this.#link.headers(headers) };
      this.#stream.publish(subject, packet.data, options).then(() => resolve(), reject);
    });
  }

  /** Resolves after a delay or on reconnecting; shared by all packets that fail meanwhile. */
  #publishAgain(): Promise<void> {
    this.#gate ??= new Promise((resolve) => {
      const timer = this.#link.isConnected ? setTimeout(() => this.#openGate(), PAUSE_MS) : undefined;
      this.#openGate = () => {
        clearTimeout(timer);
        this.#gate = null;
        resolve();
      };
    });
    return this.#gate;
  }

  /** Reports a full or missing stream; timeouts aren't reported. */
  #reportRejection(error: Error): void {
    const now = performance.now();
    if (error.name === "TimeoutError" || now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    // If this fails, the next rejected packet reports why.
    if (error.name === "JetStreamNotEnabled") this.#settings.restore();
    const { server } = this.#link;
    const message = `The stream rejects packets, so they are queued: ${error.message}. Are workers running, and is the stream large enough (stream.maxMessages, stream.maxBytes)?`;
    this.#events.report(new OscNatsError("OSC_NATS_JETSTREAM", message, server, { cause: error }));
  }
}
