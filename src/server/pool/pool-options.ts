import { availableParallelism } from "node:os";
import { OscServerError } from "../../errors.ts";
import { Namespace } from "../../namespace/index.ts";
import {
  type OptionCheck,
  type OptionChecks,
  bad,
  boolean,
  checkOptionValues,
  integer,
  milliseconds,
  oneOf,
  optionError,
} from "../../options.ts";
import type { PacketOrder } from "../fair-queue.ts";
import { type HandlersSource, programOf, strictTimingOf } from "./handlers-source.ts";
import type { Program } from "./worker-init.ts";

/** Options of the workers of threading and forking servers. */
export interface WorkerPoolOptions {
  /** How long a worker may take from its start to the server's constructor, or to load the handlers module, in milliseconds. Default 30,000. */
  readonly startTimeout?: number;
  /** After how long without a packet a worker ends that is more than `minThreads` or `spareChildren`, in milliseconds. Default 30,000. */
  readonly idleTimeout?: number;
  /**
   * With a handlers module: the `strictTiming` of its dispatcher, which the server can't see. If the two differ, this one holds, and
   * that is reported. With a dispatcher the dispatcher's own holds. Default true.
   */
  readonly strictTiming?: boolean;
  /**
   * With a handlers module: where the last values of its described methods go, usually the namespace of the module's dispatcher, imported
   * here as well. With a dispatcher it is the dispatcher's own. Default: nowhere.
   */
  readonly namespace?: Namespace;
  /**
   * Whether packets of one sender may be handled at the same time. `"connection"`, the default of stream servers: one packet of a connection
   * after another, in the order they came, and other connections beside it. `"client"`: the same for each address and port, for UDP.
   * `"none"`, the default for UDP: packets overtake each other.
   */
  readonly order?: PacketOrder;
}

/** Options of the threads of a threading server. */
export interface ThreadPoolOptions extends WorkerPoolOptions {
  /**
   * How many threads there may be at once. Default 16 for each processor, at least 32 and at most 64: a handler that waits leaves the
   * processors to others. A thread takes about 10 MiB.
   */
  readonly maxThreads?: number;
  /** How many threads are kept ready, at most `maxThreads`. Default 8, which take about 100 MiB together. */
  readonly minThreads?: number;
  /** How long a handler may take, in milliseconds; then its thread is ended and the packet reported as dropped. Default 60,000. */
  readonly threadTimeout?: number;
  /**
   * How much memory the objects of a thread may take, in MiB; a thread that needs more is ended, and only that thread. The bytes of buffers
   * don't count: if handlers may fill those without end, use the forking server. Default 512.
   */
  readonly threadMemory?: number;
  /** The `workerData` of `node:worker_threads` in each thread. A `SharedArrayBuffer` in it is shared by all threads. Default undefined. */
  readonly workerData?: unknown;
  /**
   * How many packets a thread may handle side by side while handlers await something. More than 1 needs a handlers module, because only there
   * handlers may be asynchronous. Default 1.
   */
  readonly packetsPerThread?: number;
}

/** How the processes of a forking server come to be: see the option `strategy` of {@link ChildPoolOptions}. */
export type ForkingStrategy = "auto" | "fork" | "spawn";

/** Options of the child processes of a forking server. */
export interface ChildPoolOptions extends WorkerPoolOptions {
  /** How many child processes there may be at once, the spare ones included. Default 40. */
  readonly maxChildren?: number;
  /**
   * How many processes are started before there is a packet for them, at most `maxChildren`. Default 2 to 8, as many as there are processors.
   * A process that is spawned takes about 45 MiB, one that is forked less than 1 MiB.
   */
  readonly spareChildren?: number;
  /** How long a handler may take, in milliseconds; then its process is killed and the packet reported as dropped. Default 60,000. */
  readonly childTimeout?: number;
  /** How many packets a process handles, one after another, before it ends. Default 1: each packet has a process of its own. */
  readonly requestsPerChild?: number;
  /**
   * How processes come to be.
   *
   * - `"fork"`: one process runs the program up to the server, and the system's `fork` copies it for each packet. Needs Linux and the optional
   *   package `koffi`. Handlers must be synchronous, and `requestsPerChild` must be 1.
   * - `"spawn"`: each process is a Node of its own that runs the program up to the server. Works everywhere. Handlers of a module may be
   *   asynchronous. Costs some 50 to 100 ms of processor time for a process; `requestsPerChild` spreads that over several packets.
   * - `"auto"` (default): `"fork"` if a test at the start shows that it works, `requestsPerChild` is 1 and no handler is an async function;
   *   otherwise `"spawn"`. `stats().forked` tells how many processes were forked.
   */
  readonly strategy?: ForkingStrategy;
  /**
   * How much memory the objects of a process may take, in MiB: Node's `--max-old-space-size`. A process that needs more ends, and only that
   * one. Default 512, or what the program itself was started with.
   */
  readonly childMemory?: number;
}

/** What a thread pool is made of, as plain data. */
export interface ThreadPoolDescription extends Required<Omit<ThreadPoolOptions, "namespace">> {
  readonly kind: "threading";
  readonly program: Program;
}

/** What a pool of processes is made of, as plain data. */
export interface ChildPoolDescription extends Required<Omit<ChildPoolOptions, "namespace" | "childMemory">> {
  readonly kind: "forking";
  readonly program: Program;
  /** Null: as the program itself. */
  readonly childMemory: number | null;
}

