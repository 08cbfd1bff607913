/** The worker side of at-least-once delivery. */
import { randomBytes } from "node:crypto";
import type { JetStreamClient } from "@nats-io/jetstream";
import { OscDroppedError, type OscError, OscNatsError } from "../errors.ts";
import type { PacketResult } from "../packet-result.ts";
import type { TransportEvents } from "../transport/transport.ts";
import { natsError } from "./connect.ts";
import { type NatsLink, type NatsListener, type NatsMessage, NO_RESPONDERS } from "./connection.ts";
import { CLIENT_HEADER, DELIVERIES_HEADER, REASON_HEADER, TRANSPORT_HEADER, VIA_HEADER, clientOf } from "./headers.ts";
import type { WorkerSettings } from "./options.ts";
import type { Settle } from "./peer.ts";
import { WorkStream } from "./streams.ts";
import { deadPrefix, replyPrefix } from "./subject.ts";

/** Acknowledgements to the stream. */
const ACK = "+ACK";
const NAK = "-NAK";
const WORKING = "+WPI";
const TERM = "+TERM";
/** Redelivery delay if the worker had no room for a packet, or lost it with a thread or process. */
const AGAIN_MS = 200;
/** Redelivery delay if a packet couldn't be stored as a dead letter. */
const BURY_AGAIN_MS = 1000;
const NANOS_PER_MS = 1_000_000;
/** Maximum number of acknowledgements kept while disconnected; if one is lost, its packet is redelivered. */
const MAX_LATE = 20_000;
/** The dead letter reason of a packet delivered too often. */
const MAX_DELIVER = "max-deliver";
const DEAD_LETTER_MS = 5000;
/** The packet headers kept in a dead letter. */
const KEPT_HEADERS = [CLIENT_HEADER, TRANSPORT_HEADER, VIA_HEADER];
/** The delay before recreating consumers that don't answer. */
const RESTORE_MS = 500;
const CHECK_MS = 1000;
const MAX_EXPIRES_MS = 10_000;
const encoder = new TextEncoder();

/** A packet received by the worker but not yet acknowledged. */
interface Held {
  readonly message: NatsMessage;
  readonly pull: Pull;
  readonly since: number;
  readonly deliveries: number;
}

/** Requests packets from the stream and acknowledges each; the stream redelivers unacknowledged packets. */
export class StreamConsumer {
  readonly #link: NatsLink;
  readonly #settings: WorkerSettings;
  readonly #events: TransportEvents;
  readonly #receive: (message: NatsMessage, settle: Settle) => void;
  readonly #stream: WorkStream;
  readonly #held = new Set<Held>();
  /** Acknowledgements not sent yet. */
  readonly #late: (readonly [subject: string, answer: string])[] = [];
  #client: JetStreamClient | null = null;
  #pulls: readonly Pull[] = [];
  #draining = false;
  #isRestoring = false;
  #restoreTimer: NodeJS.Timeout | undefined;
  #checkTimer: NodeJS.Timeout | undefined;
  #workingTimer: NodeJS.Timeout | undefined;

  /** @param receive passes a packet to the server */
  constructor(link: NatsLink, settings: WorkerSettings, events: TransportEvents, receive: (message: NatsMessage, settle: Settle) => void) {
    this.#link = link;
    this.#settings = settings;
    this.#events = events;
    this.#receive = receive;
    this.#stream = new WorkStream(link, settings);
  }

