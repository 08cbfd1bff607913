import { availableParallelism } from "node:os";
import { OscServerError } from "../../errors.ts";
import { ChildAnswers, readFrames } from "./child-answers.ts";
import { decodeAnswer, encodePacketFrame } from "./child-frames.ts";
import type { ChildPoolDescription } from "./child-pool-options.ts";
import { type Child, SpawnStrategy } from "./child-strategy.ts";
import type { Counters } from "../stats.ts";
import { ForkHost } from "./fork-host.ts";
import type { Limits } from "../options.ts";
import type { Executor, ExecutorEvents, Packet } from "../executor.ts";
import { describeProgram } from "../pool/program.ts";
import type { PoolPolicy, PoolWorker, PoolWorkerEvents, StartWorker } from "../pool/pool-worker.ts";
import { WorkerPool } from "../pool/worker-pool.ts";
import { workerLimits } from "../pool/worker-service.ts";

export type { ChildPoolDescription } from "./child-pool-options.ts";

/** How long packets wait before another process is started for them, where processes are used again. */
const PATIENCE_MS = 10;

/** Handles packets in child processes. */
export function createChildPool(description: ChildPoolDescription, limits: Limits, events: ExecutorEvents, counters: Counters): Executor {
  const spawning = new SpawnStrategy(description, workerLimits(limits), (reason) =>
    events.report(new OscServerError("OSC_CHILD_FAILED", reason)),
  );
  const spawn: StartWorker = (workerEvents) => new PoolChild(description, spawning, workerEvents);
  const host = new ForkHost({
    description,
    limits: workerLimits(limits),
    onFault: (error) => events.report(error),
    onFork: () => counters.add("forked"),
    fallBack: description.strategy === "auto" ? spawn : null,
  });
  const start: StartWorker = description.strategy === "spawn" ? spawn : (workerEvents) => host.start(workerEvents);
  const pool = new WorkerPool(policyOf(description, host), limits, events, start);
  return {
    execute: (packet) => pool.execute(packet),
    close: async (graceMs) => {
      await pool.close(graceMs);
      await host.close();
      await spawning.close();
    },
  };
}

function policyOf(description: ChildPoolDescription, host: ForkHost): PoolPolicy {
  const { program, maxChildren, spareChildren, requestsPerChild, childTimeout, startTimeout, idleTimeout } = description;
  return {
    code: "OSC_CHILD_FAILED",
    noun: "child process",
    goal:
      program.kind === "module" ? `the end of ${describeProgram(program)}` : `the constructor of its server in ${describeProgram(program)}`,
    max: maxChildren,
    processors: Math.max(1, availableParallelism() - 1),
    packetsAtOnce: 1,
    packetsInAll: requestsPerChild,
    packetTimeout: childTimeout,
    packetTimeoutOption: "childTimeout",
    startTimeout,
    idleTimeout,
    patience: requestsPerChild === 1 ? 0 : PATIENCE_MS,
    // A place for a child that is forked only for its packet costs nothing.
    missing: ({ queued, starting, idle }) => (host.forks ? maxChildren : queued + spareChildren) - idle - starting,
    superfluous: ({ idle }) => (host.forks ? 0 : idle - spareChildren),
  };
}

/** The pool's side of one child process. */
class PoolChild implements PoolWorker {
  readonly #answers: ChildAnswers;
  readonly #child: Child;

  constructor(description: ChildPoolDescription, strategy: SpawnStrategy, events: PoolWorkerEvents) {
    const answers = new ChildAnswers(events, description.strictTiming);
    this.#answers = answers;
    this.#child = strategy.start((how) => answers.ended(how));
    readFrames(
      this.#child.answers,
      (body) => answers.answer(decodeAnswer(body)),
      (what) => {
        answers.reason = what;
        this.kill();
      },
    );
  }

  give(id: number, { data, peer, asOf }: Packet): void {
    this.#answers.packetId = id;
    this.#child.packets.write(encodePacketFrame({ data, client: peer.address, asOf }));
  }

  retire(): void {
    this.#child.packets.end();
  }

  kill(): void {
    this.#child.kill();
  }
}
