import { availableParallelism } from "node:os";
import { OscServerError } from "../../errors.ts";
import { positive } from "../options.ts";
import { type HandlersSource, type Program, programOf, strictTimingOf } from "../pool/program.ts";
import { atMost, timeout } from "../thread/thread-pool-options.ts";

/** How the processes of a forking server come to be: see the option `strategy` of {@link ChildPoolOptions}. */
export type ForkingStrategy = "auto" | "native" | "spawn";

/** Options of the child processes of a forking server. */
export interface ChildPoolOptions {
  /** How many child processes there may be at once, the spare ones included. Default 40. */
  readonly maxChildren?: number;
  /**
   * How many processes are started ahead, so that a packet does not wait until Node has booted, or with `strategy: "native"` until a process
   * has been forked; at most `maxChildren`. Default 2 to 8, as many as there are processors. Each takes about 45 MiB, one that is forked less than 1 MiB.
   */
  readonly spareChildren?: number;
  /** How long a handler may take, in milliseconds; then its process is killed and the packet reported as dropped. Default 60,000. */
  readonly childTimeout?: number;
  /** How long a process may take from its start to the server's constructor, or to load the handlers module, in milliseconds. Default 30,000. */
  readonly startTimeout?: number;
  /** How many packets a process handles, one after another, before it is ended. Default 1: each packet has a process of its own. */
  readonly requestsPerChild?: number;
  /**
   * How processes come to be. `"spawn"` (default): each is a Node of its own that runs the program, and spare ones are started ahead.
   * `"native"`: one process runs the program up to the server and is then forked, by the system's `fork`, for each packet, as python-osc does
   * it: hundreds of processes a second, which share the memory until they write to it. On Linux, with the optional package `koffi`.
   * `"auto"`: `"native"` where that changes nothing for handlers, because they are those of a dispatcher and `requestsPerChild` is 1, and where a
   * test at the start shows that it works; else `"spawn"`. A test that fails is reported. `stats().forked` says which it is.
   *
   * Node is not made to be forked, so `"native"` has limits. Handlers must be synchronous, also those of a handlers module: promises, timers
   * and threads do not go on in a child. What the program opened before the server, such as a file or a connection to a database, is shared
   * by all children, and `Math.random()` gives the same numbers in each (`crypto.getRandomValues()` does not). `requestsPerChild` must be 1.
   */
  readonly strategy?: ForkingStrategy;
  /** After how long without a packet a process ends that is more than `spareChildren`, in milliseconds. Default 30,000. */
  readonly idleTimeout?: number;
  /**
   * How much memory the objects of a process may take, in MiB: Node's `--max-old-space-size`. A process that needs more ends, and only that
   * one. Default 512, or what the program itself was started with.
   */
  readonly childMemory?: number;
  /**
   * With a handlers module: the `strictTiming` of its dispatcher, which the server cannot see. Where the two differ, this one holds, and
   * that is reported. With a dispatcher the dispatcher's own holds. Default true.
   */
  readonly strictTiming?: boolean;
}

/** What a child pool is made of, as plain data. */
export interface ChildPoolDescription {
  readonly kind: "forking";
  readonly program: Program;
  readonly strictTiming: boolean;
  readonly maxChildren: number;
  readonly spareChildren: number;
  readonly childTimeout: number;
  readonly startTimeout: number;
  readonly requestsPerChild: number;
  readonly strategy: ForkingStrategy;
  readonly idleTimeout: number;
  /** Null: as the program itself. */
  readonly childMemory: number | null;
}

const HEAP_FLAG = /^--max[-_]old[-_]space[-_]size/;

/** @throws OscServerError `OSC_OPTION` where an option has no such value, `OSC_ENTRY_NOT_RUNNABLE` as `programOf` */
export function childPoolDescription(source: HandlersSource, options: ChildPoolOptions): ChildPoolDescription {
  const maxChildren = positive("maxChildren", options.maxChildren, 40);
  const spares = Math.min(maxChildren, 8, Math.max(2, availableParallelism()));
  const program = programOf(source);
  const requestsPerChild = positive("requestsPerChild", options.requestsPerChild, 1);
  const heapIsSet = program.execArgv.some((flag) => HEAP_FLAG.test(flag));
  return {
    kind: "forking",
    program,
    strictTiming: strictTimingOf(source, options),
    maxChildren,
    spareChildren: atMost("spareChildren", options.spareChildren, spares, "maxChildren", maxChildren),
    childTimeout: timeout("childTimeout", options.childTimeout, 60_000),
    startTimeout: timeout("startTimeout", options.startTimeout, 30_000),
    requestsPerChild,
    strategy: strategyOf(options.strategy, program, requestsPerChild),
    idleTimeout: timeout("idleTimeout", options.idleTimeout, 30_000),
    childMemory: options.childMemory === undefined && heapIsSet ? null : positive("childMemory", options.childMemory, 512),
  };
}

/** Where `"auto"` cannot become `"native"` whatever a test shows, it is `"spawn"`. */
function strategyOf(strategy: unknown = "spawn", program: Program, requestsPerChild: number): ForkingStrategy {
  if (strategy !== "auto" && strategy !== "native" && strategy !== "spawn") {
    throw new OscServerError("OSC_OPTION", `strategy is "auto", "native" or "spawn"; got ${JSON.stringify(strategy)}.`);
  }
  if (strategy === "native" && requestsPerChild !== 1) {
    throw new OscServerError(
      "OSC_OPTION",
      `With strategy "native" each packet has a process of its own: leave requestsPerChild out, or use "spawn"; got ${requestsPerChild}.`,
    );
  }
  return strategy === "auto" && (program.kind === "module" || requestsPerChild !== 1) ? "spawn" : strategy;
}
