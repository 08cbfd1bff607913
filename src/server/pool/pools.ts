import { OscServerError } from "../../errors.ts";
import type { ExecutorEvents } from "../executor.ts";
import type { OneChange } from "../io-thread/messages.ts";
import type { Limits } from "../options.ts";
import type { Counters } from "../stats.ts";
import { ForkServerProcess, ForkedWorker } from "./forked-worker.ts";
import { explainStart } from "./handlers-source.ts";
import { OrphanReaper } from "./orphan-reaper.ts";
import type { ChildPoolDescription, ThreadPoolDescription } from "./pool-options.ts";
import { SpawnedWorker } from "./process-worker.ts";
import { READY, type Ready, type RecordBody, encodeJson, recordsIn } from "./records.ts";
import { ThreadWorker } from "./thread-worker.ts";
import { type WorkerInit, workerLimits } from "./worker-init.ts";
import { WorkerPool, type WorkerSource, timingDiffers } from "./worker-pool.ts";
import { Backoff } from "./worker-set.ts";
import type { WorkerKind } from "./worker.ts";

/** How long packets wait before workers are started for them: far longer than light handlers take, shorter than a start. */
const PATIENCE_MS = 10;
/** A worker numbers its packets from 1 on with 31 bits. */
const MAX_NUMBER = 2 ** 31 - 1;

/** What a pool tells its server. */
export interface PoolOwner {
  readonly limits: Limits;
  readonly events: ExecutorEvents;
  readonly onOne: (change: OneChange) => void;
  readonly onValue: (record: RecordBody) => void;
}

/** A pool that handles packets in worker threads. */
export function createThreadPool(description: ThreadPoolDescription, owner: PoolOwner): WorkerPool {
  const { program, order, maxThreads, minThreads, packetsPerThread } = description;
  const kind: WorkerKind = {
    code: "OSC_THREAD_FAILED",
    noun: "worker thread",
    strategy: null,
    strictTiming: description.strictTiming,
    max: maxThreads,
    min: minThreads,
    spare: 0,
    packetsAtOnce: packetsPerThread,
    batches: packetsPerThread === 1,
    packetsInAll: MAX_NUMBER,
    packetTimeout: description.threadTimeout,
    packetTimeoutOption: "threadTimeout",
    startTimeout: description.startTimeout,
    idleTimeout: description.idleTimeout,
    patience: PATIENCE_MS,
    explainStart: (how) => explainStart("worker thread", program, how),
    start: (events) => new ThreadWorker(description, owner.limits, events),
  };
  return new WorkerPool({ ...owner, order, max: maxThreads, packetsAtOnce: packetsPerThread, source: { kind: () => kind } });
}

/** A pool that handles packets in child processes, forked or spawned. */
export function createProcessPool(description: ChildPoolDescription, owner: PoolOwner, counters: Counters): WorkerPool {
  const { order, maxChildren } = description;
  return new WorkerPool({ ...owner, order, max: maxChildren, packetsAtOnce: 1, source: new ProcessSource(description, owner, counters) });
}

/** Decides how the processes of a pool come to be, and owns what they share. */
class ProcessSource implements WorkerSource {
  readonly #description: ChildPoolDescription;
  readonly #owner: PoolOwner;
  readonly #counters: Counters;
  readonly #reaper: OrphanReaper;
  #forkServer: ForkServerProcess | null = null;
  /** For fork servers. */
  readonly #backoff = new Backoff();
  #failure = "";
  #closing = false;

  constructor(description: ChildPoolDescription, owner: PoolOwner, counters: Counters) {
    this.#description = description;
    this.#owner = owner;
    this.#counters = counters;
    this.#reaper = new OrphanReaper((reason) =>
      owner.events.report(
        new OscServerError(
          "OSC_CHILD_FAILED",
          `No shell to end children with, should the server be killed while they are in an endless loop: ${reason}.`,
        ),
      ),
    );
  }

  async kind(): Promise<WorkerKind | OscServerError> {
    const { strategy, program } = this.#description;
    if (strategy === "spawn") return this.#spawning();
    const found = await this.#usableForkServer();
    if (typeof found !== "string") return this.#forking();
    if (strategy === "auto") return this.#spawning();
    return new OscServerError("OSC_CHILD_FAILED", explainStart("fork server", program, found));
  }

  stop(): void {
    this.#closing = true;
  }

  async close(): Promise<void> {
    await this.#forkServer?.end();
    await this.#reaper.close();
  }

  #spawning(): WorkerKind {
    const { spareChildren, requestsPerChild, program } = this.#description;
    const limits = workerLimits(this.#owner.limits);
    const init: WorkerInit = { program, limits, nodeOptions: null, thread: null, forkServer: null };
    return {
      ...this.#common(),
      strategy: "spawn",
      spare: spareChildren,
      packetsInAll: requestsPerChild,
      patience: requestsPerChild === 1 ? 0 : PATIENCE_MS,
      start: (events) => new SpawnedWorker(this.#description, init, this.#reaper, events),
    };
  }

  #forking(): WorkerKind {
    const { maxChildren, strictTiming } = this.#description;
    const [ready] = recordsIn(encodeJson(READY, 0, { strictTiming } satisfies Ready));
    return {
      ...this.#common(),
      strategy: "fork",
      // Until it has a packet, a worker that is to be forked costs nothing.
      spare: maxChildren,
      packetsInAll: 1,
      patience: 0,
      start: (events) =>
        new ForkedWorker(
          () => this.#usableForkServer(),
          ready as Uint8Array,
          events,
          () => this.#counters.add("forked"),
        ),
    };
  }

  #common(): Omit<WorkerKind, "strategy" | "spare" | "packetsInAll" | "patience" | "start"> {
    const { program, strictTiming, maxChildren, childTimeout, startTimeout, idleTimeout } = this.#description;
    return {
      code: "OSC_CHILD_FAILED",
      noun: "child process",
      strictTiming,
      max: maxChildren,
      min: 0,
      packetsAtOnce: 1,
      batches: false,
      packetTimeout: childTimeout,
      packetTimeoutOption: "childTimeout",
      startTimeout,
      idleTimeout,
      explainStart: (how) => explainStart("child process", program, how),
    };
  }

  /** A fork server that forks, or why there is none. One that has ended is replaced. */
  async #usableForkServer(): Promise<ForkServerProcess | string> {
    if (this.#closing) return "the server closed";
    if (this.#forkServer?.hasEnded !== false && this.#backoff.wait > 0) return this.#failure;
    try {
      const forkServer = this.#startedForkServer();
      const reason = await forkServer.usable;
      if (reason === null) return forkServer;
      this.#failure = reason;
    } catch (error) {
      this.#backoff.failed();
      this.#failure = String(error);
    }
    return this.#failure;
  }

  #startedForkServer(): ForkServerProcess {
    if (this.#forkServer?.hasEnded === false) return this.#forkServer;
    const { strictTiming } = this.#description;
    const forkServer = new ForkServerProcess(this.#description, workerLimits(this.#owner.limits), () => this.#owner.events.shutdown());
    this.#forkServer = forkServer;
    void forkServer.usable.then((reason) => {
      if (reason === null) this.#backoff.succeeded();
      else this.#backoff.failed();
      if (reason === null && forkServer.strictTiming !== strictTiming) this.#owner.events.report(timingDiffers(forkServer.strictTiming));
    });
    return forkServer;
  }
}
