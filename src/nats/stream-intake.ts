import { OscDroppedError, OscNatsError } from "../errors.ts";
import type { PacketResult } from "../packet-result.ts";
import { DeadLetters } from "./dead-letters.ts";
import type { Intake } from "./intake.ts";
import type { NatsMessage } from "./nats-message.ts";
import { AS_OF_HEADER, asOfOf } from "./packet-headers.ts";
import { Puller } from "./puller.ts";
import { replyPrefix } from "./subject.ts";
import { WorkStream } from "./work-stream.ts";
import type { WorkerSettings } from "./worker-options.ts";
import { type WorkerContext, WorkerPeer } from "./worker-peer.ts";

const ACK = "+ACK";
const NAK = "-NAK";
const WORKING = "+WPI";
const TERM = "+TERM";
/** How long a packet waits that a worker had no room for, or lost with a thread or process, before it is delivered again. */
const AGAIN_MS = 200;
const NANOS_PER_MS = 1_000_000;
/** So many answers are kept while there is no connection; a packet whose answer is lost is delivered again. */
const MAX_LATE = 20_000;
/** A request for packets is made again after so long, in milliseconds, or sooner; see {@link expiresOf}. */
const MAX_EXPIRES = 10_000;
/** Why a packet is put aside that was delivered too often. */
const MAX_DELIVER = "max-deliver";
const encoder = new TextEncoder();

/** A packet that the stream waits to hear of. */
interface Held {
  readonly message: NatsMessage;
  readonly puller: Puller;
  readonly since: number;
  readonly deliveries: number;
}

/** At least once: the stream is told of each packet what became of it, and delivers again what it does not hear of. */
export class StreamIntake implements Intake {
  readonly #context: WorkerContext;
  readonly #settings: WorkerSettings;
  readonly #id: string;
  readonly #stream: WorkStream;
  readonly #dead: DeadLetters;
  readonly #held = new Set<Held>();
  /** Answers that are still to be sent: where, and what. */
  readonly #late: (readonly [subject: string, answer: string])[] = [];
  #pullers: readonly Puller[] = [];
  #recovering: Promise<void> | null = null;
  #draining = false;
  #working: NodeJS.Timeout | null = null;

  /** @param id tells the worker from others */
  constructor(context: WorkerContext, settings: WorkerSettings, id: string) {
    const { link } = context;
    this.#context = context;
    this.#settings = settings;
    this.#id = id;
    this.#stream = new WorkStream(link, settings.delivery);
    this.#dead = new DeadLetters(link, settings.delivery.prefix);
  }

