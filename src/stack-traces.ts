/** Sets how many lines of a stack trace later errors get, and returns the limit before. Not every engine has such a limit. */
export function exchangeStackTraceLimit(limit: number | undefined): number | undefined {
  const { stackTraceLimit } = Error as { stackTraceLimit?: number };
  // Not an assignment, which would throw if a program has frozen the built-ins.
  if (stackTraceLimit !== undefined && limit !== undefined) Reflect.set(Error, "stackTraceLimit", limit);
  return stackTraceLimit;
}

let leftOut = false;

/** Whether decoding errors are made without a stack trace. */
export function stackTracesLeftOut(): boolean {
  return leftOut;
}

/**
 * Switches off the stack traces of decoding errors, or on again; returns how it was before. If a peer's bytes cause an error that is only
 * reported, its trace would show nothing but our own insides, and making it costs more than all the rest, which a flood of bad packets would
 * exploit. The limit itself is set only when there is an error, because setting it isn't free.
 */
export function leaveOutStackTraces(out: boolean): boolean {
  const before = leftOut;
  leftOut = out;
  return before;
}