  async open(): Promise<void> {
    const { prefix, partitions, prefetch, ackWait } = this.#settings;
    await this.#stream.ensure();
    const names = await this.#stream.ensureConsumers(this.#settings);
    const client = await this.#stream.client();
    this.#client = client;
    const inbox = `${replyPrefix(prefix)}.${randomBytes(6).toString("hex")}.c`;
    const most = partitions === null ? prefetch : 1;
    const expires = Math.min(MAX_EXPIRES_MS, ackWait / 2);
    this.#pulls = names.map((name, index) => {
      const subject = `${client.apiPrefix}.CONSUMER.MSG.NEXT.${this.#settings.stream.name}.${name}`;
      return new Pull(this.#link, { subject, inbox: `${inbox}.${index}`, most, expires }, (message, pull) => {
        if (message === null) this.#restoreSoon();
        else this.#take(message, pull);
      });
    });
    this.#checkTimer = setInterval(() => this.#check(), CHECK_MS);
    this.#workingTimer = setInterval(() => this.#reportHeld(), ackWait / 3);
  }

  /** Called after reconnecting. */
  reconnected(): void {
    this.#sendLate();
    // A restarted server may have lost its in-memory state, and doesn't answer requests to a missing consumer.
    void this.#restore();
  }

  /** Stops requesting packets; those that still arrive are returned to the stream. */
  async drain(): Promise<void> {
    this.#draining = true;
    await Promise.all(this.#pulls.map((pull) => pull.stop()));
  }

  close(): void {
    clearInterval(this.#checkTimer);
    clearInterval(this.#workingTimer);
    clearTimeout(this.#restoreTimer);
    this.#held.clear();
  }

  #take(message: NatsMessage, pull: Pull): void {
    const deliveries = deliveryOf(message).count;
    const held: Held = { message, pull, since: performance.now(), deliveries };
    this.#held.add(held);
    if (this.#draining) return this.#end(held, NAK);
    if (deliveries > this.#settings.maxDeliver) return void this.#bury(held, MAX_DELIVER);
    if (deliveries > 1) this.#events.onDelivery?.("redelivered");
    this.#receive(message, (result) => this.#settled(held, result));
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

  /** Stores a packet as a dead letter, byte for byte. If that fails, the packet is redelivered and stored then. */
  async #bury(held: Held, reason: string): Promise<void> {
    const { message, deliveries } = held;
    const { prefix, stream } = this.#settings;
    const subject = `${deadPrefix(prefix)}${message.subject.slice(prefix.length)}`;
    const kept = KEPT_HEADERS.map((name) => [name, message.header(name)] as const).filter(([, value]) => value !== "");
    const headers = this.#link.headers({
      ...Object.fromEntries(kept),
      [REASON_HEADER]: reason,
      [DELIVERIES_HEADER]: String(deliveries),
    });
    try {
      const msgID = `${stream.name}.${deliveryOf(message).sequence}`;
      await this.#client?.publish(subject, message.data, { msgID, timeout: DEAD_LETTER_MS, headers });
    } catch (error) {
      this.#events.onError(natsError(error, this.#link.server));
      return this.#end(held, nakAfter(BURY_AGAIN_MS));
    }
    this.#events.onDelivery?.("deadLettered");
    // Rejections have already been reported.
    if (reason === MAX_DELIVER) {
      const what = `A packet delivered ${deliveries - 1} times without being handled (maxDeliver) was stored as a dead letter at ${subject}.`;
      const error = new OscNatsError("OSC_NATS_DEAD_LETTER", what, this.#link.server);
      this.#events.onError(error, clientOf(message.header(CLIENT_HEADER)));
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

  /** Tells the stream which packets are still being handled, so it doesn't redeliver them. */
  #reportHeld(): void {
    const oldest = performance.now() - this.#settings.handlerTimeout;
    for (const { message, since } of this.#held) {
      if (since > oldest) this.#link.publish(message.reply, encoder.encode(WORKING));
    }
    if (this.#link.isConnected) this.#sendLate();
  }

  #check(): void {
    for (const pull of this.#pulls) pull.check();
  }

  #restoreSoon(): void {
    if (this.#draining || this.#isRestoring) return;
    this.#restoreTimer ??= setTimeout(() => void this.#restore(), RESTORE_MS);
  }

  /** Recreates the stream and its consumers if they are gone, and requests packets again. */
  async #restore(): Promise<void> {
    clearTimeout(this.#restoreTimer);
    this.#restoreTimer = undefined;
    if (this.#isRestoring) return;
    this.#isRestoring = true;
    try {
      await this.#stream.ensure();
      await this.#stream.ensureConsumers(this.#settings);
    } catch (error) {
      if (this.#link.isConnected) this.#events.onError(error as OscError);
    }
    this.#isRestoring = false;
    for (const pull of this.#pulls) pull.restart();
  }
}

/** Grace period for the answer to a request. */
const PATIENCE_MS = 2000;
const DELETED = 409;

interface PullSettings {
  /** The subject for requesting packets. */
  readonly subject: string;
  /** The subject on which they arrive. */
  readonly inbox: string;
  /** Maximum number of packets the worker may hold. */
  readonly most: number;
  /**
   * Expiry of a request, in milliseconds. It must expire before a dead worker's packets are redelivered: servers before 2.10.14 restart the
   * delivery count if they find only dead workers' requests.
   */
  readonly expires: number;
}

/**
 * Requests packets from one consumer, as many as the worker has room for. The library's `consume()` and `fetch()` aren't suitable: their requests
 * last at least a second (see `expires`), `consume()` requests more packets before previous ones are finished or buffers packets that can't be
 * reported as in progress, and neither immediately returns packets that arrive while stopping.
 */
class Pull {
  readonly #link: NatsLink;
  readonly #settings: PullSettings;
  readonly #onMessage: (message: NatsMessage | null, pull: Pull) => void;
  readonly #listener: NatsListener;
  /** Requested packets that haven't arrived. */
  #wanted = 0;
  /** Received packets that aren't finished. */
  #held = 0;
  #heardAt = 0;
  #stopped = false;

  /** @param onMessage called with a packet, or with null if the consumer seems to be gone */
  constructor(link: NatsLink, settings: PullSettings, onMessage: (message: NatsMessage | null, pull: Pull) => void) {
    this.#link = link;
    this.#settings = settings;
    this.#onMessage = onMessage;
    this.#listener = link.subscribe(settings.inbox, null, (message) => this.#take(message));
    this.#request();
  }

  /** Called when the worker has finished a packet. */
  done(): void {
    this.#held -= 1;
    this.#request();
  }

  /** Forgets outstanding requests and requests again. */
  restart(): void {
    this.#wanted = 0;
    this.#request();
  }

  /** Checks for an overdue answer. */
  check(): void {
    if (this.#wanted > 0 && performance.now() - this.#heardAt > this.#settings.expires + PATIENCE_MS) this.#onMessage(null, this);
    else this.#request();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#listener.drain().catch(() => undefined);
  }

  #take(message: NatsMessage): void {
    this.#heardAt = performance.now();
    if (message.status === 0) {
      this.#wanted = Math.max(0, this.#wanted - 1);
      this.#held += 1;
      this.#onMessage(message, this);
      return;
    }
    const left = message.header("Nats-Pending-Messages");
    this.#wanted = left === "" ? 0 : Math.max(0, this.#wanted - Number(left));
    if (message.status === NO_RESPONDERS || message.status === DELETED) this.#onMessage(null, this);
    else this.#request();
  }

  #request(): void {
    const { subject, inbox, most, expires } = this.#settings;
    const room = most - this.#held - this.#wanted;
    // Requests cost a message each: wait until one covers several packets, unless none are outstanding.
    if (this.#stopped || room < 1 || (this.#wanted > 0 && room * 4 < most)) return;
    const request = JSON.stringify({ batch: room, expires: expires * NANOS_PER_MS });
    if (!this.#link.publish(subject, encoder.encode(request), {}, inbox)) return;
    this.#wanted += room;
    this.#heardAt = performance.now();
  }
}

function nakAfter(ms: number): string {
  return `${NAK} ${JSON.stringify({ delay: ms * NANOS_PER_MS })}`;
}

/** Parses a packet's acknowledgement subject: its number of deliveries, including this one, and its sequence number in the stream. */
function deliveryOf({ reply }: NatsMessage): { readonly count: number; readonly sequence: string } {
  const tokens = reply.split(".");
  // Newer servers add domain and account before the stream.
  const first = tokens.length === 9 ? 4 : 6;
  return { count: Number(tokens[first] ?? 1), sequence: tokens[first + 1] ?? "" };
}
