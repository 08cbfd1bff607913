import { availableParallelism } from "node:os";
import { positive } from "./options.ts";
import { type HandlersSource, type Program, programOf, strictTimingOf } from "./program.ts";
import { atMost, timeout } from "./thread-pool-options.ts";

/** Options of the child processes of a forking server. */
export interface ChildPoolOptions {
  /** How many child processes there may be at once, the spare ones included. Default 40. */
  readonly maxChildren?: number;
  /**
   * How many processes are started ahead, so that a packet does not wait until Node has booted; at most `maxChildren`.
   * Default 2 to 8, as many as there are processors. Each takes about 45 MiB.
   */
  readonly spareChildren?: number;
  /** How long a handler may take, in milliseconds; then its process is killed and the packet reported as dropped. Default 60,000. */
  readonly childTimeout?: number;
  /** How long a process may take from its start to the server's constructor, or to load the handlers module, in milliseconds. Default 30,000. */
  readonly startTimeout?: number;
  /** How many packets a process handles, one after another, before it is ended. Default 1: each packet has a process of its own. */
  readonly requestsPerChild?: number;
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
  const heapIsSet = program.execArgv.some((flag) => HEAP_FLAG.test(flag));
  return {
    kind: "forking",
    program,
    strictTiming: strictTimingOf(source, options),
    maxChildren,
    spareChildren: atMost("spareChildren", options.spareChildren, spares, "maxChildren", maxChildren),
    childTimeout: timeout("childTimeout", options.childTimeout, 60_000),
    startTimeout: timeout("startTimeout", options.startTimeout, 30_000),
    requestsPerChild: positive("requestsPerChild", options.requestsPerChild, 1),
    idleTimeout: timeout("idleTimeout", options.idleTimeout, 30_000),
    childMemory: options.childMemory === undefined && heapIsSet ? null : positive("childMemory", options.childMemory, 512),
  };
}
