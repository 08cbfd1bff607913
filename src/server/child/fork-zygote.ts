import { readSync, writeSync } from "node:fs";
import { ANSWERS_FD, type ForkingInit, type FromChild, PACKETS_FD, type PacketFrame, encodeAnswer } from "./child-frames.ts";
import { packError } from "../crossing/error-transfer.ts";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import { ForkCalls } from "./fork-calls.ts";
import { decodeOrder, decodeOrderHead, encodeEnded, encodeHandled, encodeParts } from "./fork-frames.ts";
import { practiceOrders, practiceService } from "./fork-practice.ts";
import type { PacketResult } from "../../packet-result.ts";
import type { WorkerService } from "../pool/worker-role.ts";
import { ZygoteChildren } from "./zygote-children.ts";

/** Enough for V8 to collect several times, while few are kept: a process may not have much memory. */
const TEST_OBJECTS = 200_000;
const KEPT_OBJECTS = 1000;
const PRACTICE_ROUNDS = 200;
const ROUNDS_BETWEEN_COLLECTIONS = 8;
const MAX_FRAME = 0x7fffffff;
/** How much of the orders is read at once. */
const READ_SIZE = 64 * 1024;

/**
 * The process of which the children of a forking server are copies: the program, loaded up to its server, which from then on does nothing but
 * to fork children for packets and to wait for their end.
 */
export class Zygote {
  readonly #calls = new ForkCalls();
  readonly #children: ZygoteChildren;
  readonly #practiceService = practiceService();
  readonly #practiceOrders = practiceOrders();
  #service: WorkerService = this.#practiceService;
  /** The number of this process: 0 is the zygote. */
  #id = 0;
  /** While it only practises, and what it says is not written. */
  #isMute = false;

  /** @throws Error where forking is not to be had */
  constructor(init: ForkingInit) {
    if (!this.#calls.dieWith(init.server)) throw new Error("the server has ended");
    this.#children = new ZygoteChildren({
      ...init,
      calls: this.#calls,
      ordersFd: PACKETS_FD,
      carryOut: (order) => this.#carryOut(order),
      onEnd: (id, status) => this.#write(encodeEnded(id, status)),
      onFailure: (id, error) => {
        this.#say(id, { type: "unusable", reason: String(error) });
        this.#write(encodeEnded(id, 0));
      },
    });
  }

  /** Tells the pool something, in the name of this process. */
  tell(answer: FromChild): void {
    this.#say(this.#id, answer);
  }

  /** Serves until the server closes its pipe. */
  serve(service: WorkerService): never {
    this.#calls.tidy();
    for (let round = 0; round < PRACTICE_ROUNDS; round += 1) {
      if (round % ROUNDS_BETWEEN_COLLECTIONS === 0) this.#calls.collect();
      this.#practise();
    }
    this.#calls.collect();
    this.#service = service;
    this.tell({ type: "ready", strictTiming: service.strictTiming });
    const orders = new LengthPrefixDecoder({
      maxPacketSize: MAX_FRAME,
      onPacket: (body) => this.#obey(Buffer.from(body.buffer, body.byteOffset, body.length)),
      onError: () => this.#end(),
    });
    const bytes = Buffer.allocUnsafeSlow(READ_SIZE);
    for (;;) {
      this.#children.awaitOrders();
      const size = readSync(PACKETS_FD, bytes, 0, READ_SIZE, null);
      if (size === 0) this.#end();
      orders.push(bytes.subarray(0, size));
    }
  }

  /** Handles a few packets as children do, so that not each of them has to compile what it needs for one. */
  #practise(): void {
    const service = this.#service;
    this.#service = this.#practiceService;
    this.#isMute = true;
    for (const order of this.#practiceOrders) this.#carryOut(order);
    this.#isMute = false;
    this.#id = 0;
    this.#service = service;
  }

  #obey(body: Buffer): void {
    const { type, id } = decodeOrderHead(body);
    if (type === "kill") this.#children.kill(id);
    else this.#children.give(id, body);
  }

  #carryOut(body: Buffer): void {
    const order = decodeOrder(body);
    this.#id = order.id;
    if (order.type === "fork") this.#handle(order.packet);
    else this.#test();
  }

  #handle({ data, client, asOf }: PacketFrame): void {
    const outcome = this.#service.run(data, client, asOf, {
      reply: (reply) => this.tell({ type: "reply", data: reply }),
      report: (error) => this.tell({ type: "report", error: packError(error) }),
    }) as PacketResult;
    if (outcome.kind === "rejected") this.tell({ type: "settled", outcome: packError(outcome.explain()) });
    else this.#write(encodeHandled(this.#id));
  }

  #test(): void {
    const kept: { index: number; text: string }[] = [];
    for (let index = 0; index < TEST_OBJECTS; index += 1) kept[index % KEPT_OBJECTS] = { index, text: `object ${index}` };
    if (kept.every(({ index, text }) => text === `object ${index}`)) this.#write(encodeHandled(this.#id));
  }

  #end(): never {
    this.#children.end();
    return this.#calls.exit(0);
  }

  #say(id: number, answer: FromChild): void {
    for (const part of encodeParts(id, encodeAnswer(answer))) this.#write(part);
  }

  #write(frame: Uint8Array): void {
    const size = this.#isMute ? 0 : frame.length;
    let written = 0;
    try {
      do written += writeSync(ANSWERS_FD, frame, written, size - written);
      while (written < size);
    } catch {
      // The server is gone, and nobody is left to work for.
      this.#calls.exit(1);
    }
  }
}
