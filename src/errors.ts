/** All of Oscine's errors. Each has a literal `code`; docs/errors.md lists causes and fixes. */
import { exchangeStackTraceLimit } from "./stack-traces.ts";

/**
 * Base class of all errors that Oscine throws or reports.
 *
 * @example
 * const server = new AsyncOSCUDPServer(["127.0.0.1", 9000], dispatcher, {
 *   onError: (error, client) => console.warn(error.code, error.message, client?.address),
 * });
 */
export class OscError extends Error {
  /** What went wrong: a fixed string that programs can test for. */
  declare readonly code: string;

  /** Created by Oscine. */
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
  | "OSC_TOO_MANY_ARGUMENTS"
  | "OSC_TRAILING_BYTES"
  | "OSC_TRUNCATED"
  | "OSC_UNALIGNED"
  | "OSC_UNBALANCED_ARRAY"
  | "OSC_UNKNOWN_TYPE_TAG";

/**
 * Bytes that aren't a valid OSC packet.
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
  /** Byte offset of the fault in the packet. */
  declare readonly offset: number;

  /** Created by Oscine; `offset` is added to the message. */
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
 * A value that can't be encoded as OSC.
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
  /** The rejected value. */
  declare readonly value: unknown;

  /** Created by Oscine. */
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
 * A fault in a byte stream that prevents splitting it into packets. Never thrown, always reported; has no stack trace.
 *
 * @example
 * const decoder = new SlipDecoder({
 *   onPacket: (bytes) => console.log(decode(bytes)),
 *   onError: ({ code, offset }: OscFrameError) => console.warn(code, "at byte", offset, "of the stream"),
 * });
 */
export class OscFrameError extends OscError {
  declare readonly code: OscFrameErrorCode;
  /** Byte offset of the fault in the stream. */
  declare readonly offset: number;
  /** True if the rest of the stream is unreadable and the connection has to be closed. */
  readonly fatal: boolean;

  /** Created by Oscine; `offset` is added to the message. */
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
  | "OSC_BAD_ARGUMENTS"
  | "OSC_BAD_HANDLER"
  | "OSC_BAD_MAPPED_ADDRESS"
  | "OSC_BAD_REPLY"
  | "OSC_DISPATCHER_FROZEN"
  | "OSC_HANDLER_FAILED"
  | "OSC_NOT_MAPPED";

/**
 * A handler that failed, or incorrect use of a dispatcher.
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
  /** The address of the message, or the mapped address. */
  readonly address: string;

  /** Created by Oscine. */
  constructor(code: OscDispatchErrorCode, message: string, address: string, options?: ErrorOptions) {
    super(code, message, options);
    this.address = address;
  }
}

/** Why a server rejected a packet; also the names of the counters in `stats().rejected`. */
export type RejectReason =
  | "arguments"
  | "empty"
  | "malformed"
  | "not-osc"
  | "rate"
  | "sender"
  | "too-far-ahead"
  | "too-large"
  | "unverified";

/**
 * A packet from the network that a server rejected. Never thrown, always reported; has no stack trace.
 *
 * @example
 * const onError = (error: OscError): void => {
 *   if (error instanceof OscRejectedError && error.reason === "malformed") console.warn("What sends this?", error.cause);
 * };
 */
export class OscRejectedError extends OscError {
  declare readonly code: "OSC_REJECTED";
  /** Why it was rejected; also the name of the counter in `stats().rejected`. */
  readonly reason: RejectReason;

  /** Created by Oscine; `cause` is the decoder's error, if there is one. */
  constructor(reason: RejectReason, message: string, options?: ErrorOptions) {
    const before = exchangeStackTraceLimit(0);
    super("OSC_REJECTED", message, options);
    exchangeStackTraceLimit(before);
    this.reason = reason;
  }
}

/**
 * A packet from the network that was lost because a limit was reached. Never thrown, always reported; has no stack trace.
 *
 * @example
 * const onError = (error: OscError): void => {
 *   if (error instanceof OscDroppedError) console.warn(`Raise ${error.limit}, or make handlers faster.`);
 * };
 */
export class OscDroppedError extends OscError {
  declare readonly code: "OSC_DROPPED";
  /** The name of the option that sets the limit: the one to raise. */
  readonly limit: string;

