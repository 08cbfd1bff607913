import { MAX_TIMER_MS } from "../options.ts";

/** What Node's event loop has and a browser's hasn't. */
interface Immediates {
  setImmediate?(callback: () => void): unknown;
  clearImmediate?(immediate: unknown): void;
}

const loop = globalThis as Immediates;

/**
 * Calls back in the next turn of the event loop: in Node after polling the sockets, in a browser after the tasks that wait already.
 *
 * @returns a function that cancels it
 */
export function nextTurn(callback: () => void): () => void {
  if (loop.setImmediate !== undefined) {
    const immediate = loop.setImmediate(callback);
    return () => loop.clearImmediate?.(immediate);
  }
  const timer = setTimeout(callback, 0);
  return () => clearTimeout(timer);
}

/**
 * Calls `expired` once after `timeout` milliseconds and one more poll of every socket, so that data the system already holds is read
 * even if the event loop was busy. Never with `Infinity`.
 *
 * @returns a function that cancels it
 */
export function startTimer(timeout: number, expired: () => void): () => void {
  if (timeout === Infinity) return () => undefined;
  let cancelTurn = (): void => undefined;
  const pollSockets = (): void => {
    cancelTurn = nextTurn(expired);
  };
  // Sockets are polled between a timer and an immediate, and between two immediates.
  const timer = timeout === 0 ? null : setTimeout(pollSockets, Math.min(timeout, MAX_TIMER_MS));
  if (timer === null) cancelTurn = nextTurn(pollSockets);
  return () => {
    if (timer !== null) clearTimeout(timer);
    cancelTurn();
  };
}

/** Whether a timer keeps the process alive. Does nothing in a browser, where a timer is a number. */
export function keepAliveBy(timer: unknown, how: "on" | "off"): void {
  if (typeof timer !== "object" || timer === null) return;
  const { ref, unref } = timer as { ref?: () => void; unref?: () => void };
  if (how === "on") ref?.call(timer);
  else unref?.call(timer);
}
