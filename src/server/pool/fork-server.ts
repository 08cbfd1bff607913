import { readSync } from "node:fs";
import { OscBundle, OscMessage, blob, encode } from "../../codec/index.ts";
import { Dispatcher } from "../../dispatch/index.ts";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import type { Packet } from "../executor.ts";
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

/** Enough for several garbage collections, while few are kept: the process may not have much memory. */
const TEST_OBJECTS = 200_000;
const KEPT_OBJECTS = 1000;
const WARMUP_ROUNDS = 200;
const ROUNDS_BETWEEN_COLLECTIONS = 8;
/** Number of bytes of requests to read at once. */
const READ_SIZE = 64 * 1024;

/** A child that has been forked. */
interface Child extends Forked {
  /** The id of its request; null for a spare child. */
  id: number | null;
  /** Where a spare child reads its request. Null for a child forked for a request. */
  readonly pipe: Pipe | null;
  isKilled: boolean;
}

/**
 * The process that the children of a forking server are copies of. It has run the program up to the server's constructor, and from then on only
 * forks children and waits for their end.
 *
 * Requests from the pool arrive on `PACKETS_FD`: to handle a packet, to fork a test child, to kill a child, to answer a ping. A packet goes to
 * a spare child, which was forked in advance and reads its request from a pipe, or to a child forked for it. Children write their records
 * directly to `RESULTS_FD`; this process reports when they end.
 */
export class ForkServer {
  readonly #init: ForkServerInit;
  readonly #calls = new ForkCalls();
  readonly #randomize = randomizeChildren();
  readonly #children: Child[] = [];
  readonly #spares: Child[] = [];
  /** Entry 0 is the pipe of requests; the others match `#children`. */
  readonly #polls = new PollTable();
  /** Pipes of children that have ended, for reuse. */
  readonly #freePipes: Pipe[] = [];
  /** Buffer for the request of a spare child, without its size. */
  readonly #requestBuffer = Buffer.allocUnsafeSlow(PIPE_PIECE);
  #handler: RecordHandler | null = null;
  /** The id of this process's request; 0 in the fork server itself. */
  #id = 0;
  /** True if the last child succeeded. Otherwise no spare children are forked. */
  #maySpare = false;

  /** @throws Error if forking isn't possible */
  constructor(init: ForkServerInit) {
    this.#init = init;
    if (!this.#calls.dieWith(init.server)) throw new Error("the server has ended");
    this.#polls.add(PACKETS_FD);
  }

  /** Sends a record to the pool, with this process's id. */
  send(record: Uint8Array): void {
    for (const piece of piecesOf(record, this.#id)) writeFully(RESULTS_FD, piece, (code) => this.#calls.exit(code));
  }

  /** Handles requests until the server closes its pipe. */
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
    const requests = new LengthPrefixDecoder({
      maxPacketSize: MAX_RECORD,
      onPacket: (request) => this.#onRequest(request),
      onError: () => this.#end(),
    });
    const bytes = Buffer.allocUnsafeSlow(READ_SIZE);
    for (;;) {
      this.#awaitRequests();
      const size = readSync(PACKETS_FD, bytes, 0, READ_SIZE, null);
      if (size === 0) this.#end();
      requests.push(bytes.subarray(0, size));
    }
  }

  /** Handles a few packets as children do, so that the code is compiled before they are forked. */
  #warmUp(leftovers: LeftoverWatch): void {
    const handler = new RecordHandler(warmupService(), { write: nothing, flush: nothing }, leftovers);
    const requests = warmupRequests();
    for (let round = 0; round < WARMUP_ROUNDS; round += 1) {
      if (round % ROUNDS_BETWEEN_COLLECTIONS === 0) this.#calls.collect();
      for (const request of requests) void handler.handle(request);
    }
    this.#calls.collect();
  }

  /** Waits until requests can be read. Meanwhile reaps children and forks spare ones. */
  #awaitRequests(): void {
    for (;;) {
      const lacksSpare = this.#lacksSpare;
      this.#calls.awaitReadable(this.#polls, lacksSpare ? 0 : -1);
      const hasRequests = this.#polls.isReadable(0);
      this.#reap();
      if (hasRequests) return;
      if (lacksSpare) this.#forkSpare();
    }
  }

