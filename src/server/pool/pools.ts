import { type OscError, OscServerError } from "../../errors.ts";
import type { Executor, ExecutorEvents } from "../executor.ts";
import type { Limits } from "../options.ts";
import type { Counters } from "../stats.ts";
import { Backoff } from "./backoff.ts";
import { ForkServerProcess, ForkedWorker } from "./forked-worker.ts";
import { explainStart } from "./handlers-source.ts";
import { OrphanReaper } from "./orphan-reaper.ts";
import type { ChildPoolDescription, ThreadPoolDescription } from "./pool-options.ts";
import { SpawnedWorker } from "./process-worker.ts";
import type { RecordBody } from "./records.ts";
import { ThreadWorker } from "./thread-worker.ts";
import { type WorkerInit, workerLimits } from "./worker-init.ts";
import { WorkerPool } from "./worker-pool.ts";
import { timingDiffers } from "./worker-reports.ts";
import type { WorkerKind } from "./worker.ts";

/** How long packets wait before workers are started for them: far longer than light handlers take, shorter than a start. */
const PATIENCE_MS = 10;

/** An executor whose workers start with it. */
export interface Pool extends Executor {
  /** Resolves when the first worker is ready, or is known to fail, and why. */
  readonly started: Promise<{ readonly failure: OscError | null; readonly strategy: "fork" | "spawn" | null }>;
}

/** Handles packets in worker threads. */
export function createThreadPool(
  description: ThreadPoolDescription,
  limits: Limits,
  events: ExecutorEvents,
  onValue: (record: RecordBody) => void,
): Pool {
  const { program, order, maxThreads, minThreads, packetsPerThread } = description;
  const pool = new WorkerPool({ limits, order, max: maxThreads, packetsAtOnce: packetsPerThread, events, onValue });
  const started = pool.begin({
    code: "OSC_THREAD_FAILED",
    noun: "worker thread",
    max: maxThreads,
    packetsAtOnce: packetsPerThread,
    batches: packetsPerThread === 1,
    packetsInAll: Infinity,
    packetTimeout: description.threadTimeout,
    packetTimeoutOption: "threadTimeout",
    startTimeout: description.startTimeout,
    idleTimeout: description.idleTimeout,
    patience: PATIENCE_MS,
    missing: ({ queued, starting, alive }) => Math.max(minThreads - alive, queued - starting),
    superfluous: ({ alive }) => alive - minThreads,
    explainStart: (how) => explainStart("worker thread", program, how),
    start: (workerEvents) => new ThreadWorker(description, limits, workerEvents),
  });
  return {
    started: started.then((failure) => ({ failure, strategy: null })),
    execute: (packet) => pool.execute(packet),
    close: (graceMs) => pool.close(graceMs),
  };
}

/** Handles packets in child processes, forked or spawned. */
export function createProcessPool(
  description: ChildPoolDescription,
  limits: Limits,
  events: ExecutorEvents,
  counters: Counters,
  onValue: (record: RecordBody) => void,
): Pool {
  const pool = new WorkerPool({ limits, order: description.order, max: description.maxChildren, packetsAtOnce: 1, events, onValue });
  const processes = new ProcessStarter(description, limits, events, counters);
  return {
    started: processes.kind().then(async (kind) => {
      const failure = kind instanceof OscServerError ? pool.fail(kind) : await pool.begin(kind);
      return { failure, strategy: failure === null ? processes.strategy : null };
    }),
    execute: (packet) => pool.execute(packet),
    close: async (graceMs) => {
      const closed = pool.close(graceMs);
      processes.stop();
      await closed;
      await processes.close();
    },
  };
}

/** Decides how the processes of a pool come to be, and owns what they share. */
class ProcessStarter {
  strategy: "fork" | "spawn" = "spawn";
  readonly #description: ChildPoolDescription;
  readonly #limits: Limits;
  readonly #events: ExecutorEvents;
  readonly #counters: Counters;
  readonly #reaper: OrphanReaper;
  #forkServer: ForkServerProcess | null = null;
  readonly #backoff = new Backoff();
  #failure = "";
  #closing = false;

  constructor(description: ChildPoolDescription, limits: Limits, events: ExecutorEvents, counters: Counters) {
    this.#description = description;
    this.#limits = limits;
    this.#events = events;
    this.#counters = counters;
    this.#reaper = new OrphanReaper((reason) =>
      events.report(
        new OscServerError(
          "OSC_CHILD_FAILED",
          `No shell to end children with, should the server be killed while they are in an endless loop: ${reason}.`,
        ),
      ),
    );
  }

  /** The kind of worker that works here, or why none does. */
  async kind(): Promise<WorkerKind | OscServerError> {
    const { strategy, program } = this.#description;
    if (strategy === "spawn") return this.#spawning();
    const found = await this.#usableForkServer();
    if (typeof found !== "string") {
      this.strategy = "fork";
      return this.#forking();
    }
    if (strategy === "auto") return this.#spawning();
    return new OscServerError("OSC_CHILD_FAILED", explainStart("fork server", program, found));
  }

  /** Lets a fork server that is being started go. */
  stop(): void {
    this.#closing = true;
  }

  /** Called when no child is left. */
  async close(): Promise<void> {
    await this.#forkServer?.end();
    await this.#reaper.close();
  }

  #spawning(): WorkerKind {
    const { spareChildren, requestsPerChild, program } = this.#description;
    const limits = workerLimits(this.#limits);
    const init: WorkerInit = { program, limits, nodeOptions: null, thread: null, forkServer: null };
    return {
      ...this.#common(),
      packetsInAll: requestsPerChild,
      patience: requestsPerChild === 1 ? 0 : PATIENCE_MS,
      missing: ({ queued, starting, idle }) => queued + spareChildren - idle - starting,
      superfluous: ({ idle }) => idle - spareChildren,
      start: (events) => new SpawnedWorker(this.#description, init, this.#reaper, events),
    };
  }

  #forking(): WorkerKind {
    const { maxChildren } = this.#description;
    return {
      ...this.#common(),
      packetsInAll: 1,
      patience: 0,
      // Until it has a packet, a worker that is to be forked costs nothing.
      missing: ({ starting, idle }) => maxChildren - idle - starting,
      superfluous: () => 0,
      start: (events) =>
        new ForkedWorker(
          () => this.#usableForkServer(),
          events,
          () => this.#counters.add("forked"),
        ),
    };
  }

  #common(): Omit<WorkerKind, "packetsInAll" | "patience" | "missing" | "superfluous" | "start"> {
    const { program, maxChildren, childTimeout, startTimeout, idleTimeout } = this.#description;
    return {
      code: "OSC_CHILD_FAILED",
      noun: "child process",
      max: maxChildren,
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
    const forkServer = new ForkServerProcess(this.#description, workerLimits(this.#limits), () => this.#events.shutdown());
    this.#forkServer = forkServer;
    void forkServer.usable.then((reason) => {
      if (reason === null) this.#backoff.succeeded();
      else this.#backoff.failed();
      if (reason === null && forkServer.strictTiming !== strictTiming) this.#events.report(timingDiffers(forkServer.strictTiming));
    });
    return forkServer;
  }
}
