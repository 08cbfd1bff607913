import { readSync } from "node:fs";
import { OscBundle, OscMessage, blob, encode } from "../../codec/index.ts";
import { Dispatcher } from "../../dispatch/index.ts";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import type { Packet } from "../executor.ts";
import { encodeReply, runPacket } from "../handle.ts";
import { ForkCalls, type Forked, type Pipe, PollTable } from "./fork-calls.ts";
import {
  ENDED,
  FAILED,
  HANDLED,
  KILL,
  PING,
  PIPE_PIECE,
  type RecordBody,
  TEST,
  encodePackets,
  encodeRecord,
  idOf,
  kindOf,
  piecesOf,
} from "./records.ts";
import { randomizeChildren } from "./fork-parity.ts";
import { LeftoverWatch } from "./leftovers.ts";
import { RecordHandler, type WorkerService, readyRecord } from "./record-handler.ts";
import { MAX_RECORD, writeFully } from "./worker-channel.ts";
import { type ForkServerInit, PACKETS_FD, RESULTS_FD } from "./worker-init.ts";

/** Enough for V8 to collect several times, while few are kept: a process may not have much memory. */
const TEST_OBJECTS = 200_000;
const KEPT_OBJECTS = 1000;
const WARMUP_ROUNDS = 200;
const ROUNDS_BETWEEN_COLLECTIONS = 8;
/** How much of the orders is read at once. */
const READ_SIZE = 64 * 1024;

/** A child that has been forked. */
interface Child extends Forked {
  /** The number of its order; null while it waits for one. */
  id: number | null;
  /** By which its order comes. Null if it was forked with it. */
  readonly pipe: Pipe | null;
  isKilled: boolean;
}

/**
 * The process of which the children of a forking server are copies: the program, loaded up to its server, which from then on does nothing but
 * fork children for packets and wait for their end. Some children are forked before there is a packet for them.
 */
export class ForkServer {
  readonly #init: ForkServerInit;
  readonly #calls = new ForkCalls();
  readonly #randomize = randomizeChildren();
  readonly #children: Child[] = [];
  readonly #spares: Child[] = [];
  /** The first entry is the pipe of orders; the others are `#children`, in their order. */
  readonly #polls = new PollTable();
  /** Of children that have ended. */
  readonly #pipes: Pipe[] = [];
  /** An order that a spare child reads, without its size. */
  readonly #order = Buffer.allocUnsafeSlow(PIPE_PIECE);
  #handler: RecordHandler | null = null;
  /** The number of this process's order: 0 is the fork server. */
  #id = 0;
  /** True when the last child has ended well: only then others are forked without need. */
  #maySpare = false;

  /** @throws Error if forking isn't possible */
  constructor(init: ForkServerInit) {
    this.#init = init;
    if (!this.#calls.dieWith(init.server)) throw new Error("the server has ended");
    this.#polls.add(PACKETS_FD);
  }

  /** Tells the pool something, in the name of this process. */
  send(record: Uint8Array): void {
    for (const piece of piecesOf(record, this.#id)) writeFully(RESULTS_FD, piece, (code) => this.#calls.exit(code));
  }

  /** Serves until the server closes its pipe. */
  serve(service: WorkerService): never {
    if (this.#init.refuseAsync && service.asyncHandler !== null) {
      this.send(encodeRecord(FAILED, 0, Buffer.from(`the handler of ${service.asyncHandler} is an async function`)));
      this.#calls.exit(0);
    }
    this.#calls.tidy();
    const leftovers = new LeftoverWatch();
    this.#warmUp(leftovers);
    this.#handler = new RecordHandler(service, { write: (record) => this.send(record), flush: nothing }, leftovers);
    this.send(readyRecord(service));
    const orders = new LengthPrefixDecoder({
      maxPacketSize: MAX_RECORD,
      onPacket: (order) => this.#obey(order),
      onError: () => this.#end(),
    });
    const bytes = Buffer.allocUnsafeSlow(READ_SIZE);
    for (;;) {
      this.#awaitOrders();
      const size = readSync(PACKETS_FD, bytes, 0, READ_SIZE, null);
      if (size === 0) this.#end();
      orders.push(bytes.subarray(0, size));
    }
  }

  /** Handles a few packets as children do, so that not each of them has to compile what it needs for one. */
  #warmUp(leftovers: LeftoverWatch): void {
    const handler = new RecordHandler(warmupService(), { write: nothing, flush: nothing }, leftovers);
    const orders = warmupOrders();
    for (let round = 0; round < WARMUP_ROUNDS; round += 1) {
      if (round % ROUNDS_BETWEEN_COLLECTIONS === 0) this.#calls.collect();
      for (const order of orders) void handler.handle(order);
    }
    this.#calls.collect();
  }

  /** Waits until orders can be read. Meanwhile children that have ended are forgotten, and spare ones are forked. */
  #awaitOrders(): void {
    for (;;) {
      const lacksSpare = this.#lacksSpare;
      this.#calls.awaitReadable(this.#polls, lacksSpare ? 0 : -1);
      const hasOrders = this.#polls.isReadable(0);
      this.#reap();
      if (hasOrders) return;
      if (lacksSpare) this.#forkSpare();
    }
  }

  #obey(order: RecordBody): void {
    const id = idOf(order);
    switch (kindOf(order)) {
      case PING:
        return this.send(encodeRecord(PING, 0));
      case KILL:
        return this.#kill(id);
      default:
        return this.#give(id, order);
    }
  }

