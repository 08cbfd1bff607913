/**
 * Every error that Oscine makes. Each class has a literal `code`; docs/errors.md lists the cause and the cure of every one.
 */
import { exchangeStackTraceLimit } from "./stack-traces.ts";

/**
 * The base of all errors that Oscine throws or reports.
 *
 * @example
 * const server = new AsyncOSCUDPServer(["127.0.0.1", 9000], dispatcher, {
 *   onError: (error, client) => console.warn(error.code, error.message, client?.address),
 * });
 */
export class OscError extends Error {
  /** What went wrong, as a literal that a program can compare with. */
  declare readonly code: string;

  /** Made by Oscine; programs read its class, `code`, `message` and fields. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** The name of the class. */
  override get name(): string {
    return this.constructor.name;
  }
}

/** Codes of {@link OscDecodeError}. */
export type OscDecodeErrorCode =
  | "OSC_EMPTY_PACKET"
  | "OSC_PACKET_TOO_LARGE"
  | "OSC_BAD_ADDRESS"
  | "OSC_BAD_BUNDLE"
  | "OSC_BAD_ELEMENT_SIZE"
  | "OSC_BAD_BLOB_SIZE"
  | "OSC_BAD_PADDING"
  | "OSC_BAD_TEXT"
  | "OSC_MISSING_TYPE_TAGS"
  | "OSC_NESTING_TOO_DEEP"
  | "OSC_TIME_TAG_ORDER"
  | "OSC_TRAILING_BYTES"
  | "OSC_TRUNCATED"
  | "OSC_UNALIGNED"
  | "OSC_UNBALANCED_ARRAY"
  | "OSC_UNKNOWN_TYPE_TAG";

/**
 * Bytes that are not the OSC packet they should be.
 *
 * @example
 * try {
 *   decode(new Uint8Array([47, 97, 0, 0, 44, 63, 0, 0])); // /a ,?
 * } catch (error) {
 *   if (error instanceof OscDecodeError) console.log(error.code, error.offset); // OSC_UNKNOWN_TYPE_TAG 5
 * }
 */
export class OscDecodeError extends OscError {
  declare readonly code: OscDecodeErrorCode;
  /** Where in the packet the fault is, in bytes from its beginning. */
  declare readonly offset: number;

  /**
   * Made by Oscine.
   *
   * @param offset in bytes from the beginning of the packet; it is added to the message
   */
  constructor(code: OscDecodeErrorCode, message: string, offset: number) {
    super(code, `${message} (at byte ${offset})`);
    this.offset = offset;
  }
}

/** Codes of {@link OscEncodeError}. */
export type OscEncodeErrorCode =
  | "OSC_BAD_ADDRESS"
  | "OSC_BAD_TYPE_TAGS"
  | "OSC_BUFFER_TOO_SMALL"
  | "OSC_NESTING_TOO_DEEP"
  | "OSC_PACKET_TOO_LARGE"
  | "OSC_RECEIVER_LIMIT"
  | "OSC_VALUE_OUT_OF_RANGE"
  | "OSC_VALUE_TYPE";

/**
 * A value that cannot become OSC bytes.
 *
 * @example
 * try {
 *   new OscMessage("no slash");
 * } catch (error) {
 *   if (error instanceof OscEncodeError) console.log(error.code, error.value); // OSC_BAD_ADDRESS no slash
 * }
 */
export class OscEncodeError extends OscError {
  declare readonly code: OscEncodeErrorCode;
  /** The value that was refused. */
  declare readonly value: unknown;

  /**
   * Made by Oscine.
   *
   * @param value what was refused
   */
  constructor(code: OscEncodeErrorCode, message: string, value: unknown) {
    super(code, message);
    this.value = value;
  }
}

/** Codes of {@link OscFrameError}. */
export type OscFrameErrorCode =
  | "OSC_FRAME_BAD_ESCAPE"
  | "OSC_FRAME_BAD_SIZE"
  | "OSC_FRAME_TOO_LARGE"
  | "OSC_FRAME_TRUNCATED"
  | "OSC_FRAME_UNKNOWN";

/**
 * A byte stream that cannot be cut into packets at this place. Never thrown, always reported; it has no stack trace.
 *
 * @example
 * const decoder = new SlipDecoder({
 *   onPacket: (bytes) => console.log(decode(bytes)),
 *   onError: ({ code, offset }: OscFrameError) => console.warn(code, "at byte", offset, "of the stream"),
 * });
 */
