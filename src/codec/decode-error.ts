import { OscDecodeError, type OscDecodeErrorCode } from "../errors.ts";
import { exchangeStackTraceLimit, stackTracesLeftOut } from "../stack-traces.ts";

/** An error of the decoder, with a stack trace unless those are left out. */
export function decodeError(code: OscDecodeErrorCode, message: string, offset: number): OscDecodeError {
  const before = stackTracesLeftOut() ? exchangeStackTraceLimit(0) : undefined;
  const error = new OscDecodeError(code, message, offset);
  exchangeStackTraceLimit(before);
  return error;
}
