import { LengthPrefixDecoder } from "../../framing/index.ts";
import { OscServerError, type OscRejectedError } from "../../errors.ts";
import { decodeAnswer, encodePacketFrame, type FromChild } from "./child-frames.ts";
import type { ChildPoolDescription } from "./child-pool-options.ts";
import { type Child, type ChildStrategy, SpawnStrategy } from "./child-strategy.ts";
import type { Counters } from "../road/counters.ts";
import { unpackError } from "../crossing/error-transfer.ts";
import { ForkHost } from "./fork-host.ts";
import type { Limits } from "../road/options.ts";
import type { Executor, ExecutorEvents, Packet } from "../road/packet.ts";
import { describeProgram } from "../pool/program.ts";
import { timingDiffers } from "../thread/thread-pool.ts";
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
  readonly #description: ChildPoolDescription;
  readonly #events: PoolWorkerEvents;
  readonly #child: Child;
  /** The packet that it handles; there is one at most. */
  #packetId = -1;
  /** Why it ends, where more is known than the exit code. */
  #reason: string | null = null;

  constructor(description: ChildPoolDescription, strategy: ChildStrategy, events: PoolWorkerEvents) {
    this.#description = description;
    this.#events = events;
    this.#child = strategy.start((how) => events.ended(this.#reason ?? how));
    const frames = new LengthPrefixDecoder({
      maxPacketSize: 0x7fffffff,
      onPacket: (body) => this.#take(decodeAnswer(body)),
      onError: (error) => this.#speaksNonsense(error.message),
    });
    this.#child.answers.on("data", (piece: Uint8Array) => {
      try {
        frames.push(piece);
      } catch (error) {
        this.#speaksNonsense(String(error));
      }
    });
  }

  give(id: number, { data, peer, asOf }: Packet): void {
    this.#packetId = id;
    this.#child.packets.write(encodePacketFrame({ data, client: peer.address, asOf }));
  }

  retire(): void {
    this.#child.packets.end();
  }

  kill(): void {
    this.#child.kill();
  }

  #take(answer: FromChild): void {
    const events = this.#events;
    switch (answer.type) {
      case "ready":
        if (answer.strictTiming !== this.#description.strictTiming) events.fault(timingDiffers(answer.strictTiming));
        return events.ready();
      case "reply":
        return events.reply(this.#packetId, answer.data);
      case "report":
        return events.report(this.#packetId, unpackError(answer.error));
      case "settled":
        return events.settle(this.#packetId, answer.outcome === null ? null : (unpackError(answer.outcome) as OscRejectedError));
      case "shutdown":
        return events.shutdown();
      case "unusable":
        this.#reason = answer.reason;
    }
  }

  /** Something else was written to the descriptor of the answers. */
  #speaksNonsense(what: string): void {
    this.#reason = `something wrote to its file descriptor 4, which is the server's: ${what}`;
    this.kill();
  }
}