/** The longest time that a timer of Node can wait. */
const LONGEST_TIMEOUT = 2_147_483_647;
const HEAP_FLAG = /^--max[-_]old[-_]space[-_]size/;

const POOL_CHECKS = {
  startTimeout: timeout(30_000),
  idleTimeout: timeout(30_000),
  strictTiming: boolean(undefined),
  namespace,
} satisfies OptionChecks<Omit<WorkerPoolOptions, "order">>;

const THREAD_CHECKS = {
  ...POOL_CHECKS,
  maxThreads: integer(1, Math.min(64, Math.max(32, 16 * availableParallelism()))),
  threadTimeout: timeout(60_000),
  threadMemory: integer(1, 512),
  workerData: cloneable,
  packetsPerThread: integer(1, 1),
} satisfies OptionChecks<Omit<ThreadPoolOptions, "minThreads" | "order">>;

const CHILD_CHECKS = {
  ...POOL_CHECKS,
  maxChildren: integer(1, 40),
  childTimeout: timeout(60_000),
  requestsPerChild: integer(1, 1),
  strategy: oneOf<ForkingStrategy, ForkingStrategy>(["auto", "fork", "spawn"], "auto"),
  childMemory: integer(1, undefined),
} satisfies OptionChecks<Omit<ChildPoolOptions, "spareChildren" | "order">>;

/** The names of {@link ThreadPoolOptions} and of {@link ChildPoolOptions}. */
export const THREAD_POOL_OPTIONS: readonly string[] = [...Object.keys(THREAD_CHECKS), "minThreads", "order"];
export const CHILD_POOL_OPTIONS: readonly string[] = [...Object.keys(CHILD_CHECKS), "spareChildren", "order"];

/**
 * @param order the default of the option
 * @throws OscServerError `OSC_OPTION` if an option has a bad value, `OSC_ENTRY_NOT_RUNNABLE` as {@link programOf}, `OSC_UNSUPPORTED_RUNTIME`
 */
export function threadPoolDescription(
  source: HandlersSource,
  options: ThreadPoolOptions,
  order: PacketOrder = "none",
): ThreadPoolDescription {
  if (process.versions["deno"] !== undefined) {
    const what = "A threading server can't work on Deno, whose threads can't wait for messages while they are blocked";
    throw new OscServerError("OSC_UNSUPPORTED_RUNTIME", `${what}. Use the forking or the async server, or run the program on Node or Bun.`);
  }
  const { namespace: values, ...checked } = checkOptionValues(options, THREAD_CHECKS);
  const { maxThreads, packetsPerThread } = checked;
  const minThreads = integer(1, Math.min(maxThreads, 8), maxThreads)(options.minThreads, "minThreads");
  const program = programOf(source, values);
  if (packetsPerThread > 1 && program.kind === "entry") {
    throw optionError(
      "packetsPerThread above 1 needs a handlers module instead of the dispatcher: only there handlers may be asynchronous.",
    );
  }
  return {
    ...checked,
    kind: "threading",
    program,
    strictTiming: strictTimingOf(source, options),
    order: orderOption(options, order),
    minThreads,
  };
}

/**
 * @param order the default of the option
 * @throws OscServerError `OSC_OPTION` if an option has a bad value, `OSC_ENTRY_NOT_RUNNABLE` as {@link programOf}
 */
export function childPoolDescription(source: HandlersSource, options: ChildPoolOptions, order: PacketOrder = "none"): ChildPoolDescription {
  const { namespace: values, ...checked } = checkOptionValues(options, CHILD_CHECKS);
  const { maxChildren, requestsPerChild, strategy, childMemory } = checked;
  const spares = Math.min(maxChildren, 8, Math.max(2, availableParallelism()));
  if (strategy === "fork" && requestsPerChild !== 1) {
    throw optionError(
      `requestsPerChild must be 1 with strategy "fork", which has a process for each packet; got ${requestsPerChild}. Use strategy "spawn" for more.`,
    );
  }
  const program = programOf(source, values);
  const heapIsSet = program.execArgv.some((flag) => HEAP_FLAG.test(flag));
  return {
    ...checked,
    kind: "forking",
    program,
    strictTiming: strictTimingOf(source, options),
    order: orderOption(options, order),
    spareChildren: integer(1, spares, maxChildren)(options.spareChildren, "spareChildren"),
    strategy: strategy === "auto" && (requestsPerChild > 1 || !mayFork()) ? "spawn" : strategy,
    childMemory: childMemory ?? (heapIsSet ? null : 512),
  };
}

function orderOption({ order }: WorkerPoolOptions, fallback: PacketOrder): PacketOrder {
  return oneOf<PacketOrder, PacketOrder>(["connection", "client", "none"], fallback)(order, "order");
}

/** Whether it is worth a test at the start. Bun and Deno name their own version beside that of Node which they are like. */
function mayFork(): boolean {
  return process.platform === "linux" && process.versions["bun"] === undefined && process.versions["deno"] === undefined;
}

function namespace(value: unknown): Namespace | undefined {
  if (value === undefined || value instanceof Namespace) return value;
  throw bad("namespace", "the namespace of a Dispatcher", value);
}

/** A number of milliseconds that a timer can wait. */
function timeout(fallback: number): OptionCheck<number> {
  return milliseconds(fallback, 1, LONGEST_TIMEOUT);
}

function cloneable(workerData: unknown): unknown {
  try {
    return structuredClone(workerData);
  } catch (cause) {
    throw optionError(`workerData must be a value that can be cloned for another thread: ${String(cause)}`, { cause });
  }
}
