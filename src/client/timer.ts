import { nextTurn } from "./event-loop.ts";

/** The longest delay that `setTimeout` takes: about 24 days. A longer one would fire at once. */
const MAX_TIMER_MS = 0x7fff_ffff;

/**
 * Calls `expired` once, after so many milliseconds, and after a last look at every socket: what the system holds for us by then has been
 * read, even where the event loop was busy all the while. With `Infinity` it is never called.
 *
 * @returns a function that stops it
 */
export function startTimer(timeout: number, expired: () => void): () => void {
  if (timeout === Infinity) return () => undefined;
  let stopTurn = (): void => undefined;
  const lookAtSockets = (): void => {
    stopTurn = nextTurn(expired);
  };
  // The sockets are looked at between a timer and an immediate, and between two immediates.
  const timer = timeout === 0 ? null : setTimeout(lookAtSockets, Math.min(timeout, MAX_TIMER_MS));
  if (timer === null) stopTurn = nextTurn(lookAtSockets);
  return () => {
    if (timer !== null) clearTimeout(timer);
    stopTurn();
  };
}
