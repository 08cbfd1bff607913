/** From NATS to a worker: the two deliveries differ in this alone. */
import type { JetStreamClient } from "@nats-io/jetstream";
import { OscDroppedError, type OscError, OscNatsError } from "../errors.ts";
import type { PacketResult } from "../packet-result.ts";
import type { TransportEvents } from "../transport/transport.ts";
import type { NatsLink, NatsListener, NatsMessage } from "./connection.ts";
import { natsError } from "./connect.ts";
import { AS_OF_HEADER, CLIENT_HEADER, DELIVERIES_HEADER, REASON_HEADER, TRANSPORT_HEADER, VIA_HEADER, asOfOf } from "./headers.ts";
import type { WorkerSettings } from "./options.ts";
import { NatsPeer } from "./peer.ts";
import { WorkStream } from "./streams.ts";
import { deadPrefix, partitionPrefix, replyPrefix } from "./subject.ts";

export interface Consumer {
  open(): Promise<void>;
  /** The connection was made again. */
  reconnected(): void;
  /** Takes nothing more. */
  drain(): Promise<void>;
  close(): void;
}

/** At most once: a packet that comes is handled or lost, and nobody is told. */
export class CoreConsumer implements Consumer {
  readonly #link: NatsLink;
  readonly #events: TransportEvents;
  readonly #settings: WorkerSettings;
  #listeners: readonly NatsListener[] = [];

  constructor(link: NatsLink, events: TransportEvents, settings: WorkerSettings) {
    this.#link = link;
    this.#events = events;
    this.#settings = settings;
  }

  async open(): Promise<void> {
    this.#listeners = this.#subjects().map((subject) =>
      this.#link.subscribe(subject, this.#settings.queue, (message) => this.#take(message)),
    );
    // Packets that are published once this resolves do come.
    await this.#link.flush();
  }

  reconnected(): void {}

  async drain(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.drain().catch(() => undefined)));
  }

  close(): void {}

  #subjects(): readonly string[] {
    const { delivery, share } = this.#settings;
    const { prefix, partitions } = delivery;
    if (partitions === null) return [`${prefix}.>`];
    const [index, of] = share;
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    return all.filter((partition) => partition % of === index).map((partition) => `${partitionPrefix(partition, prefix)}>`);
  }

  #take(message: NatsMessage): void {
    const peer = new NatsPeer(message, this.#link, this.#events, this.#settings.delivery.prefix, null);
    this.#events.onPacket(message.data, peer, asOfOf(message.header(AS_OF_HEADER)));
  }
}

/** Answers to the stream. */
const ACK = "+ACK";
const NAK = "-NAK";
const WORKING = "+WPI";
const TERM = "+TERM";
/** How long a packet waits before it is delivered again if the worker had no room for it, or lost it with a thread or process. */
const AGAIN_MS = 200;
/** The same for one that could not be put aside. */
const BURY_AGAIN_MS = 1000;
const NANOS_PER_MS = 1_000_000;
/** This many answers are kept while there is no connection; a packet whose answer is lost is delivered again. */
const MAX_LATE = 20_000;
/** Why a packet is put aside that was delivered too often. */
const MAX_DELIVER = "max-deliver";
const DEAD_LETTER_MS = 5000;
/** What a dead letter keeps of the packet's headers. */
const KEPT_HEADERS = [CLIENT_HEADER, TRANSPORT_HEADER, VIA_HEADER];
const encoder = new TextEncoder();

/** A packet that the worker has, and that the stream waits to hear of. */
interface Held {
  readonly message: NatsMessage;
  readonly pull: Pull;
  readonly since: number;
  readonly deliveries: number;
}

/** At least once: reports the result of each packet to the stream, which delivers again what it doesn't hear of. */
export class StreamConsumer implements Consumer {
  readonly #link: NatsLink;
  readonly #events: TransportEvents;
  readonly #settings: WorkerSettings;
  readonly #id: string;
  readonly #stream: WorkStream;
  readonly #held = new Set<Held>();
  /** Answers that could not be sent yet. */
  readonly #late: (readonly [subject: string, answer: string])[] = [];
  #client: JetStreamClient | null = null;
  #pulls: readonly Pull[] = [];
  #restoring: Promise<void> | null = null;
  #draining = false;
  #working: NodeJS.Timeout | undefined;

  /** @param id tells the worker from others */
  constructor(link: NatsLink, events: TransportEvents, settings: WorkerSettings, id: string) {
    this.#link = link;
    this.#events = events;
    this.#settings = settings;
    this.#id = id;
    this.#stream = new WorkStream(link, settings.delivery);
  }

