/** The I/O thread: it owns the sockets of one server, admits and schedules packets and hands them to an executor. Loaded as a worker. */
import { workerData } from "node:worker_threads";
import { OscError, OscServerError } from "../../errors.ts";
import { CallerExecutor } from "./caller-executor.ts";
import { Counters } from "../stats.ts";
import { WakeSignal } from "./wake-signal.ts";
import { packError } from "../pool/error-transfer.ts";
import type { Pool } from "../pool/pools.ts";
import type { FromIoThread, IoThreadInit, OneChange, ToIoThread } from "./messages.ts";
import type { Executor, ExecutorEvents } from "../executor.ts";
import { Pipeline } from "../pipeline.ts";
import { ServeGate } from "./serve-gate.ts";
import { createTransport } from "../transports.ts";

const BEAT_MS = 500;

const init = workerData as IoThreadInit;
const doorbell = new WakeSignal(init.doorbell);

function tell(message: FromIoThread): void {
  init.port.postMessage(message);
  doorbell.ringForMail();
}

function asOscError(thrown: unknown): OscError {
  if (thrown instanceof OscError) return thrown;
  return new OscServerError("OSC_THREAD_FAILED", `The I/O thread of the server failed: ${String(thrown)}.`, { cause: thrown });
}

/** How packets are handled, and what opens and shuts their way there. */
interface Execution {
  readonly executor: (events: ExecutorEvents) => Executor;
  readonly gate: () => ServeGate | null;
}

async function executionOf({ executor: description, limits, counters }: IoThreadInit): Promise<Execution> {
  switch (description.kind) {
    case "blocking":
      return {
        executor: (events) => new CallerExecutor(description, limits, doorbell, new Counters(counters), events),
        gate: () => null,
      };
    case "threading": {
      const { createThreadPool } = await import("../pool/pools.ts");
      return gated((events) => createThreadPool(description, limits, events));
    }
    case "forking": {
      const { createProcessPool } = await import("../pool/pools.ts");
      return gated((events) => createProcessPool(description, limits, events, new Counters(counters)));
    }
  }
}

/** Packets reach a pool only while the server serves. */
function gated(createPool: (events: ExecutorEvents) => Pool): Execution {
  let gate: ServeGate | null = null;
  const pool = (events: ExecutorEvents): Pool => {
    const created = createPool(events);
    void created.started.then((failure) => tell({ type: "workers", failure: failure === null ? null : packError(failure) }));
    return created;
  };
  const onOne = (change: OneChange): void => tell({ type: "one", change });
  return { executor: (events) => (gate = new ServeGate(pool, init.limits, events, onOne)), gate: () => gate };
}

async function run(): Promise<void> {
  if (init.nodeOptions !== null) process.env["NODE_OPTIONS"] = init.nodeOptions;
  const { executor, gate } = await executionOf(init);
  const road = new Pipeline({
    limits: init.limits,
    strictTiming: init.strictTiming,
    counters: new Counters(init.counters),
    onError: (error, client) => tell({ type: "error", error: packError(error), client: client ?? null }),
    onShutdown: () => tell({ type: "shutdown" }),
    executor,
  });
  // One receiver, for order and limits; native sockets lose a quarter less than Node's where threads are given more than they take
  // (`npm run bench -- udp`, 100,000 a second).
  const transport = createTransport(init.spec, road, init.backend);
  const beat = setInterval(() => doorbell.beat(), BEAT_MS);

  const close = async (graceMs: number): Promise<void> => {
    await transport.drain?.();
    // Handlers that have begun may still reply, so the socket closes last.
    await road.close(graceMs);
    await transport.close();
    clearInterval(beat);
    tell({ type: "closed" });
    init.port.close();
  };
  init.port.on("message", (message: ToIoThread) => {
    if (message.type === "serve") gate()?.open();
    else if (message.type === "serve-one") gate()?.passOne();
    else if (message.type === "pause") gate()?.shut();
    else void close(message.graceMs).catch(fail);
  });

  try {
    const address = await transport.open();
    gate()?.begin();
    tell({ type: "opened", address });
  } catch (error) {
    await road.close(0);
    throw error;
  }
}

function fail(thrown: unknown): void {
  tell({ type: "failed", error: packError(asOscError(thrown)) });
  process.exit(1);
}

// An error here is a fault of ours. It must not leave the calling thread asleep for ever.
process.on("uncaughtException", fail);
run().catch((error: unknown) => {
  tell({ type: "refused", error: packError(asOscError(error)) });
  process.exit();
});