  /** Created by Oscine. */
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
  /** The address that was used, as `host:port` or a path. */
  readonly address: string;

  /** Created by Oscine. */
  constructor(code: string, message: string, address: string, options?: ErrorOptions) {
    super(code, message, options);
    this.address = address;
  }
}

/** One of several packets that could not be sent. */
export interface BatchFailure {
  /** Its index among the given packets. */
  readonly index: number;
  /** Why it could not be sent. */
  readonly error: OscError;
}

/**
 * Some packets of a batch could not be sent. The rest were.
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
  /** The packets that could not be sent, in order. */
  readonly failures: readonly BatchFailure[];
  /** How many were sent. */
  readonly sent: number;

  /**
   * Created by Oscine.
   *
   * @param failures at least one
   * @param size the number of packets in the batch
   * @param target the destination, for the message
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
  | "OSC_UNSUPPORTED_RUNTIME"
  | "OSC_OPTION"
  | "OSC_SERIAL_PACKAGE"
  | "OSC_THREAD_FAILED"
  | "OSC_WRONG_STATE";

/**
 * Incorrect use of a server, client or option, or a failed server worker.
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

  /** Created by Oscine. */
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
 * A failure of NATS, or of the communication between front ends and workers.
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
  /** The NATS servers, as comma-separated `host:port`, without credentials. */
  readonly server: string;

  /** Created by Oscine. */
  constructor(code: OscNatsErrorCode, message: string, server: string, options?: ErrorOptions) {
    super(code, message, options);
    this.server = server;
  }
}

/**
 * Something didn't arrive in time.
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

  /** Created by Oscine. */
  constructor(message: string) {
    super("OSC_TIMEOUT", message);
  }
}

/** Codes of {@link OscRecordingError}. */
export type OscRecordingErrorCode = "OSC_RECORDING_DAMAGED" | "OSC_RECORDING_FORMAT" | "OSC_RECORDING_UNSUPPORTED";

/**
 * A recording that can't be read further, or a packet that its format can't hold.
 *
 * @example
 * try {
 *   for await (const { data } of await openRecording("show.jsonl")) console.log(decode(data));
 * } catch (error) {
 *   if (error instanceof OscRecordingError) console.warn(error.code, "at byte", error.offset);
 * }
 */
export class OscRecordingError extends OscError {
  declare readonly code: OscRecordingErrorCode;
  /** Byte offset in the file. */
  readonly offset: number;

  /**
   * Created by Oscine.
   *
   * @param offset byte offset in the file
   */
  constructor(code: OscRecordingErrorCode, message: string, offset: number, options?: ErrorOptions) {
    super(code, message, options);
    this.offset = offset;
  }
}

/** Codes of {@link OscQueryError}. */
export type OscQueryErrorCode = "OSC_QUERY_ANSWER" | "OSC_QUERY_CLOSED" | "OSC_QUERY_UNREACHABLE";

/**
 * An OSCQuery server that doesn't respond, or whose response is invalid.
 *
 * @example
 * try {
 *   await OscQueryClient.connect("http://127.0.0.1:5678");
 * } catch (error) {
 *   if (error instanceof OscQueryError) console.warn(error.code, error.url);
 * }
 */
export class OscQueryError extends OscError {
  declare readonly code: OscQueryErrorCode;
  /** The requested URL. */
  readonly url: string;

  /**
   * Created by Oscine.
   *
   * @param url the requested URL
   */
  constructor(code: OscQueryErrorCode, message: string, url: string, options?: ErrorOptions) {
    super(code, message, options);
    this.url = url;
  }
}

/** Codes of {@link OscDiscoveryError}. */
export type OscDiscoveryErrorCode = "OSC_DISCOVERY_FAILED" | "OSC_DISCOVERY_PACKAGE";

/**
 * Discovery failed or isn't available.
 *
 * @example
 * try {
 *   await advertise({ type: "osc.udp", name: "Mixer", port: 9000 });
 * } catch (error) {
 *   if (error instanceof OscDiscoveryError) console.warn(error.message); // … npm install multicast-dns@7
 * }
 */
export class OscDiscoveryError extends OscError {
  declare readonly code: OscDiscoveryErrorCode;

  /** Created by Oscine. */
  constructor(code: OscDiscoveryErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
