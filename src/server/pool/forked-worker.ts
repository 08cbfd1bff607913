import { fileURLToPath } from "node:url";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import { FORK_FLAGS } from "./fork-calls.ts";
import type { ChildPoolDescription } from "./pool-options.ts";
import { WorkerProcess, describeStatus } from "./process-worker.ts";
import {
  CANNOT_FORK,
  ENDED,
  FAILED,
  HANDLED,
  KILL,
  PART,
  PING,
  READY,
  type Ready,
  type RecordBody,
  SHUTDOWN,
  TEST,
  contentOf,
  encodePackets,
  encodeRecord,
  idOf,
  jsonOf,
  kindOf,
  textOf,
} from "./records.ts";
import { MAX_RECORD } from "./worker-channel.ts";
import type { WorkerInit, WorkerLimits } from "./worker-init.ts";
import type { InFlightPacket, PoolWorker, PoolWorkerEvents } from "./worker.ts";

const ENTRY = fileURLToPath(new URL("./fork-server-entry.js", import.meta.url));
/** How long the test child may take that shows whether forking works on this system. */
const TEST_MS = 5000;
/** A fork server is pinged every second, and replaced after missing this many answers. */
const BEAT_MS = 1000;
const MISSED_BEATS = 5;

/** The pool's side of the fork server: the process that forks children, and relays records from them. */
export class ForkServerProcess {
  /** Resolves to null once a test child has worked; otherwise to the reason, and the process is killed. */
  readonly usable: Promise<string | null>;
  /** The `strictTiming` of its dispatcher. Valid once it is usable. */
  strictTiming = true;
  /** True if it isn't usable because this system can't fork processes, whatever the program. */
  cannotFork = false;
  readonly #description: ChildPoolDescription;
  readonly #process: WorkerProcess;
  readonly #closed: Promise<void>;
  readonly #children = new Map<number, { readonly events: PoolWorkerEvents; readonly parts: LengthPrefixDecoder }>();
  readonly #onShutdown: () => void;
  /** Resolves {@link usable}. */
  #decide: (reason: string | null) => void = () => undefined;
  #timer: NodeJS.Timeout;
  #heartbeat: NodeJS.Timeout | undefined;
  #missedBeats = 0;
  #nextId = 1;

