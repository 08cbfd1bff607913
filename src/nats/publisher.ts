/** From a front end to NATS: the two deliveries differ in this alone. */
import type { JetStreamClient } from "@nats-io/jetstream";
import { OscDroppedError, OscNatsError } from "../errors.ts";
import { HANDLED, dropped } from "../packet-result.ts";
import type { ExecutorEvents, Packet } from "../server/executor.ts";
import { type NatsLink, type NatsMessage, NO_RESPONDERS } from "./connection.ts";
import type { PacketHeaders } from "./headers.ts";

/** A packet as it is published. */
export interface Outgoing {
  readonly packet: Packet;
  readonly subject: string;
  readonly headers: PacketHeaders;
}

export interface Publisher {
  /** How many packets are on their way. */
  readonly size: number;
  /** Whether it would take a packet of that many bytes now. */
  hasRoom(size: number): boolean;
  /** Takes the packet if there is room, and reports its result to the executor's events. */
  offer(outgoing: Outgoing): boolean;
  /** NATS answered the packet with that number. */
  answered?(number: number, message: NatsMessage): void;
  /** The connection was made again, or broke. */
  connectionChanged?(isConnected: boolean): void;
  /** Gives up: drops what is still on its way. */
  close(): void;
}

/** At most once: a packet counts as handled when NATS has confirmed it and somebody listened. It is never published twice. */
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
    // NATS answers before it confirms, and only if nobody listens.
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
    const message = `A packet was dropped because no worker listens at NATS (${server}). Start one with the same prefix, order and partitions, or use delivery "at-least-once".`;
    this.#events.end(packet, dropped(new OscNatsError("OSC_NATS_NO_WORKER", message, server)));
  }

  close(): void {
    const left = [...this.#inFlight.values()];
    this.#inFlight.clear();
    for (const packet of left) this.#events.end(packet, dropped(this.#lost()));
  }

  #lost(): OscNatsError {
    const { server } = this.#link;
    const message = `A packet may be lost because the connection to NATS at ${server} broke before it was confirmed. With delivery "at-least-once" it would be published again.`;
    return new OscNatsError("OSC_NATS_DISCONNECTED", message, server);
  }
}

/** How long the stream may take to confirm a packet before it is published again, in milliseconds. */
const CONFIRM_MS = 5000;
/** The pause before packets are published again that the stream rejected. */
const PAUSE_MS = 100;
/** A rejection is reported this often at most. */
const REPORT_MS = 1000;

export interface StreamPublisherSettings {
  /** How many packets may be on their way, and how many bytes. */
  readonly maxInFlight: number;
  readonly maxBytes: number;
  /** Tells the packets of this front end from those of others. */
  readonly id: string;
  /** There is room again. */
  onRoom(): void;
  /** Creates the stream again if it is gone. */
  restore(): void;
}

interface InFlight {
  readonly packet: Packet;
  /** Ends the wait for the stream's confirmation. */
  readonly fail: (reason: unknown) => void;
}

/**
 * At least once: a packet counts as handled when the stream has confirmed it. Until then it is published again with the same id, in the
 * same order, so that the stream ignores what it has already.
 */
export class StreamPublisher implements Publisher {
  readonly #link: NatsLink;
  readonly #stream: JetStreamClient;
  readonly #events: ExecutorEvents;
  readonly #settings: StreamPublisherSettings;
  readonly #inFlight = new Map<string, InFlight>();
  #bytes = 0;
  #next = 0;
  /** How many packets wait to be published again; nothing new is published before them. */
  #failed = 0;
  /** Resolves when they are. */
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

  /** Publishes the packet until the stream has confirmed it. */
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

  /** Resolves after a pause, for all packets that failed meanwhile, or when there is a connection again. */
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

  /** The stream is full or gone; a timeout alone is nobody's fault. */
  #reportRejection(error: Error): void {
    const now = performance.now();
    if (error.name === "TimeoutError" || now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    // Why that fails, if it does, is said when the next packet is rejected.
    if (error.name === "JetStreamNotEnabled") this.#settings.restore();
    const { server } = this.#link;
    const message = `The stream accepts no packets now, so they wait here: ${error.message}. Are there workers, and is the stream large enough (stream.maxMessages, stream.maxBytes)?`;
    this.#events.report(new OscNatsError("OSC_NATS_JETSTREAM", message, server, { cause: error }));
  }
}
