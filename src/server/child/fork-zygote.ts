import { readSync, writeSync } from "node:fs";
import { ANSWERS_FD, type FromChild, PACKETS_FD, type PacketFrame, encodeAnswer } from "./child-frames.ts";
import { Dispatcher } from "../../dispatch/index.ts";
import { OscBundle, OscMessage, blob, encode } from "../../codec/index.ts";
import { packError } from "../crossing/error-transfer.ts";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import { ForkCalls, type Forked, PollTable } from "./fork-calls.ts";
import { type Order, decodeOrder, encodeEnded, encodeHandled, encodeOrder, encodeParts } from "./fork-frames.ts";
import type { Outcome } from "../road/packet.ts";
import { runPacket } from "../road/run-packet.ts";
import type { WorkerService } from "../pool/worker-role.ts";

/** Enough for V8 to collect several times, while few are kept: a process may not have much memory. */
const TEST_OBJECTS = 200_000;
const KEPT_OBJECTS = 1000;
const WARM_ROUNDS = 20;
const MAX_FRAME = 0x7fffffff;
/** How much of the orders is read at once. */
const READ_SIZE = 64 * 1024;

/** A child that has been forked, and its number. */
interface Child extends Forked {
  readonly id: number;
}

/**
 * The process of which the children of a forking server are copies: the program, loaded up to its server, which from then on does nothing but
 * to fork a child for each packet and to wait for its end.
 */
export class Zygote {
  readonly #calls = new ForkCalls();
  /** The first place is that of the orders; the child at each of the others is in `#children`, one place before. */
  readonly #polls = new PollTable();
  readonly #children: Child[] = [];
  /** The number of this process: 0 is the zygote. */
  #id = 0;
  /** While it only practises, and what it says is not written. */
  #isMute = false;

  /**
   * @param parent the process of the server
   * @throws Error where forking is not to be had
   */
  constructor(parent: number) {
    if (!this.#calls.dieWith(parent)) throw new Error("the server has ended");
  }

  /** Tells the pool something, in the name of this process. */
  tell(answer: FromChild): void {
    this.#say(this.#id, answer);
  }

  /** Serves until the server closes its pipe. */
  serve(service: WorkerService): never {
    this.#warmUp();
    this.#calls.tidy();
    this.tell({ type: "ready", strictTiming: service.strictTiming });
    const orders = new LengthPrefixDecoder({
      maxPacketSize: MAX_FRAME,
      onPacket: (body) => this.#obey(decodeOrder(Buffer.from(body.buffer, body.byteOffset, body.length)), service),
      onError: () => this.#end(),
    });
    const bytes = Buffer.allocUnsafeSlow(READ_SIZE);
    this.#polls.add(PACKETS_FD);
    for (;;) {
      this.#calls.awaitReadable(this.#polls);
      const hasOrders = this.#polls.isReadable(0);
      this.#reap();
      if (!hasOrders) continue;
      const size = readSync(PACKETS_FD, bytes, 0, READ_SIZE, null);
      if (size === 0) this.#end();
      orders.push(bytes.subarray(0, size));
    }
  }

  /** Handles a few packets as children do, so that not each of them has to compile what it needs for one. */
  #warmUp(): void {
    const service = warmService();
    const client = { address: "127.0.0.1", port: 1, family: "IPv4" } as const;
    const message = new OscMessage("/warm/up", [1, 0.5, "text", true, blob(new Uint8Array(1))]);
    const packets = [encode(message), encode(new OscBundle(message))];
    this.#isMute = true;
    for (let round = 0; round < WARM_ROUNDS; round += 1) {
      for (const data of packets) {
        const order = encodeOrder({ type: "fork", id: 1, packet: { data, client, asOf: Infinity } });
        const { packet } = decodeOrder(Buffer.from(order.subarray(4))) as { packet: PacketFrame };
        this.#handle(service, packet);
      }
    }
    this.#isMute = false;
  }

  #obey(order: Order, service: WorkerService): void {
    if (order.type === "kill") {
      const child = this.#children.find(({ id }) => id === order.id);
      if (child !== undefined) this.#calls.kill(child.pid);
    } else if (order.type === "fork") {
      this.#fork(order.id, () => this.#handle(service, order.packet));
    } else {
      this.#fork(order.id, () => this.#test());
    }
  }

  #fork(id: number, work: () => void): void {
    let child: Forked | null;
    try {
      child = this.#calls.fork();
    } catch (error) {
      this.#say(id, { type: "unusable", reason: String(error) });
      this.#write(encodeEnded(id, 0));
      return;
    }
    if (child !== null) {
      this.#children.push({ id, ...child });
      this.#polls.add(child.pidfd);
      return;
    }
    this.#id = id;
    try {
      work();
      this.#calls.exit(0);
    } catch {
      this.#calls.exit(1);
    }
  }

  #handle(service: WorkerService, { data, client, asOf }: PacketFrame): void {
    const outcome = service.run(data, client, asOf, {
      reply: (reply) => this.tell({ type: "reply", data: reply }),
      report: (error) => this.tell({ type: "report", error: packError(error) }),
    }) as Outcome;
    if (outcome === null) this.#write(encodeHandled(this.#id));
    else this.tell({ type: "settled", outcome: packError(outcome) });
  }

  #test(): void {
    const kept: { index: number; text: string }[] = [];
    for (let index = 0; index < TEST_OBJECTS; index += 1) kept[index % KEPT_OBJECTS] = { index, text: `object ${index}` };
    if (kept.every(({ index, text }) => text === `object ${index}`)) this.#write(encodeHandled(this.#id));
  }

  /** Waits for the children that have ended, the last first, for the last takes the place of one that is taken out. */
  #reap(): void {
    for (let index = this.#children.length - 1; index >= 0; index -= 1) {
      if (!this.#polls.isReadable(index + 1)) continue;
      const child = this.#children[index] as Child;
      const last = this.#children.pop() as Child;
      if (last !== child) this.#children[index] = last;
      this.#polls.remove(index + 1);
      this.#write(encodeEnded(child.id, this.#calls.reap(child)));
    }
  }

  #end(): never {
    for (const { pid } of this.#children) this.#calls.kill(pid);
    for (const child of this.#children) this.#calls.reap(child);
    return this.#calls.exit(0);
  }

  #say(id: number, answer: FromChild): void {
    for (const part of encodeParts(id, encodeAnswer(answer))) this.#write(part);
  }

  #write(frame: Uint8Array): void {
    try {
      if (this.#isMute) writeSync(ANSWERS_FD, frame, 0, 0);
      else for (let written = 0; written < frame.length;) written += writeSync(ANSWERS_FD, frame, written);
    } catch {
      // The server is gone, and nobody is left to work for.
      this.#calls.exit(1);
    }
  }
}

/** What the warm-up is done with: handlers of its own, for those of the program are not to notice anything. */
function warmService(): WorkerService {
  const dispatcher = new Dispatcher();
  dispatcher.map("/warm/up", (address, ...values) => [address, ...(values as number[])]);
  const handling = { dispatcher, mode: "sync", strict: false, maxNesting: 2, maxPacketSize: 1024 } as const;
  const all = { ...handling, verify: () => true, shutdown: () => undefined };
  return { strictTiming: true, run: (data, client, asOf, sink) => runPacket(all, data, client, asOf, sink) };
}