  /** Lets a child carry out an order: one that waits, or another. */
  #give(id: number, order: RecordBody): void {
    const spare = order.length > PIPE_PIECE ? undefined : this.#spares.shift();
    if (spare === undefined) return this.#fork(id, order);
    spare.id = id;
    // It fits into the pipe, which is empty.
    writeFully((spare.pipe as Pipe).write, order);
  }

  #kill(id: number): void {
    const child = this.#children.find((one) => one.id === id);
    if (child === undefined) return;
    child.isKilled = true;
    this.#calls.kill(child.pid);
  }

  /** In a child: handles the packet, or shows that it can work. */
  #carryOut(order: RecordBody): void {
    this.#id = idOf(order);
    if (kindOf(order) === TEST) return this.#test();
    this.#randomize();
    void this.#handler?.handle(order);
  }

  #test(): void {
    const kept: { index: number; text: string }[] = [];
    for (let index = 0; index < TEST_OBJECTS; index += 1) kept[index % KEPT_OBJECTS] = { index, text: `object ${index}` };
    if (kept.every(({ index, text }) => text === `object ${index}`)) this.send(encodeRecord(HANDLED, this.#id));
  }

  get #lacksSpare(): boolean {
    const { maxChildren, spareChildren } = this.#init;
    return this.#maySpare && this.#spares.length < spareChildren && this.#children.length < maxChildren;
  }

  #fork(id: number, order: RecordBody): void {
    let forked: Forked | null;
    try {
      forked = this.#calls.fork();
    } catch (error) {
      this.send(encodeRecord(FAILED, id, Buffer.from((error as Error).message)));
      return this.send(encodeEnded(id, 0));
    }
    if (forked === null) return this.#live(() => this.#carryOut(order));
    this.#add({ id, ...forked, pipe: null, isKilled: false });
  }

  #forkSpare(): void {
    try {
      const pipe = this.#pipes.pop() ?? this.#calls.pipe();
      const forked = this.#calls.fork();
      if (forked === null) return this.#live(() => this.#carryOut(this.#readOrder(pipe)));
      const spare = { id: null, ...forked, pipe, isKilled: false };
      this.#add(spare);
      this.#spares.push(spare);
    } catch {
      // No need to say so: if there is no room for a child that has an order either, that is told.
      this.#maySpare = false;
    }
  }

  /** The life of a child. */
  #live(work: () => void): never {
    try {
      work();
    } catch {
      this.#calls.exit(1);
    }
    return process.exit();
  }

  #add(child: Child): void {
    this.#children.push(child);
    this.#polls.add(child.pidfd);
  }

  /** Waits for the children that have ended, the last first, because the last takes the index of one that is taken out. */
  #reap(): void {
    for (let index = this.#children.length - 1; index >= 0; index -= 1) {
      if (!this.#polls.isReadable(index + 1)) continue;
      const child = this.#children[index] as Child;
      const last = this.#children.pop() as Child;
      if (last !== child) this.#children[index] = last;
      this.#polls.remove(index + 1);
      this.#ended(child, this.#calls.reap(child));
    }
  }

  #ended(child: Child, status: number): void {
    const { id, pipe, isKilled } = child;
    this.#maySpare = status === 0;
    const unread = pipe !== null && status !== 0 && this.#calls.isFilled(pipe) ? Buffer.from(this.#readOrder(pipe)) : null;
    if (pipe !== null) this.#pipes.push(pipe);
    if (id === null) this.#spares.splice(this.#spares.indexOf(child), 1);
    // A spare child that died before it read its order didn't fail at it: another carries it out.
    else if (unread !== null && !isKilled) this.#fork(id, unread);
    else this.send(encodeEnded(id, status));
  }

  #readOrder({ read }: Pipe): RecordBody {
    return this.#order.subarray(0, readSync(read, this.#order));
  }

  /** Ends all children and this process. */
  #end(): never {
    for (const { pid } of this.#children) this.#calls.kill(pid);
    for (const child of this.#children) this.#calls.reap(child);
    return this.#calls.exit(0);
  }
}

function nothing(): void {
  // Nobody listens, or nothing is held back.
}

function encodeEnded(id: number, status: number): Uint8Array {
  return encodeRecord(ENDED, id, new Uint8Array(Int32Array.of(status).buffer));
}

/** Handlers of its own, because those of the program are to notice nothing. More than one, so that V8 expects others. */
function warmupService(): WorkerService {
  const dispatcher = new Dispatcher();
  dispatcher.map("/warmup/reply", (address, ...values) => [address, ...(values as number[])]);
  dispatcher.map("/warmup/silent", (_address, value) => void value);
  return {
    strictTiming: true,
    asyncHandler: null,
    asyncAdvice: "",
    namespace: null,
    handling: { dispatcher, mode: "sync", verifier: { verifyRequest: () => true }, shutdown: nothing },
    runPacket,
    encodeReply,
  };
}

/** Packets as they come from the server. */
function warmupOrders(): RecordBody[] {
  const values = [1, 0.5, "text", true, blob(new Uint8Array(1))];
  const messages = [new OscMessage("/warmup/reply", [1]), new OscMessage("/warmup/reply", values), new OscMessage("/warmup/silent", [1])];
  const peer = { address: { address: "127.0.0.1", port: 1, family: "IPv4" } } as Packet["peer"];
  return [...messages, new OscBundle(messages[0] as OscMessage)].map((packet, index) =>
    encodePackets([{ id: index, packet: { data: encode(packet), peer, asOf: index + 0.5 } }]).subarray(4),
  );
}