  async open(): Promise<void> {
    const { delivery, prefetch, ackWait } = this.#settings;
    await this.#stream.ensure();
    const names = await this.#stream.ensureConsumers(this.#settings);
    this.#client = await this.#stream.client();
    this.#pulls = names.map((name, index) => {
      const pull: Pull = new Pull(this.#link, {
        subject: this.#stream.nextSubject(name),
        inbox: `${replyPrefix(delivery.prefix)}.${this.#id}.c.${index}`,
        most: delivery.partitions === null ? prefetch : 1,
        expires: Math.min(MAX_EXPIRES_MS, ackWait / 2),
        onMessage: (message) => this.#take(message, pull),
        restore: () => this.#restore(),
      });
      return pull;
    });
    this.#working = setInterval(() => this.#reportHeld(), ackWait / 3);
    await this.#link.flush();
  }

  reconnected(): void {
    this.#sendLate();
    // A server that was away may have lost what it kept in memory, and doesn't answer those who ask a consumer that is gone.
    void this.#restore().then(() => this.#pulls.forEach((pull) => pull.restart()));
  }

  async drain(): Promise<void> {
    this.#draining = true;
    await Promise.all(this.#pulls.map((pull) => pull.stop()));
  }

  close(): void {
    clearInterval(this.#working);
    this.#held.clear();
  }

  #take(message: NatsMessage, pull: Pull): void {
    const deliveries = deliveryOf(message).count;
    const held: Held = { message, pull, since: performance.now(), deliveries };
    this.#held.add(held);
    if (this.#draining) return this.#end(held, NAK);
    if (deliveries > this.#settings.maxDeliver) return void this.#bury(held, MAX_DELIVER);
    if (deliveries > 1) this.#events.onDelivery?.("redelivered");
    const { prefix } = this.#settings.delivery;
    const peer = new NatsPeer(message, this.#link, this.#events, prefix, (result) => this.#settled(held, result));
    this.#events.onPacket(message.data, peer, asOfOf(message.header(AS_OF_HEADER)));
  }

  #settled(held: Held, result: PacketResult): void {
    if (result.kind === "rejected") {
      void this.#bury(held, result.reason);
    } else if (result.kind === "dropped") {
      const isClosing = result.error instanceof OscDroppedError && result.error.limit === "close";
      this.#end(held, isClosing ? NAK : nakAfter(AGAIN_MS));
    } else {
      this.#end(held, ACK);
    }
  }

  /** Puts a packet aside as a dead letter, byte for byte. If that fails now, it is delivered again and put aside then. */
  async #bury(held: Held, reason: string): Promise<void> {
    const { message, deliveries } = held;
    const { prefix, stream } = this.#settings.delivery;
    const subject = `${deadPrefix(prefix)}${message.subject.slice(prefix.length)}`;
    const kept = KEPT_HEADERS.map((name) => [name, message.header(name)] as const).filter(([, value]) => value !== "");
    const headers = { ...Object.fromEntries(kept), [REASON_HEADER]: reason, [DELIVERIES_HEADER]: String(deliveries) };
    const made = this.#link.headers(headers);
    try {
      const msgID = `${stream.name}.${deliveryOf(message).sequence}`;
      await this.#client?.publish(subject, message.data, {
        msgID,
        timeout: DEAD_LETTER_MS,
        ...(made === undefined ? {} : { headers: made }),
      });
    } catch (error) {
      this.#events.onError(natsError(error, this.#link.server));
      return this.#end(held, nakAfter(BURY_AGAIN_MS));
    }
    this.#events.onDelivery?.("deadLettered");
    // A rejection has been reported as such.
    if (reason === MAX_DELIVER) {
      const what = `A packet that workers were given ${deliveries - 1} times and none has handled (maxDeliver) was put aside under ${subject}.`;
      const { address } = new NatsPeer(message, this.#link, this.#events, prefix, null);
      this.#events.onError(new OscNatsError("OSC_NATS_DEAD_LETTER", what, this.#link.server), address);
    }
    this.#end(held, TERM);
  }

  #end(held: Held, answer: string): void {
    if (!this.#held.delete(held)) return;
    this.#answer(held.message.reply, answer);
    held.pull.done();
  }

  #answer(subject: string, answer: string): void {
    const later = (): void => {
      if (this.#late.length < MAX_LATE) this.#late.push([subject, answer]);
    };
    const isSent = this.#link.publish(subject, encoder.encode(answer), {}, "", (ok) => {
      if (!ok) later();
    });
    if (!isSent) later();
  }

  #sendLate(): void {
    for (const [subject, answer] of this.#late.splice(0)) this.#answer(subject, answer);
  }

  /** Tells the stream which packets are still being handled, so that it doesn't deliver them again. */
  #reportHeld(): void {
    const oldest = performance.now() - this.#settings.handlerTimeout;
    for (const { message, since } of this.#held) {
      if (since > oldest) this.#link.publish(message.reply, encoder.encode(WORKING));
    }
    if (this.#link.isConnected) this.#sendLate();
  }

  /** Creates the stream and its consumers again if they are gone; once for all that ask at the same time. */
  #restore(): Promise<void> {
    this.#restoring ??= this.#stream
      .ensure()
      .then(() => this.#stream.ensureConsumers(this.#settings))
      .then(
        () => undefined,
        (error: unknown) => {
          if (this.#link.isConnected) this.#events.onError(error as OscError);
        },
      )
      .finally(() => {
        this.#restoring = null;
      });
    return this.#restoring;
  }
}

