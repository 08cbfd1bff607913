/** Gives the errors that are made from now on so many lines of a stack trace, and says how many it was. Not every engine has such a limit. */
export function exchangeStackTraceLimit(limit: number | undefined): number | undefined {
  const { stackTraceLimit } = Error as { stackTraceLimit?: number };
  // Not by assignment, which would throw where a program has frozen what is built in.
  if (stackTraceLimit !== undefined && limit !== undefined) Reflect.set(Error, "stackTraceLimit", limit);
  return stackTraceLimit;
}

let leftOut = false;

/** Whether decoding errors are made without a stack trace. */
export function stackTracesLeftOut(): boolean {
  return leftOut;
}

/**
 * Has decoding errors made without a stack trace, or with one again; says how it was before. Of an error that the bytes of a peer cause,
 * and that is only reported, the trace would show nothing but our own insides; and it takes ten times as long as all the rest, which a
 * flood of bad packets would turn against us. The limit of traces itself is left alone until there is an error, for to set it takes a third
 * of a packet's time.
 */
export function leaveOutStackTraces(out: boolean): boolean {
  const before = leftOut;
  leftOut = out;
  return before;
}
