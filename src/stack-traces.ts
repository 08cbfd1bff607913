/** Sets the stack trace length of later errors, and returns the previous one. Not every engine supports this. */
export function exchangeStackTraceLimit(limit: number | undefined): number | undefined {
  const { stackTraceLimit } = Error as { stackTraceLimit?: number };
  // An assignment would throw if the program has frozen the built-ins.
  if (stackTraceLimit !== undefined && limit !== undefined) Reflect.set(Error, "stackTraceLimit", limit);
  return stackTraceLimit;
}

let leftOut = false;

/** Whether decoding errors have no stack trace. */
export function stackTracesLeftOut(): boolean {
  return leftOut;
}

/**
 * Turns stack traces of decoding errors off or on, and returns the previous setting. If a peer's bytes cause an error that is only
 * reported, a trace would show only Oscine's internals. Capturing it costs more than the rest of the work, which a flood of bad packets
 * could exploit. The limit itself is set only when an error occurs, because setting it isn't free.
 */
export function leaveOutStackTraces(out: boolean): boolean {
  const before = leftOut;
  leftOut = out;
  return before;
}