/** How long the answer to a request may be late. */
const PATIENCE_MS = 2000;
const WATCH_MS = 1000;
/** The pause before a consumer that doesn't answer is created again. */
const RESTORE_MS = 500;
const MAX_EXPIRES_MS = 10_000;
const NO_RESPONDERS = 503;
const DELETED = 409;

interface PullSettings {
  /** Where packets are requested. */
  readonly subject: string;
  /** Where they are sent. */
  readonly inbox: string;
  /** How many the worker may have. */
  readonly most: number;
  /**
   * How long a request lives, in milliseconds. It must be gone when the packets of a dead worker are delivered again: servers before 2.10.14
   * that then find only dead workers' requests count the deliveries from the beginning.
   */
  readonly expires: number;
  onMessage(message: NatsMessage): void;
  /** Creates the consumer again if it is gone. Never rejects. */
  restore(): Promise<void>;
}

/**
 * Requests packets from one consumer, as many as the worker has room for. Not the library's `consume()`: that requests more whenever packets
 * have arrived, not when they are done with, and its requests live for at least a second.
 */
class Pull {
  readonly #link: NatsLink;
  readonly #settings: PullSettings;
  readonly #listener: NatsListener;
  readonly #watch: NodeJS.Timeout;
  /** Requested and not come. */
  #wanted = 0;
  /** Come and not done with. */
  #held = 0;
  #heardAt = 0;
  #restoring: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(link: NatsLink, settings: PullSettings) {
    this.#link = link;
    this.#settings = settings;
    this.#listener = link.subscribe(settings.inbox, null, (message) => this.#take(message));
    this.#watch = setInterval(() => this.#check(), WATCH_MS);
    this.#request();
  }

  /** The worker is done with a packet. */
  done(): void {
    this.#held -= 1;
    this.#request();
  }

  /** Forgets what was requested over an earlier connection. */
  restart(): void {
    this.#wanted = 0;
    this.#request();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#watch);
    if (this.#restoring !== null) clearTimeout(this.#restoring);
    await this.#listener.drain().catch(() => undefined);
  }

  #take(message: NatsMessage): void {
    this.#heardAt = performance.now();
    if (message.status === 0) {
      this.#wanted = Math.max(0, this.#wanted - 1);
      this.#held += 1;
      this.#settings.onMessage(message);
      return;
    }
    const left = message.header("Nats-Pending-Messages");
    this.#wanted = left === "" ? 0 : Math.max(0, this.#wanted - Number(left));
    if (message.status === NO_RESPONDERS || message.status === DELETED) this.#restoreSoon();
    else this.#request();
  }

  #request(): void {
    const { subject, inbox, most, expires } = this.#settings;
    const room = most - this.#held - this.#wanted;
    // A request is a message, too: for several packets, or if nothing else would come.
    if (this.#stopped || this.#restoring !== null || room < 1 || (this.#wanted > 0 && room * 4 < most)) return;
    const request = JSON.stringify({ batch: room, expires: expires * NANOS_PER_MS });
    if (!this.#link.publish(subject, encoder.encode(request), {}, inbox)) return;
    this.#wanted += room;
    this.#heardAt = performance.now();
  }

  #restoreSoon(): void {
    if (this.#stopped) return;
    this.#restoring ??= setTimeout(() => {
      void this.#settings.restore().then(() => {
        this.#restoring = null;
        this.restart();
      });
    }, RESTORE_MS);
  }

  #check(): void {
    if (this.#wanted > 0 && performance.now() - this.#heardAt > this.#settings.expires + PATIENCE_MS) this.#restoreSoon();
    else this.#request();
  }
}

function nakAfter(ms: number): string {
  return `${NAK} ${JSON.stringify({ delay: ms * NANOS_PER_MS })}`;
}

/** How often a packet has been delivered, this time included, and its number in the stream, from the subject for its answer. */
function deliveryOf({ reply }: NatsMessage): { readonly count: number; readonly sequence: string } {
  const tokens = reply.split(".");
  // Newer servers put domain and account before the stream.
  const first = tokens.length === 9 ? 4 : 6;
  return { count: Number(tokens[first] ?? 1), sequence: tokens[first + 1] ?? "" };
}
