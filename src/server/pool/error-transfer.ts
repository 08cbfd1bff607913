import {
  OscDecodeError,
  OscDispatchError,
  OscDroppedError,
  OscEncodeError,
  OscError,
  OscFrameError,
  OscDiscoveryError,
  OscNatsError,
  OscQueryError,
  OscRecordingError,
  OscRejectedError,
  OscServerError,
  OscSocketError,
  OscTimeoutError,
} from "../../errors.ts";
import { exchangeStackTraceLimit } from "../../stack-traces.ts";

/** All but `OscBatchError`, whose failures are more than plain data: it arrives as an `OscError` with its code. */
const CLASSES = [
  OscDecodeError,
  OscDispatchError,
  OscDroppedError,
  OscEncodeError,
  OscFrameError,
  OscDiscoveryError,
  OscNatsError,
  OscQueryError,
  OscRecordingError,
  OscRejectedError,
  OscServerError,
  OscSocketError,
  OscTimeoutError,
];

/** What a field of an error is sent as: what survives structured cloning and JSON alike. */
type PackedValue = string | number | boolean | null;

/** What an error was caused by: one of our errors, another error, or any value that was thrown. */
type PackedCause =
  | { readonly kind: "osc"; readonly error: PackedError }
  | {
      readonly kind: "error";
      readonly name: string;
      readonly message: string;
      readonly stack: string;
      readonly code: string | null;
      readonly cause: PackedCause | null;
    }
  | { readonly kind: "value"; readonly value: PackedValue };

/** An {@link OscError} as plain data, on its way from one thread or process to another. It may be cloned, or written as JSON. */
export interface PackedError {
  readonly className: string;
  readonly code: string;
  readonly message: string;
  readonly stack: string;
  /** The fields that its class adds, such as `offset` or `reason`. */
  readonly fields: Readonly<Record<string, PackedValue>>;
  readonly cause: PackedCause | null;
}

/** A chain of causes longer than this is cut: it may be a circle. */
const MAX_CAUSES = 8;

/** Plain data of an error, for another thread or process. */
export function packError(error: OscError): PackedError {
  return pack(error, MAX_CAUSES);
}

/** The error that was packed: of the same class, with the same code, fields, message and stack. Its cause is a likeness. */
export function unpackError(packed: PackedError): OscError {
  const { code, message, stack, fields, cause } = packed;
  // It is given the stack trace of its original, so none need be made.
  const before = exchangeStackTraceLimit(0);
  const error = new OscError(code, message, cause === null ? undefined : { cause: unpackCause(cause) });
  exchangeStackTraceLimit(before);
  Object.setPrototypeOf(error, prototypeOf(packed.className));
  Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true });
  return Object.assign(error, fields);
}

function pack(error: OscError, causesLeft: number): PackedError {
  const { code, message, stack = "", cause, ...fields } = error;
  const packed = Object.entries(fields).map(([name, value]): [string, PackedValue] => [name, packValue(value)]);
  return {
    className: error.name,
    code,
    message,
    stack,
    fields: Object.fromEntries(packed),
    cause: packCause(cause, causesLeft - 1),
  };
}

/** Never throws, whatever the cause does when it is looked at: a proxy, getters that throw. */
function packCause(cause: unknown, causesLeft: number): PackedCause | null {
  try {
    return packReadable(cause, causesLeft);
  } catch {
    return { kind: "value", value: packValue(cause) };
  }
}

function packReadable(cause: unknown, causesLeft: number): PackedCause | null {
  if (cause === undefined || causesLeft < 0) return null;
  if (isOscError(cause)) return { kind: "osc", error: pack(cause, causesLeft) };
  if (!(cause instanceof Error)) return { kind: "value", value: packValue(cause) };
  const { name, message, stack } = cause;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : null;
  const texts = { name: textOf(name), message: textOf(message), stack: textOf(stack ?? "") };
  return { kind: "error", ...texts, code, cause: packCause(cause.cause, causesLeft - 1) };
}

/** By the name of a class, because a thread has a copy of ours beside those that the program imports. */
function isOscError(value: unknown): value is OscError {
  let prototype: unknown = value instanceof Error ? Object.getPrototypeOf(value) : null;
  while (prototype instanceof Error) {
    const { constructor } = prototype as { readonly constructor?: unknown };
    if (typeof constructor === "function" && constructor.name === OscError.name) return true;
    prototype = Object.getPrototypeOf(prototype);
  }
  return false;
}

function unpackCause(packed: PackedCause): unknown {
  if (packed.kind === "value") return packed.value;
  if (packed.kind === "osc") return unpackError(packed.error);
  const error = new Error(packed.message, packed.cause === null ? undefined : { cause: unpackCause(packed.cause) });
  Object.defineProperty(error, "name", { value: packed.name, writable: true, configurable: true });
  Object.defineProperty(error, "stack", { value: packed.stack, writable: true, configurable: true });
  return packed.code === null ? error : Object.assign(error, { code: packed.code });
}

function textOf(value: unknown): string {
  return String(packValue(value));
}

/** A value as it is if JSON can say it, otherwise as a text. Never throws. */
function packValue(value: unknown): PackedValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  try {
    return String(value);
  } catch {
    return `an unprintable ${typeof value}`;
  }
}

/** The class of that name; for one that isn't ours, such as a user's subclass, that of all our errors. */
function prototypeOf(className: string): object {
  return (CLASSES.find(({ name }) => name === className) ?? OscError).prototype;
}