  /** May throw. */
  constructor(description: ChildPoolDescription, limits: WorkerLimits, onShutdown: () => void) {
    this.#description = description;
    this.#onShutdown = onShutdown;
    const { program, maxChildren, spareChildren, startTimeout, strategy } = description;
    const forkServer = {
      entry: ENTRY,
      server: process.pid,
      maxChildren,
      spareChildren,
      refuseAsync: strategy === "auto" && program.kind === "module",
    };
    const init = { program, limits, nodeOptions: null, thread: null, forkServer } satisfies WorkerInit;
    let onClosed = (): void => undefined;
    this.#closed = new Promise((resolve) => {
      onClosed = resolve;
    });
    this.usable = new Promise((resolve) => {
      this.#decide = resolve;
    });
    const events: PoolWorkerEvents = {
      record: (record) => this.#take(record),
      ended: (how) => {
        this.#ended(how);
        onClosed();
      },
    };
    // No reaper: the kernel kills it together with the server.
    this.#process = new WorkerProcess(description, init, null, events, FORK_FLAGS);
    this.#timer = setTimeout(() => this.#refuse(`it was not ready within startTimeout (${startTimeout} ms)`), startTimeout);
  }

  get hasEnded(): boolean {
    return this.#process.hasEnded;
  }

  /** Forks a child for the packet. @returns the id of the child */
  fork(packet: InFlightPacket["packet"], events: PoolWorkerEvents): number {
    const id = this.#listen(events);
    this.#process.write(encodePackets([{ id, packet }]));
    return id;
  }

  kill(id: number): void {
    this.#process.write(encodeRecord(KILL, id));
  }

  /** Kills it and all its children; resolves when it has ended. */
  async end(): Promise<void> {
    this.#process.kill();
    if (!this.hasEnded) await this.#closed;
  }

  #listen(events: PoolWorkerEvents): number {
    const id = this.#nextId++;
    const parts = new LengthPrefixDecoder({
      maxPacketSize: MAX_RECORD,
      onPacket: (record) => events.record(record),
      onError: ({ message }) => this.#process.killBecause(message),
    });
    this.#children.set(id, { events, parts });
    return id;
  }

  #take(record: RecordBody): void {
    const id = idOf(record);
    const kind = kindOf(record);
    if (id === 0) return this.#takeOwn(kind, record);
    const child = this.#children.get(id);
    if (kind === PART) {
      child?.parts.push(contentOf(record));
    } else if (kind === ENDED) {
      this.#children.delete(id);
      child?.events.ended(describeStatus(Buffer.from(contentOf(record)).readInt32LE(0), this.#description.childMemory));
    } else {
      child?.events.record(record);
    }
  }

  #takeOwn(kind: number, record: RecordBody): void {
    switch (kind) {
      case READY:
        this.strictTiming = (jsonOf(record) as Ready).strictTiming;
        return this.#test();
      case PING:
        this.#missedBeats = 0;
        return;
      case SHUTDOWN:
        return this.#onShutdown();
      case CANNOT_FORK:
        this.cannotFork = true;
        return this.#refuse(textOf(record));
      case FAILED:
        return this.#refuse(textOf(record));
    }
  }

  /** Forks a test child to see whether forking works. Waits for its end, so that it doesn't run beside children for packets. */
  #test(): void {
    clearTimeout(this.#timer);
    this.cannotFork = true;
    this.#timer = setTimeout(() => this.#refuse(`a child that was forked as a test did not answer within ${TEST_MS} ms`), TEST_MS);
    let hasAnswered = false;
    let reason: string | null = null;
    const events: PoolWorkerEvents = {
      record: (record) => {
        if (kindOf(record) === HANDLED) hasAnswered = true;
        else if (kindOf(record) === FAILED) reason = textOf(record);
      },
      ended: (how) => {
        if (!hasAnswered) return this.#refuse(reason ?? `a child that was forked as a test ended: ${how}`);
        this.cannotFork = false;
        clearTimeout(this.#timer);
        this.#heartbeat = setInterval(() => this.#beat(), BEAT_MS);
        this.#decide(null);
      },
    };
    const id = this.#listen(events);
    this.#process.write(encodeRecord(TEST, id));
  }

  /** Kills a fork server that was stopped or hangs, and with it all its children. */
  #beat(): void {
    this.#missedBeats += 1;
    if (this.#missedBeats > MISSED_BEATS) this.#process.killBecause(`it no longer answers (for ${MISSED_BEATS * (BEAT_MS / 1000)} s)`);
    else this.#process.write(encodeRecord(PING, 0));
  }

  #refuse(reason: string): void {
    clearTimeout(this.#timer);
    this.#decide(reason);
    this.#process.killBecause(reason);
  }

  /** The kernel kills its children with it. */
  #ended(how: string): void {
    clearTimeout(this.#timer);
    clearInterval(this.#heartbeat);
    this.#decide(how);
    const children = [...this.#children.values()];
    this.#children.clear();
    for (const { events } of children) events.ended(`the fork server ended: ${how}`);
  }
}

/** The pool's side of a child that is forked for one packet and ends after it. */
export class ForkedWorker implements PoolWorker {
  readonly #forkServer: () => Promise<ForkServerProcess | string>;
  readonly #events: PoolWorkerEvents;
  readonly #onFork: () => void;
  /** Kills the child; null until it has been forked. */
  #kill: (() => void) | null = null;
  #isGone = false;

  /** @param forkServer resolves to a usable fork server, or to the reason why there is none */
  constructor(forkServer: () => Promise<ForkServerProcess | string>, events: PoolWorkerEvents, onFork: () => void) {
    this.#forkServer = forkServer;
    this.#events = events;
    this.#onFork = onFork;
  }

  assign([first]: readonly InFlightPacket[]): void {
    void this.#fork(first as InFlightPacket);
  }

  takeBack(): null {
    return null;
  }

  retire(): void {
    // It ends by itself.
  }

  kill(): void {
    if (this.#kill !== null) return this.#kill();
    this.#isGone = true;
    // Deferred until the pool has finished its current work.
    queueMicrotask(() => this.#events.ended("it was no longer needed"));
  }

  /** Waits for a fork server: if the last one has ended, a new one has to start. */
  async #fork({ id, packet }: InFlightPacket): Promise<void> {
    const forkServer = await this.#forkServer();
    if (this.#isGone) return;
    if (typeof forkServer === "string") return this.#events.ended(forkServer);
    const events = this.#events;
    this.#onFork();
    const child = forkServer.fork(packet, { record: (record) => events.record(record, id), ended: (how) => events.ended(how) });
    this.#kill = () => forkServer.kill(child);
  }
}