  #onRequest(request: RecordBody): void {
    const id = idOf(request);
    switch (kindOf(request)) {
      case PING:
        return this.send(encodeRecord(PING, 0));
      case KILL:
        return this.#kill(id);
      default:
        return this.#assign(id, request);
    }
  }

  /** Passes a request to a spare child, or forks a child for it. */
  #assign(id: number, request: RecordBody): void {
    const spare = request.length > PIPE_PIECE ? undefined : this.#spares.shift();
    if (spare === undefined) return this.#fork(id, request);
    spare.id = id;
    // Can't block: it fits into the empty pipe.
    writeFully((spare.pipe as Pipe).write, request);
  }

  #kill(id: number): void {
    const child = this.#children.find((one) => one.id === id);
    if (child === undefined) return;
    child.isKilled = true;
    this.#calls.kill(child.pid);
  }

  /** In a child: handles the packet, or runs the test. */
  #handleInChild(request: RecordBody): void {
    this.#id = idOf(request);
    if (kindOf(request) === TEST) return this.#test();
    this.#randomize();
    void this.#handler?.handle(request);
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

  #fork(id: number, request: RecordBody): void {
    let forked: Forked | null;
    try {
      forked = this.#calls.fork();
    } catch (error) {
      this.send(encodeRecord(FAILED, id, Buffer.from((error as Error).message)));
      return this.send(encodeEnded(id, 0));
    }
    if (forked === null) return this.#runChild(() => this.#handleInChild(request));
    this.#add({ id, ...forked, pipe: null, isKilled: false });
  }

  #forkSpare(): void {
    try {
      const pipe = this.#freePipes.pop() ?? this.#calls.pipe();
      const forked = this.#calls.fork();
      if (forked === null) return this.#runChild(() => this.#handleInChild(this.#readRequest(pipe)));
      const spare = { id: null, ...forked, pipe, isKilled: false };
      this.#add(spare);
      this.#spares.push(spare);
    } catch {
      // Not reported: if forking for a request fails as well, that failure is.
      this.#maySpare = false;
    }
  }

  /** Runs a child from fork to exit. */
  #runChild(work: () => void): never {
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

  /** Reaps children that have ended. Runs backwards, because the last child takes the index of a removed one. */
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
    const unread = pipe !== null && status !== 0 && this.#calls.hasData(pipe) ? Buffer.from(this.#readRequest(pipe)) : null;
    if (pipe !== null) this.#freePipes.push(pipe);
    if (id === null) this.#spares.splice(this.#spares.indexOf(child), 1);
    // A spare child that died before reading its request didn't fail it: retry in another.
    else if (unread !== null && !isKilled) this.#fork(id, unread);
    else this.send(encodeEnded(id, status));
  }

  #readRequest({ read }: Pipe): RecordBody {
    return this.#requestBuffer.subarray(0, readSync(read, this.#requestBuffer));
  }

  /** Kills all children and ends this process. */
  #end(): never {
    for (const { pid } of this.#children) this.#calls.kill(pid);
    for (const child of this.#children) this.#calls.reap(child);
    return this.#calls.exit(0);
  }
}

function nothing(): void {
  // Discards records, or has none to flush.
}

function encodeEnded(id: number, status: number): Uint8Array {
  return encodeRecord(ENDED, id, new Uint8Array(Int32Array.of(status).buffer));
}

/** Has its own handlers, so that the program's don't run. More than one, so that V8 doesn't specialize for a single handler. */
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
  };
}

/** Requests to handle packets, as the server sends them. */
function warmupRequests(): RecordBody[] {
  const values = [1, 0.5, "text", true, blob(new Uint8Array(1))];
  const messages = [new OscMessage("/warmup/reply", [1]), new OscMessage("/warmup/reply", values), new OscMessage("/warmup/silent", [1])];
  const peer = { address: { address: "127.0.0.1", port: 1, family: "IPv4" } } as Packet["peer"];
  return [...messages, new OscBundle(messages[0] as OscMessage)].map((packet, index) =>
    encodePackets([{ id: index, packet: { data: encode(packet), peer, asOf: index + 0.5 } }]).subarray(4),
  );
}
