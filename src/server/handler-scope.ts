import { AsyncLocalStorage } from "node:async_hooks";

/** A packet whose handlers run, or have run. */
export interface HandlerScope {
  /** A promise that a handler started was rejected, and nothing awaits it. Must not throw. */
  unawaitedRejection(reason: unknown): void;
}

const scopes = new AsyncLocalStorage<HandlerScope>();
let watchers = 0;

/** Calls `run`, and remembers for all that it starts that it belongs to `scope`. */
export function runInScope<Parameters extends unknown[], Result>(
  scope: HandlerScope,
  run: (...parameters: Parameters) => Result,
  ...parameters: Parameters
): Result {
  return scopes.run(scope, run, ...parameters);
}

/**
 * From now on, a rejection that a handler caused is told to its {@link HandlerScope} and doesn't end the program. All others do what they
 * would do without this.
 *
 * @returns ends that
 */
export function watchRejections(): () => void {
  // With such a flag the program has decided itself what a rejection does.
  const flags = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].join(" ");
  if (flags.includes("--unhandled-rejections")) return () => undefined;
  if (watchers === 0) process.on("unhandledRejection", onRejection);
  watchers += 1;
  return () => {
    watchers -= 1;
    if (watchers === 0) process.off("unhandledRejection", onRejection);
  };
}

function onRejection(reason: unknown): void {
  const scope = scopes.getStore();
  if (scope !== undefined) return scope.unawaitedRejection(reason);
  // Node ends the program for a rejection if nobody listens for it; this listener must not change that.
  if (process.listenerCount("unhandledRejection") === 1) throw reason;
}
