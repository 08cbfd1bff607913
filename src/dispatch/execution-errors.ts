import { OscDispatchError, OscDroppedError } from "../errors.ts";
import { describeValue } from "./describe-value.ts";

/** The error for the messages at a bundle's end that are left when the packet has been too much work. */
export function tooMuchWork(left: number, maxWork: number): OscDroppedError {
  const what = `${left} messages at the end of a bundle were dropped, for finding the handlers of those before was too much work`;
  return new OscDroppedError("maxWork", `${what}: send fewer patterns at once, or raise the dispatcher's maxWork (${maxWork}).`);
}

/** The error for a handler that threw, or whose promise was rejected. */
export function handlerFailed(address: string, cause: unknown): OscDispatchError {
  return new OscDispatchError("OSC_HANDLER_FAILED", `A handler of ${address} failed: ${describeValue(cause)}`, address, { cause });
}