export class OscFrameError extends OscError {
  declare readonly code: OscFrameErrorCode;
  /** Where in the stream the fault is, in bytes from its beginning. */
  declare readonly offset: number;
  /** True where nothing more can be read from the stream, so that the connection has to end. */
  readonly fatal: boolean;

  /**
   * Made by Oscine.
   *
   * @param offset in bytes from the beginning of the stream; it is added to the message
   * @param fatal whether the connection has to end
   */
  constructor(code: OscFrameErrorCode, message: string, offset: number, fatal: boolean) {
    const before = exchangeStackTraceLimit(0);
    super(code, `${message} (at byte ${offset} of the stream)`);
    exchangeStackTraceLimit(before);
    this.offset = offset;
    this.fatal = fatal;
  }
}

/** Codes of {@link OscDispatchError}. */
export type OscDispatchErrorCode =
  | "OSC_ASYNC_HANDLER"
  | "OSC_BAD_HANDLER"
  | "OSC_BAD_MAPPED_ADDRESS"
  | "OSC_BAD_REPLY"
  | "OSC_DISPATCHER_FROZEN"
  | "OSC_HANDLER_FAILED"
  | "OSC_NOT_MAPPED";

/**
 * A handler that failed, or a dispatcher used in a way it cannot serve.
 *
 * @example
 * try {
 *   dispatcher.map("/a[", () => null);
 * } catch (error) {
 *   if (error instanceof OscDispatchError) console.log(error.code, error.address); // OSC_BAD_MAPPED_ADDRESS /a[
 * }
 */
export class OscDispatchError extends OscError {
  declare readonly code: OscDispatchErrorCode;
  /** The address concerned: of the message, or the mapped one. */
  readonly address: string;

  /**
   * Made by Oscine.
   *
   * @param address of the message, or the mapped one
   */
  constructor(code: OscDispatchErrorCode, message: string, address: string, options?: ErrorOptions) {
    super(code, message, options);
    this.address = address;
  }
}

/** Why a server did not handle a packet that arrived. The counters of `stats().rejected` have these names. */
export type RejectReason = "empty" | "malformed" | "not-osc" | "rate" | "sender" | "too-far-ahead" | "too-large" | "unverified";

/**
 * A packet from the network that a server refused. Never thrown, always reported; it has no stack trace.
 *
 * @example
 * const onError = (error: OscError): void => {
 *   if (error instanceof OscRejectedError && error.reason === "malformed") console.warn("What sends this?", error.cause);
 * };
 */
export class OscRejectedError extends OscError {
  declare readonly code: "OSC_REJECTED";
  /** Why it was refused: also the name of the counter, in `stats().rejected`. */
  readonly reason: RejectReason;

  /**
   * Made by Oscine.
   *
   * @param options `cause`: the error of the decoder, where there is one
   */
  constructor(reason: RejectReason, message: string, options?: ErrorOptions) {
    const before = exchangeStackTraceLimit(0);
    super("OSC_REJECTED", message, options);
    exchangeStackTraceLimit(before);
    this.reason = reason;
  }
}

/**
 * A packet from the network that was lost because a bound was reached. Never thrown, always reported; it has no stack trace.
 *
 * @example
 * const onError = (error: OscError): void => {
 *   if (error instanceof OscDroppedError) console.warn(`Raise ${error.limit}, or make handlers faster.`);
 * };
 */
export class OscDroppedError extends OscError {
  declare readonly code: "OSC_DROPPED";
  /** The option that holds the bound, so that a user knows which to raise. */
  readonly limit: string;

  /**
   * Made by Oscine.
   *
   * @param limit the name of the option that holds the bound
   */
  constructor(limit: string, message: string) {
    const before = exchangeStackTraceLimit(0);
    super("OSC_DROPPED", message);
    exchangeStackTraceLimit(before);
    this.limit = limit;
  }
}

/**
 * A socket operation that failed. `code` is the system's own: `EADDRINUSE`, `EACCES`, `ECONNREFUSED`, `ENOTFOUND` and so on.
 *
 * @example
 * try {
 *   await new AsyncOSCUDPServer(["127.0.0.1", 9000], dispatcher).serve();
 * } catch (error) {
 *   if (error instanceof OscSocketError && error.code === "EADDRINUSE") console.log(error.address, "is taken");
 * }
 */
export class OscSocketError extends OscError {
  /** The address that was to be used, as `host:port` or a path. */
  readonly address: string;

