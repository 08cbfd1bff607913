import { setTimeout as sleep } from "node:timers/promises";
import { OscServerError } from "../../errors.ts";
import type { ExecutorEvents } from "../executor.ts";
import type { ServeOneStatus } from "../io-thread/messages.ts";
import type { Limits } from "../options.ts";
import type { Counters } from "../stats.ts";
import { ForkServerProcess, ForkedWorker } from "./forked-worker.ts";
import { explainStart } from "./handlers-source.ts";
import { OrphanReaper } from "./orphan-reaper.ts";
import type { ChildPoolDescription, ThreadPoolDescription } from "./pool-options.ts";
import { WorkerProcess } from "./process-worker.ts";
import type { RecordBody } from "./records.ts";
import { ThreadWorker } from "./thread-worker.ts";
import { workerLimits } from "./worker-init.ts";
import { WorkerPool, type WorkerSource, timingDiffers } from "./worker-pool.ts";
import { Backoff } from "./worker-set.ts";
import type { WorkerKind } from "./worker.ts";

/** How long packets are queued before workers are started for them: far longer than light handlers take, but shorter than a start. */
const PATIENCE_MS = 10;
/** The largest packet id of a worker: ids start at 1 and have 31 bits. */
const MAX_NUMBER = 2 ** 31 - 1;

/** The server that a pool is created for. */
export interface PoolOwner {
  readonly limits: Limits;
  readonly events: ExecutorEvents;
  readonly onServeOne: (status: ServeOneStatus) => void;
  readonly onValue: (record: RecordBody) => void;
  readonly counters: Counters;
}

/** Creates the pool of worker threads or child processes that a description specifies. */
export function createPool(description: ThreadPoolDescription | ChildPoolDescription, owner: PoolOwner): WorkerPool {
  const { order } = description;
  if (description.kind === "forking") {
    return new WorkerPool({
      ...owner,
      order,
      max: description.maxChildren,
      packetsAtOnce: 1,
      source: new ProcessSource(description, owner),
    });
  }
  const { maxThreads: max, packetsPerThread: packetsAtOnce } = description;
  const kind = threadKind(description, owner);
  return new WorkerPool({ ...owner, order, max, packetsAtOnce, source: { kind: () => kind } });
}

function threadKind(description: ThreadPoolDescription, { limits }: PoolOwner): WorkerKind {
  const { program, maxThreads, minThreads, packetsPerThread } = description;
  return {
    code: "OSC_THREAD_FAILED",
    noun: "worker thread",
    strategy: null,
    strictTiming: description.strictTiming,
    max: maxThreads,
    min: minThreads,
    readyAtOnce: false,
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
    start: (events) => new ThreadWorker(description, limits, events),
  };
}

/** Decides whether the processes of a pool are forked or spawned. Owns the fork server and the reaper. */
class ProcessSource implements WorkerSource {
  readonly #description: ChildPoolDescription;
  readonly #owner: PoolOwner;
  readonly #reaper: OrphanReaper;
  #forkServer: ForkServerProcess | null = null;
  /** For fork servers. */
  readonly #backoff = new Backoff();
  #failure = "";
  #closing = false;

  constructor(description: ChildPoolDescription, owner: PoolOwner) {
    this.#description = description;
    this.#owner = owner;
    this.#reaper = new OrphanReaper((reason) =>
      owner.events.report(
        new OscServerError(
          "OSC_CHILD_FAILED",
          `No shell could be started (${reason}). If the server is killed, child processes in an endless loop will keep running.`,
        ),
      ),
    );
  }

  async kind(): Promise<WorkerKind | OscServerError> {
    const { strategy, program } = this.#description;
    if (strategy === "spawn") return this.#kindOf("spawn");
    const found = await this.#usableForkServer();
    if (typeof found !== "string") return this.#kindOf("fork");
    if (strategy === "auto") return this.#kindOf("spawn");
    const message =
      this.#forkServer?.cannotFork === true
        ? `The server can't fork processes here: ${found}. Use strategy "spawn", or "auto", which spawns them if they can't be forked.`
        : explainStart("fork server", program, found);
    return new OscServerError("OSC_CHILD_FAILED", message);
  }

  stop(): void {
    this.#closing = true;
  }

  async close(): Promise<void> {
    await this.#forkServer?.end();
    await this.#reaper.close();
  }

  #kindOf(strategy: "fork" | "spawn"): WorkerKind {
    const { limits, counters } = this.#owner;
    const { program, spareChildren, requestsPerChild } = this.#description;
    const init = { program, limits: workerLimits(limits), nodeOptions: null, thread: null, forkServer: null };
    const isForked = strategy === "fork";
    return {
      code: "OSC_CHILD_FAILED",
      noun: "child process",
      strategy,
      strictTiming: this.#description.strictTiming,
      max: this.#description.maxChildren,
      min: 0,
      readyAtOnce: isForked,
      spare: isForked ? 0 : spareChildren,
      packetsAtOnce: 1,
      batches: false,
      packetsInAll: requestsPerChild,
      packetTimeout: this.#description.childTimeout,
      packetTimeoutOption: "childTimeout",
      startTimeout: this.#description.startTimeout,
      idleTimeout: this.#description.idleTimeout,
      patience: requestsPerChild === 1 ? 0 : PATIENCE_MS,
      explainStart: (how) => explainStart("child process", program, how),
      start: (events) =>
        isForked
          ? new ForkedWorker(
              () => this.#usableForkServer(),
              events,
              () => counters.add("forked"),
            )
          : new WorkerProcess(this.#description, init, this.#reaper, events),
    };
  }

  /** Returns a usable fork server, or why there is none. Replaces one that has ended. */
  async #usableForkServer(): Promise<ForkServerProcess | string> {
    if (this.#closing) return "the server closed";
    const { hasGivenUp, wait } = this.#backoff;
    if (this.#forkServer?.hasEnded !== false && wait > 0) {
      if (hasGivenUp) return this.#failure;
      await sleep(wait, undefined, { ref: false });
      return this.#usableForkServer();
    }
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