  async open(): Promise<void> {
    await this.#stream.ensure();
    const consumers = await this.#stream.ensureConsumers(this.#settings);
    const { delivery, prefetch, ackWait } = this.#settings;
    this.#pullers = consumers.map((consumer, index) => {
      const puller: Puller = new Puller({
        link: this.#context.link,
        nextSubject: this.#stream.nextSubject(consumer),
        inbox: `${replyPrefix(delivery.prefix)}.${this.#id}.c.${index}`,
        most: delivery.partitions === null ? prefetch : 1,
        expires: expiresOf(ackWait),
        onMessage: (message) => this.#take(message, puller),
        recover: () => this.#recover(),
      });
      return puller;
    });
    for (const puller of this.#pullers) puller.open();
    this.#working = setInterval(() => this.#speakUp(), ackWait / 3);
    await this.#context.link.flush();
  }

  reconnected(): void {
    for (const [subject, answer] of this.#late.splice(0)) this.#answer(subject, answer);
    // A server that was away may have lost what it kept in memory, and says nothing to those who ask a consumer that is gone.
    void this.#recover().then(() => {
      for (const puller of this.#pullers) puller.restart();
    });
  }

  async drain(): Promise<void> {
    this.#draining = true;
    await Promise.all(this.#pullers.map((puller) => puller.stop()));
  }

  close(): void {
    if (this.#working !== null) clearInterval(this.#working);
    this.#held.clear();
  }

  #take(message: NatsMessage, puller: Puller): void {
    const deliveries = deliveriesOf(message.reply);
    const held: Held = { message, puller, since: performance.now(), deliveries };
    this.#held.add(held);
    if (this.#draining) return this.#end(held, NAK);
    if (deliveries > this.#settings.maxDeliver) return void this.#bury(held, MAX_DELIVER);
    if (deliveries > 1) this.#context.events.onDelivery?.("redelivered");
    const peer = new WorkerPeer(message, this.#context, (result) => this.#settled(held, result));
    this.#context.events.onPacket(message.data, peer, asOfOf(message.header(AS_OF_HEADER)));
  }

  #settled(held: Held, result: PacketResult): void {
    if (result.kind === "rejected") return void this.#bury(held, result.reason);
    const closed = result.kind === "dropped" && result.error instanceof OscDroppedError && result.error.limit === "close";
    if (result.kind === "dropped") this.#end(held, closed ? NAK : `${NAK} ${JSON.stringify({ delay: AGAIN_MS * NANOS_PER_MS })}`);
    else this.#end(held, ACK);
  }

  /** Puts a packet aside for good. Where that is not possible now, it is delivered again, and put aside then. */
  async #bury(held: Held, reason: string): Promise<void> {
    const { message, deliveries } = held;
    try {
      await this.#dead.put(message, reason, deliveries);
    } catch (error) {
      this.#context.events.onError(error as OscNatsError);
      return this.#end(held, `${NAK} ${JSON.stringify({ delay: 1000 * NANOS_PER_MS })}`);
    }
    this.#context.events.onDelivery?.("deadLettered");
    // What was refused has been reported as that.
    if (reason === MAX_DELIVER) this.#reportDead(message, deliveries);
    this.#end(held, TERM);
  }

  #reportDead(message: NatsMessage, deliveries: number): void {
    const what = `A packet that workers were given ${deliveries - 1} times, and none has handled (maxDeliver), was put aside under ${this.#dead.subjectOf(message)}.`;
    const { address } = new WorkerPeer(message, this.#context, null);
    this.#context.events.onError(new OscNatsError("OSC_NATS_DEAD_LETTER", what, this.#context.link.server), address);
  }

  #end(held: Held, answer: string): void {
    if (!this.#held.delete(held)) return;
    this.#answer(held.message.reply, answer);
    held.puller.done();
  }

  #answer(subject: string, answer: string): void {
    const later = (): void => {
      if (this.#late.length < MAX_LATE) this.#late.push([subject, answer]);
    };
    const sent = this.#context.link.publish(subject, encoder.encode(answer), {}, "", (ok) => {
      if (!ok) later();
    });
    if (!sent) later();
  }

  /** Says of the packets that are being handled that they are, so that they are not given to others. */
  #speakUp(): void {
    const oldest = performance.now() - this.#settings.handlerTimeout;
    for (const { message, since } of this.#held) {
      if (since > oldest) this.#context.link.publish(message.reply, encoder.encode(WORKING));
    }
    if (this.#context.link.isConnected) for (const [subject, answer] of this.#late.splice(0)) this.#answer(subject, answer);
  }

  /** Makes stream and consumers again where they are gone: once for all that ask for it at the same time. */
  #recover(): Promise<void> {
    this.#recovering ??= this.#restore().finally(() => {
      this.#recovering = null;
    });
    return this.#recovering;
  }

  async #restore(): Promise<void> {
    try {
      await this.#stream.ensure();
      await this.#stream.ensureConsumers(this.#settings);
    } catch (error) {
      if (this.#context.link.isConnected) this.#context.events.onError(error as OscNatsError);
    }
  }
}

/**
 * How long a request for packets may outlive the worker that made it. It must be gone when what the worker had is due again, two thirds of `ackWait` after the
 * worker's end or later: servers of NATS before 2.10.14 that then find nobody but the dead count the packet's deliveries from the beginning, and may
 * give a worker to come another packet twice, and this one late.
 */
function expiresOf(ackWait: number): number {
  return Math.min(MAX_EXPIRES, ackWait / 2);
}

/** How often a packet has been delivered, this time included, as the subject says that NATS wants its answer under. */
function deliveriesOf(reply: string): number {
  const tokens = reply.split(".");
  // Newer servers put domain and account before the stream.
  return Number(tokens[tokens.length === 9 ? 4 : 6] ?? 1);
}
