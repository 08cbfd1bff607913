import EventEmitter from "node:events";
import { isMainThread } from "node:worker_threads";

/** The signals that end a process by default and that a program may listen for. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK"] as const;

type Listener = (...parameters: unknown[]) => void;

/**
 * Runs something that blocks this thread, with the listeners of signals set aside meanwhile.
 *
 * They could not run, for they need the event loop; but while there is one, the system leaves the signal to it, and Ctrl-C would do nothing.
 * Without them the signal does what it does by default: it ends the process.
 */
export function withoutSignalListeners<Result>(block: () => Result): Result {
  if (!isMainThread) return block();
  const setAside = ENDING_SIGNALS.flatMap((signal) => takeListeners(signal).map((listener) => [signal, listener] as const));
  try {
    return block();
  } finally {
    for (const [signal, listener] of setAside) process.on(signal, listener);
  }
}

function takeListeners(signal: NodeJS.Signals): readonly Listener[] {
  // Not process.rawListeners: a loader that relays signals (tsx) replaces it, to hide its own listener.
  const listeners = EventEmitter.prototype.rawListeners.call(process, signal) as Listener[];
  for (const listener of listeners) process.off(signal, listener);
  return listeners;
}
