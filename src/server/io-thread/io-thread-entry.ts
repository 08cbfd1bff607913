/**
 * The I/O thread. It owns the sockets of one server and runs its `Pipeline`; the executor is a `CallerExecutor` for a blocking server,
 * otherwise a `WorkerPool`. The calling thread's side is `IoThread`, which starts this file as a worker; `messages.ts` lists what they
 * send each other.
 */
import { workerData } from "node:worker_threads";
import { OscError, OscServerError } from "../../errors.ts";
import { CallerExecutor } from "./caller-executor.ts";
import { Counters } from "../stats.ts";
import { WakeSignal } from "./wake-signal.ts";
import { packError } from "../pool/error-transfer.ts";
import type { WorkerPool } from "../pool/worker-pool.ts";
import type { FromIoThread, IoThreadInit, ServeOneStatus, ToIoThread } from "./messages.ts";
import type { Executor, ExecutorEvents } from "../executor.ts";
import { Pipeline } from "../pipeline.ts";
import { valueAddress } from "../pool/records.ts";
import type { Transport } from "../../transport/transport.ts";
import { createTransport } from "../transports.ts";
import { ValueRelay } from "./value-relay.ts";

const BEAT_MS = 500;

const init = workerData as IoThreadInit;
const signal = new WakeSignal(init.signal);
const counters = new Counters(init.counters);
/** Null for blocking servers. */
let pool: WorkerPool | null = null;

function tell(message: FromIoThread): void {
  init.port.postMessage(message);
  signal.wakeForMessage();
}

function asOscError(thrown: unknown): OscError {
  if (thrown instanceof OscError) return thrown;
  return new OscServerError("OSC_THREAD_FAILED", `The I/O thread of the server failed: ${String(thrown)}.`, { cause: thrown });
}

const values = new ValueRelay((records) => tell({ type: "values", values: records }), valueAddress);

async function executorOf({ executor: description, limits }: IoThreadInit): Promise<(events: ExecutorEvents) => Executor> {
  if (description.kind === "blocking") return (events) => new CallerExecutor(description, limits, signal, counters, events);
  const { createPool } = await import("../pool/pools.ts");
  const onServeOne = (status: ServeOneStatus): void => tell({ type: "serve-one-status", status });
  const onValue = (record: Uint8Array): void => values.add(record);
  return (events) => (pool = createPool(description, { limits, events, onServeOne, onValue, counters }));
}

/** Starts the pool's workers, and tells the calling thread when the first is ready or has failed. */
async function beginPool(): Promise<void> {
  const { failure, strategy } = (await pool?.begin()) ?? { failure: null, strategy: null };
  if (pool !== null) tell({ type: "workers", failure: failure === null ? null : packError(failure), strategy });
}

async function run(): Promise<void> {
  if (init.nodeOptions !== null) process.env["NODE_OPTIONS"] = init.nodeOptions;
  const pipeline = new Pipeline({
    limits: init.limits,
    strictTiming: init.strictTiming,
    counters,
    onError: (error, client) => tell({ type: "error", error: packError(error), client: client ?? null }),
    onShutdown: () => tell({ type: "shutdown" }),
    executor: await executorOf(init),
    peerAt: (address) => transport.peerAt?.(address) ?? null,
  });
  const transport: Transport = createTransport(init.spec, pipeline, init.backend);
  const beat = setInterval(() => signal.beat(), BEAT_MS);

  const close = async (graceMs: number): Promise<void> => {
    await transport.drain?.();
    // The socket closes last, because running handlers may still reply.
    await pipeline.close(graceMs);
    values.flush();
    await transport.close();
    clearInterval(beat);
    tell({ type: "closed" });
    init.port.close();
  };
  init.port.on("message", (message: ToIoThread) => {
    if (message.type === "serve") pool?.resume();
    else if (message.type === "serve-one") pool?.serveOne();
    else if (message.type === "pause") pool?.pause();
    else if (message.type === "values-taken") values.taken();
    else if (message.type === "send") pipeline.send(message.data, message.to);
    else void close(message.graceMs).catch(fail);
  });

  try {
    const address = await transport.open();
    tell({ type: "opened", address });
  } catch (error) {
    await pipeline.close(0);
    throw error;
  }
  // Only once it listens: workers may run the program again, which must not happen if the address is taken.
  await beginPool();
}

function fail(thrown: unknown): void {
  tell({ type: "failed", error: packError(asOscError(thrown)) });
  process.exit(1);
}

// An error here is a bug in Oscine. It must not leave the calling thread asleep forever.
process.on("uncaughtException", fail);
run().catch((error: unknown) => {
  tell({ type: "refused", error: packError(asOscError(error)) });
  process.exit();
});
