/** The longest delay that `setTimeout` takes: about 24 days. A longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `expired` once, after so many milliseconds.
 *
 * With 0 that is as soon as the event loop has looked at every socket: what the system holds for us has been read by then.
 * With `Infinity` it is never.
 *
 * @returns a function that stops it
 */
export function startTimer(timeout: number, expired: () => void): () => void {
  if (timeout === Infinity) return () => undefined;
  if (timeout > 0) {
    const timer = setTimeout(expired, Math.min(timeout, MAX_TIMER_MS));
    return () => clearTimeout(timer);
  }
  // The first may run before the loop looks at the sockets, the second runs after it has.
  let immediate = setImmediate(() => {
    immediate = setImmediate(expired);
  });
  return () => clearImmediate(immediate);
}
