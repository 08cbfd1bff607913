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
import { PausableExecutor } from "./pausable-executor.ts";
import { valueAddress } from "../pool/records.ts";
import { createTransport } from "../transports.ts";
import { ValueRelay } from "./value-relay.ts";

const BEAT_MS = 500;

const init = workerData as IoThreadInit;
const signal = new WakeSignal(init.signal);

function tell(message: FromIoThread): void {
  init.port.postMessage(message);
  signal.wakeForMessage();
}

function asOscError(thrown: unknown): OscError {
  if (thrown instanceof OscError) return thrown;
  return new OscServerError("OSC_THREAD_FAILED", `The I/O thread of the server failed: ${String(thrown)}.`, { cause: thrown });
}

/** Where packets are handled, and what pauses that. */
interface Execution {
  readonly executor: (events: ExecutorEvents) => Executor;
  readonly pausable: () => PausableExecutor | null;
}

const values = new ValueRelay((records) => tell({ type: "values", values: records }), valueAddress);
const onValue = (record: Uint8Array): void => values.add(record);

async function executionOf({ executor: description, limits, counters }: IoThreadInit): Promise<Execution> {
  switch (description.kind) {
    case "blocking":
      return {
        executor: (events) => new CallerExecutor(description, limits, signal, new Counters(counters), events),
        pausable: () => null,
      };
    case "threading": {
      const { createThreadPool } = await import("../pool/pools.ts");
      return pausablePool((events) => createThreadPool(description, limits, events, onValue));
    }
    case "forking": {
      const { createProcessPool } = await import("../pool/pools.ts");
      return pausablePool((events) => createProcessPool(description, limits, events, new Counters(counters), onValue));
    }
  }
}

/** Packets reach a pool only while the server serves. */
function pausablePool(createPool: (events: ExecutorEvents) => Pool): Execution {
  let pausable: PausableExecutor | null = null;
  const pool = (events: ExecutorEvents): Pool => {
    const created = createPool(events);
    void created.started.then(({ failure, strategy }) =>
      tell({ type: "workers", failure: failure === null ? null : packError(failure), strategy }),
    );
    return created;
  };
  const onOne = (change: OneChange): void => tell({ type: "one", change });
  return { executor: (events) => (pausable = new PausableExecutor(pool, init.limits, events, onOne)), pausable: () => pausable };
}

async function run(): Promise<void> {
  if (init.nodeOptions !== null) process.env["NODE_OPTIONS"] = init.nodeOptions;
  const { executor, pausable } = await executionOf(init);
  const pipeline = new Pipeline({
    limits: init.limits,
    strictTiming: init.strictTiming,
    counters: new Counters(init.counters),
    onError: (error, client) => tell({ type: "error", error: packError(error), client: client ?? null }),
    onShutdown: () => tell({ type: "shutdown" }),
    executor,
  });
  const transport = createTransport(init.spec, pipeline, init.backend);
  const beat = setInterval(() => signal.beat(), BEAT_MS);

  const close = async (graceMs: number): Promise<void> => {
    await transport.drain?.();
    // Handlers that have begun may still reply, so the socket closes last.
    await pipeline.close(graceMs);
    values.flush();
    await transport.close();
    clearInterval(beat);
    tell({ type: "closed" });
    init.port.close();
  };
  init.port.on("message", (message: ToIoThread) => {
    if (message.type === "serve") pausable()?.resume();
    else if (message.type === "serve-one") pausable()?.takeOne();
    else if (message.type === "pause") pausable()?.pause();
    else if (message.type === "values-taken") values.taken();
    else void close(message.graceMs).catch(fail);
  });

  try {
    const address = await transport.open();
    pausable()?.begin();
    tell({ type: "opened", address });
  } catch (error) {
    await pipeline.close(0);
    throw error;
  }
}

function fail(thrown: unknown): void {
  tell({ type: "failed", error: packError(asOscError(thrown)) });
  process.exit(1);
}

// An error here is a fault of ours. It must not leave the calling thread asleep forever.
process.on("uncaughtException", fail);
run().catch((error: unknown) => {
  tell({ type: "refused", error: packError(asOscError(error)) });
  process.exit();
});
