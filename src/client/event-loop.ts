/** What Node's event loop has and a browser's has not. */
interface Immediates {
  setImmediate?(callback: () => void): unknown;
  clearImmediate?(immediate: unknown): void;
}

const loop = globalThis as Immediates;

/**
 * Calls back in the next turn of the event loop: in Node after the sockets were looked at, in a browser after the tasks that wait already.
 *
 * @returns a function that stops it
 */
export function nextTurn(callback: () => void): () => void {
  if (loop.setImmediate !== undefined) {
    const immediate = loop.setImmediate(callback);
    return () => loop.clearImmediate?.(immediate);
  }
  const timer = setTimeout(callback, 0);
  return () => clearTimeout(timer);
}

/** Whether a timer keeps the process alive: in Node; a browser's is a number, and there is no process. */
export function keepAliveBy(timer: unknown, how: "on" | "off"): void {
  if (typeof timer !== "object" || timer === null) return;
  const { ref, unref } = timer as { ref?: () => void; unref?: () => void };
  if (how === "on") ref?.call(timer);
  else unref?.call(timer);
}
