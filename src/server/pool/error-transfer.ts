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

/** All except `OscBatchError`, whose failures aren't plain data: it arrives as an `OscError` with its code. */
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

/** A field of an error: a value that survives both structured cloning and JSON. */
type PackedValue = string | number | boolean | null;

/** The cause of an error: one of our errors, another error, or any thrown value. */
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

/** An {@link OscError} as plain data, for another thread or process. It can be cloned or serialized as JSON. */
export interface PackedError {
  readonly className: string;
  readonly code: string;
  readonly message: string;
  readonly stack: string;
  /** The fields that its class adds, such as `offset` or `reason`. */
  readonly fields: Readonly<Record<string, PackedValue>>;
  readonly cause: PackedCause | null;
}

/** Longer chains of causes are cut off: they may be circular. */
const MAX_CAUSES = 8;

/** Converts an error to plain data. */
export function packError(error: OscError): PackedError {
  return pack(error, MAX_CAUSES);
}

/** Restores an error with its class, code, fields, message and stack. A cause that isn't one of ours becomes a plain `Error`. */
export function unpackError(packed: PackedError): OscError {
  const { code, message, stack, fields, cause } = packed;
  // No need to capture a stack trace: the error gets the original one.
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

/** Never throws, even if reading the cause does: it may be a proxy or have throwing getters. */
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

/** Compares class names, because a thread may hold several copies of our classes. */
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

/** Returns a value unchanged if JSON can represent it, otherwise as text. Never throws. */
function packValue(value: unknown): PackedValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  try {
    return String(value);
  } catch {
    return `an unprintable ${typeof value}`;
  }
}

/** The prototype of the class with this name; for unknown classes, such as a user's subclass, that of `OscError`. */
function prototypeOf(className: string): object {
  return (CLASSES.find(({ name }) => name === className) ?? OscError).prototype;
}
