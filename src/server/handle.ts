import type { DecodeOptions } from "../codec/index.ts";
import { type Dispatcher, type ExecutionResult, type PacketContext, tryDecode, handlePacket } from "../dispatch/index.ts";
import { OscDecodeError, OscDispatchError, type OscError, OscRejectedError, type RejectReason } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { rejected } from "../packet-result.ts";

/** What handling a packet needs: in the event loop, a blocked thread, a worker thread or a child process. */
export interface Handling {
  readonly dispatcher: Dispatcher;
  /** Whether handlers' promises are awaited (`"async"`), or are an error because nothing here can await them (`"sync"`). */
  readonly mode: "sync" | "async";
  readonly strict: boolean;
  readonly maxNesting: number;
  readonly maxPacketSize: number;
  readonly allowOddAddresses: boolean;
  /** The server's `verifyRequest`. */
  verify(data: Uint8Array, client: NetAddress): boolean;
  shutdown(): void;
}

/** Takes a packet's replies and errors while it is handled. */
export interface PacketSink {
  reply(data: Uint8Array): void;
  report(error: OscError): void;
}

/** Verifies and handles one packet, the same way wherever it runs. */
export function runPacket(
  handling: Handling,
  data: Uint8Array,
  client: NetAddress,
  asOf: number,
  sink: PacketSink,
): ExecutionResult | Promise<ExecutionResult> {
  return runInContext(handling, data, new ServedPacket(handling, client, asOf, sink));
}

/** As {@link runPacket}, with a context of the caller. */
export function runInContext(handling: Handling, data: Uint8Array, context: PacketContext): ExecutionResult | Promise<ExecutionResult> {
  const refusal = verifyPacket(handling, data, context.clientAddress, context);
  if (refusal !== null) return rejected(refusal.reason, () => refusal);
  return handlePacket(handling.dispatcher, data, context);
}

/** Reasons for rejecting a packet where it is handled. */
export type LateReason = Extract<RejectReason, "malformed" | "unverified" | "arguments">;

/**
 * The error for a packet rejected in another thread. It is built again from the bytes, which costs less than transferring every error.
 *
 * @param text why, if only the worker's description of the method says so
 */
export function explainRefusal(reason: LateReason, data: Uint8Array, options: DecodeOptions, text = ""): OscRejectedError {
  if (reason === "arguments") return new OscRejectedError(reason, text);
  const result = reason === "malformed" ? tryDecode(data, options) : undefined;
  return result instanceof OscDecodeError ? malformed(result) : unverified();
}

function malformed(cause: OscDecodeError): OscRejectedError {
  return new OscRejectedError("malformed", `The packet cannot be decoded: ${cause.message}`, { cause });
}

function unverified(): OscRejectedError {
  return new OscRejectedError("unverified", "verifyRequest rejected the packet.");
}

/** Asks the server's `verifyRequest`. Returns null if it accepts the packet; if it throws, the packet is rejected. */
export function verifyPacket(
  handling: Pick<Handling, "verify">,
  data: Uint8Array,
  client: NetAddress,
  context: Pick<PacketContext, "error">,
): OscRejectedError | null {
  let verified = false;
  try {
    verified = handling.verify(data, client);
  } catch (cause) {
    context.error(
      new OscDispatchError("OSC_HANDLER_FAILED", `verifyRequest failed, so the packet is rejected: ${String(cause)}`, "", { cause }),
    );
  }
  return verified ? null : unverified();
}

/** What the handlers of one packet may do. A class and not closures, because one is made for every packet (bench/dispatch). */
class ServedPacket implements PacketContext {
  readonly clientAddress: NetAddress;
  readonly asOf: number;
  readonly mode: "sync" | "async";
  readonly allowOddAddresses: boolean;
  readonly decodeOptions: Handling;
  readonly #sink: PacketSink;

  constructor(handling: Handling, client: NetAddress, asOf: number, sink: PacketSink) {
    this.clientAddress = client;
    this.asOf = asOf;
    this.mode = handling.mode;
    this.allowOddAddresses = handling.allowOddAddresses;
    this.decodeOptions = handling;
    this.#sink = sink;
  }

  reply(bytes: Uint8Array): void {
    this.#sink.reply(bytes);
  }

  error(error: OscError): void {
    this.#sink.report(error);
  }

  shutdown(): void {
    this.decodeOptions.shutdown();
  }
}
