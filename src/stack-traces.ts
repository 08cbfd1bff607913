/** Gives the errors that are made from now on so many lines of a stack trace, and says how many it was. Not every engine has such a limit. */
export function exchangeStackTraceLimit(limit: number | undefined): number | undefined {
  const { stackTraceLimit } = Error as { stackTraceLimit?: number };
  // Not by assignment, which would throw where a program has frozen what is built in.
  if (stackTraceLimit !== undefined && limit !== undefined) Reflect.set(Error, "stackTraceLimit", limit);
  return stackTraceLimit;
}

let leftOut = false;

/** True within {@link withoutStackTraces}. */
export function stackTracesLeftOut(): boolean {
  return leftOut;
}

/**
 * Runs work whose decoding errors get no stack trace. Of an error that the bytes of a peer cause, and that is only reported, it would show
 * nothing but our own insides; and it takes ten times as long as all the rest, which a flood of bad packets would turn against us.
 * The limit itself is left alone until there is an error, for to set it for every packet takes a third of the packet's time.
 */
export function withoutStackTraces<Result>(work: () => Result): Result {
  const before = leftOut;
  leftOut = true;
  try {
    return work();
  } finally {
    leftOut = before;
  }
}
