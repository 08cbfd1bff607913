import type { DecodeOptions } from "../codec/index.ts";
import { type Dispatcher, type ExecutionResult, type PacketContext, tryDecode, handlePacket } from "../dispatch/index.ts";
import { OscDecodeError, OscDispatchError, type OscError, OscRejectedError, type RejectReason } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { rejected } from "../packet-result.ts";

/** All that a packet needs where it is handled: in the event loop, in a blocked thread, in a worker thread or in a child process. */
export interface Handling {
  readonly dispatcher: Dispatcher;
  /** Whether handlers' promises are awaited (`"async"`), or are a fault since nothing here could await them (`"sync"`). */
  readonly mode: "sync" | "async";
  readonly strict: boolean;
  readonly maxNesting: number;
  readonly maxPacketSize: number;
  /** The server's `verifyRequest`. */
  verify(data: Uint8Array, client: NetAddress): boolean;
  shutdown(): void;
}

/** What a packet gives back while it is handled. */
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

/** As {@link runPacket}, where what the packet gives back goes by a context of the caller's. */
export function runInContext(handling: Handling, data: Uint8Array, context: PacketContext): ExecutionResult | Promise<ExecutionResult> {
  const refusal = verifyPacket(handling, data, context.clientAddress, context);
  if (refusal !== null) return rejected(refusal.reason, () => refusal);
  return handlePacket(handling.dispatcher, data, context);
}

/** For what a packet can be refused where it is handled. */
export type LateReason = Extract<RejectReason, "malformed" | "unverified">;

/** What is to be said about a packet that was refused in another thread. Its bytes tell it again, which costs less than to bring each error here. */
export function explainRefusal(reason: LateReason, data: Uint8Array, options: DecodeOptions): OscRejectedError {
  const result = reason === "malformed" ? tryDecode(data, options) : undefined;
  return result instanceof OscDecodeError ? malformed(result) : unverified();
}

function malformed(cause: OscDecodeError): OscRejectedError {
  return new OscRejectedError("malformed", `The packet cannot be decoded: ${cause.message}`, { cause });
}

function unverified(): OscRejectedError {
  return new OscRejectedError("unverified", "verifyRequest refused the packet.");
}

/** Asks the server's `verifyRequest`: null where the packet may pass. One that throws refuses. */
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
      new OscDispatchError("OSC_HANDLER_FAILED", `verifyRequest failed, so the packet is refused: ${String(cause)}`, "", { cause }),
    );
  }
  return verified ? null : unverified();
}

/** What the handlers of one packet may do. A class and not closures, for it is made for every packet (bench/dispatch). */
class ServedPacket implements PacketContext {
  readonly clientAddress: NetAddress;
  readonly asOf: number;
  readonly mode: "sync" | "async";
  readonly decodeOptions: Handling;
  readonly #sink: PacketSink;

  constructor(handling: Handling, client: NetAddress, asOf: number, sink: PacketSink) {
    this.clientAddress = client;
    this.asOf = asOf;
    this.mode = handling.mode;
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

/** What a packet gives back while a blocked thread handles it, and not later: then others are handled. */
export class SyncReplyContext implements PacketSink {
  isOver = false;
  readonly #send: (data: Uint8Array) => void;
  readonly report: (error: OscError) => void;

  constructor(send: (data: Uint8Array) => void, report: (error: OscError) => void) {
    this.#send = send;
    this.report = report;
  }

  reply(data: Uint8Array): void {
    if (this.isOver) {
      throw new OscDispatchError(
        "OSC_BAD_REPLY",
        "A blocking server takes replies only until the handler has returned: reply there, or use an async server.",
        "",
      );
    }
    this.#send(data);
  }
}