  /**
   * Made by Oscine.
   *
   * @param code the system's own
   * @param address as `host:port` or a path
   */
  constructor(code: string, message: string, address: string, options?: ErrorOptions) {
    super(code, message, options);
    this.address = address;
  }
}

/** A packet of several that could not be sent. */
export interface BatchFailure {
  /** Its place among those that were given to be sent, from 0. */
  readonly index: number;
  /** What went wrong with it. */
  readonly error: OscError;
}

/**
 * Packets that were given to be sent together, and of which some could not be sent. The others were.
 *
 * @example
 * try {
 *   await client.sendBatch([new OscMessage("/gain", 0.5), new OscMessage("/pan", 0)]);
 * } catch (error) {
 *   if (error instanceof OscBatchError) for (const { index, error: reason } of error.failures) console.warn(index, reason.code);
 * }
 */
export class OscBatchError extends OscError {
  declare readonly code: "OSC_BATCH";
  /** Those that could not be sent, in their order. */
  readonly failures: readonly BatchFailure[];
  /** How many were sent. */
  readonly sent: number;

  /**
   * Made by Oscine.
   *
   * @param failures at least one
   * @param size how many packets there were
   * @param target where they were to go
   */
  constructor(failures: readonly BatchFailure[], size: number, target: string) {
    const [first] = failures;
    super("OSC_BATCH", `${failures.length} of ${size} packets could not be sent to ${target}; the first: ${first?.error.message}`, {
      cause: first?.error,
    });
    this.failures = failures;
    this.sent = size - failures.length;
  }
}

/** Codes of {@link OscServerError}. */
export type OscServerErrorCode =
  | "OSC_CHILD_FAILED"
  | "OSC_CLOSED"
  | "OSC_ENTRY_NOT_RUNNABLE"
  | "OSC_OPTION"
  | "OSC_THREAD_FAILED"
  | "OSC_WRONG_STATE";

/**
 * A server, client or option used in a way it cannot serve; or a worker of a server that failed.
 *
 * @example
 * try {
 *   new AsyncOSCUDPServer(["127.0.0.1", 9000], dispatcher, { maxQueue: 0 });
 * } catch (error) {
 *   if (error instanceof OscServerError) console.log(error.code); // OSC_OPTION
 * }
 */
export class OscServerError extends OscError {
  declare readonly code: OscServerErrorCode;

  /**
   * Made by Oscine.
   *
   * @param options `cause`: what made it fail, where that is known
   */
  constructor(code: OscServerErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** Codes of {@link OscNatsError}. */
export type OscNatsErrorCode =
  | "OSC_NATS_AUTH"
  | "OSC_NATS_CLOSED"
  | "OSC_NATS_DEAD_LETTER"
  | "OSC_NATS_DISCONNECTED"
  | "OSC_NATS_FAILED"
  | "OSC_NATS_JETSTREAM"
  | "OSC_NATS_NO_CLIENT"
  | "OSC_NATS_NO_WORKER"
  | "OSC_NATS_PACKAGE"
  | "OSC_NATS_PERMISSION"
  | "OSC_NATS_TLS"
  | "OSC_NATS_UNREACHABLE";

/**
 * Something between this program and NATS, or between the front ends and workers that NATS connects.
 *
 * @example
 * const executor = NatsExecutor.for({ servers: "nats://127.0.0.1:4222" });
 * try {
 *   await new AsyncOSCUDPServer(["0.0.0.0", 9000], new Dispatcher(), { executor }).serve();
 * } catch (error) {
 *   if (error instanceof OscNatsError) console.log(error.code, error.server);
 * }
 */
export class OscNatsError extends OscError {
  declare readonly code: OscNatsErrorCode;
  /** The server or servers concerned, as `host:port` with commas between them; without users and passwords. */
  readonly server: string;

  /**
   * Made by Oscine.
   *
   * @param server as `host:port`, without users and passwords
   */
  constructor(code: OscNatsErrorCode, message: string, server: string, options?: ErrorOptions) {
    super(code, message, options);
    this.server = server;
  }
}

/**
 * Something awaited did not come in time.
 *
 * @example
 * try {
 *   await client.request("/status", [], { timeout: 500 });
 * } catch (error) {
 *   if (error instanceof OscTimeoutError) console.log("Nobody answered.");
 * }
 */
export class OscTimeoutError extends OscError {
  declare readonly code: "OSC_TIMEOUT";

  /**
   * Made by Oscine.
   *
   * @param message what was awaited, and for how long
   */
  constructor(message: string) {
    super("OSC_TIMEOUT", message);
  }
}
