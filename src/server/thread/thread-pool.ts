import { availableParallelism } from "node:os";
import type { Limits } from "../options.ts";
import type { Executor, ExecutorEvents } from "../executor.ts";
import type { PoolPolicy } from "../pool/pool-worker.ts";
import { describeProgram } from "../pool/program.ts";
import { WorkerPool } from "../pool/worker-pool.ts";
import { PoolThread } from "./pool-thread.ts";
import type { ThreadPoolDescription } from "./thread-pool-options.ts";

export type { ThreadPoolDescription } from "./thread-pool-options.ts";

/** How long packets wait before a thread is started for them: far longer than light handlers take for those before, shorter than a start takes. */
const PATIENCE_MS = 10;

/** Handles packets in threads of a pool. */
export function createThreadPool(description: ThreadPoolDescription, limits: Limits, events: ExecutorEvents): Executor {
  return new WorkerPool(policyOf(description), limits, events, (workerEvents) => new PoolThread(description, limits, workerEvents));
}

function policyOf(description: ThreadPoolDescription): PoolPolicy {
  const { program, maxThreads, minThreads, idleTimeout, threadTimeout, startTimeout, packetsPerThread } = description;
  const processors = availableParallelism();
  return {
    code: "OSC_THREAD_FAILED",
    noun: "thread",
    goal:
      program.kind === "module" ? `the end of ${describeProgram(program)}` : `the constructor of its server in ${describeProgram(program)}`,
    max: maxThreads,
    processors: Math.max(1, processors - 1),
    packetsAtOnce: packetsPerThread,
    packetsInAll: Infinity,
    packetTimeout: threadTimeout,
    packetTimeoutOption: "threadTimeout",
    startTimeout,
    idleTimeout,
    patience: PATIENCE_MS,
    missing: ({ queued, starting, slow, alive }) => {
      // More threads than processors help only where handlers wait; otherwise they would cost their start and take turns.
      const mayHelp = alive < processors || slow * 2 >= alive - starting;
      return Math.max(minThreads - alive, mayHelp ? queued - starting : 0);
    },
    superfluous: ({ alive }) => alive - minThreads,
  };
}
