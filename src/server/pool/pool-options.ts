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
  /** How long a worker beyond `minThreads` or `spareChildren` may be idle before it ends, in milliseconds. Default 30,000. */
  readonly idleTimeout?: number;
  /**
   * With a handlers module: the `strictTiming` of its dispatcher, which the server can't see. If they differ, this option applies, and the
   * difference is reported. With a dispatcher, the dispatcher's own applies. Default true.
   */
  readonly strictTiming?: boolean;
  /**
   * With a handlers module: the namespace that receives the last values of its described methods, usually that of the module's dispatcher,
   * imported here as well. With a dispatcher, it is the dispatcher's own. Default: none.
   */
  readonly namespace?: Namespace;
  /**
   * Whether packets of one sender may be handled concurrently. `"connection"`, the default for stream servers: the packets of each connection are
   * handled one after another, in order of arrival, concurrently with other connections. `"client"`: the same for each address and port, for
   * UDP. `"none"`, the default for UDP: packets may overtake each other.
   */
  readonly order?: "connection" | "client" | "none";
}

/** Options of the threads of a threading server. */
export interface ThreadPoolOptions extends WorkerPoolOptions {
  /**
   * Maximum number of threads. Default 16 per processor, at least 32 and at most 64: a handler that waits leaves its processor to others. A
   * thread takes about 10 MiB.
   */
  readonly maxThreads?: number;
  /** Number of threads kept ready, at most `maxThreads`. Default 8, which take about 100 MiB together. */
  readonly minThreads?: number;
  /** How long a handler may take, in milliseconds. After that its thread is killed and the packet reported as dropped. Default 60,000. */
  readonly threadTimeout?: number;
  /**
   * Maximum heap size of a thread, in MiB; a thread that exceeds it is killed, without affecting others. The contents of buffers don't count: if
   * handlers may allocate those without limit, use the forking server. Default 512.
   */
  readonly threadMemory?: number;
  /** The `workerData` of `node:worker_threads` in each thread. A `SharedArrayBuffer` in it is shared by all threads. Default undefined. */
  readonly workerData?: unknown;
  /**
   * Number of packets that a thread may handle concurrently while handlers await something. More than 1 needs a handlers module, because only its
   * handlers may be async. Default 1.
   */
  readonly packetsPerThread?: number;
}

/** How the processes of a forking server are created: see the option `strategy` of {@link ChildPoolOptions}. */
export type ForkingStrategy = "auto" | "fork" | "spawn";

/** Options of the child processes of a forking server. */
export interface ChildPoolOptions extends WorkerPoolOptions {
  /** Maximum number of child processes, including spare ones. Default 40. */
  readonly maxChildren?: number;
  /**
   * Number of idle processes kept ready for packets, at most `maxChildren`. Default: the number of processors, from 2 to 8. A spawned process
   * takes about 45 MiB, a forked one less than 1 MiB.
   */
  readonly spareChildren?: number;
  /** How long a handler may take, in milliseconds. After that its process is killed and the packet reported as dropped. Default 60,000. */
  readonly childTimeout?: number;
  /** Number of packets that a process handles, one after another, before it ends. Default 1: each packet gets its own process. */
  readonly requestsPerChild?: number;
  /**
   * How processes are created.
   *
   * - `"fork"`: one process runs the program up to the server, and the system call `fork` copies it for each packet. Needs Linux and the optional
   *   package `koffi`. Handlers must be synchronous, and `requestsPerChild` must be 1.
   * - `"spawn"`: each process is a new Node process that runs the program up to the server. Works everywhere. Handlers of a module may be
   *   async. A process costs about 50 to 100 ms of CPU time; `requestsPerChild` spreads that over several packets.
   * - `"auto"` (default): `"fork"` if a test at startup shows that it works, `requestsPerChild` is 1 and no handler is an async function;
   *   otherwise `"spawn"`. `stats().forked` counts the processes that were forked.
   */
  readonly strategy?: ForkingStrategy;
  /**
   * Maximum heap size of a process, in MiB: Node's `--max-old-space-size`. A process that exceeds it ends, without affecting others. Default
   * 512, or the value that the program itself was started with.
   */
  readonly childMemory?: number;
}

/** The description of a thread pool. Plain data. */
export interface ThreadPoolDescription extends Required<Omit<ThreadPoolOptions, "namespace">> {
  readonly kind: "threading";
  readonly program: Program;
}

/** The description of a pool of processes. Plain data. */
export interface ChildPoolDescription extends Required<Omit<ChildPoolOptions, "namespace" | "childMemory">> {
  readonly kind: "forking";
  readonly program: Program;
  /** Null: the same as for the program itself. */
  readonly childMemory: number | null;
}

/** The longest delay of a Node timer. */
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
 * @throws OscServerError `OSC_OPTION` for a bad option, `OSC_ENTRY_NOT_RUNNABLE` like {@link programOf}, `OSC_UNSUPPORTED_RUNTIME` on Deno
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
      "packetsPerThread above 1 needs a handlers module instead of the dispatcher, because only its handlers may be asynchronous.",
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
 * @throws OscServerError `OSC_OPTION` for a bad option, `OSC_ENTRY_NOT_RUNNABLE` like {@link programOf}
 */
export function childPoolDescription(source: HandlersSource, options: ChildPoolOptions, order: PacketOrder = "none"): ChildPoolDescription {
  const { namespace: values, ...checked } = checkOptionValues(options, CHILD_CHECKS);
  const { maxChildren, requestsPerChild, strategy, childMemory } = checked;
  const spares = Math.min(maxChildren, 8, Math.max(2, availableParallelism()));
  if (strategy === "fork" && requestsPerChild !== 1) {
    throw optionError(
      `requestsPerChild must be 1 with strategy "fork", which forks a process for each packet; got ${requestsPerChild}. Use strategy "spawn" for more.`,
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

/** Whether forking may work, so that it is worth a test. Bun and Deno report their own version beside Node's. */
function mayFork(): boolean {
  return process.platform === "linux" && process.versions["bun"] === undefined && process.versions["deno"] === undefined;
}

function namespace(value: unknown): Namespace | undefined {
  if (value === undefined || value instanceof Namespace) return value;
  throw bad("namespace", "the namespace of a Dispatcher", value);
}

/** A delay of a timer, in milliseconds. */
function timeout(fallback: number): OptionCheck<number> {
  return milliseconds(fallback, 1, LONGEST_TIMEOUT);
}

function cloneable(workerData: unknown): unknown {
  try {
    return structuredClone(workerData);
  } catch (cause) {
    throw optionError(`workerData must be cloneable for another thread: ${String(cause)}`, { cause });
  }
}
