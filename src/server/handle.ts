import type { DecodeOptions } from "../codec/index.ts";
import { type Dispatcher, type ExecutionResult, type PacketContext, type PacketHandling, tryDecode } from "../dispatch/index.ts";
import { OscDecodeError, OscDispatchError, OscRejectedError, type RejectReason } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { rejected } from "../packet-result.ts";

/** Decides which packets are handled: a server, or a handlers module. */
export interface Verifier {
  verifyRequest(data: Uint8Array, clientAddress: NetAddress): boolean;
}

/** What is needed to handle a packet, whether in the event loop, a blocked thread, a worker thread or a child process. */
export interface Handling extends PacketHandling {
  readonly dispatcher: Dispatcher;
  readonly verifier: Verifier;
}

/** Verifies and handles one packet, the same way wherever it runs. */
export function runPacket(handling: Handling, data: Uint8Array, context: PacketContext): ExecutionResult | Promise<ExecutionResult> {
  const { dispatcher, verifier } = handling;
  const refusal = verifyPacket(verifier, data, context.clientAddress, context);
  return refusal === null ? dispatcher.functions.handlePacket(dispatcher, data, context) : rejected(refusal.reason, () => refusal);
}

/** Reasons for rejecting a packet after admission, where it is handled. */
export type LateReason = Extract<RejectReason, "malformed" | "unverified" | "arguments">;

/**
 * The error for a packet rejected in another thread or process. Rebuilding it from the bytes costs less than transferring every error.
 *
 * @param text the explanation for `arguments`, which only the worker knows
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

/** Calls `verifyRequest`. Returns null if it accepts the packet; if it throws, the packet is rejected. */
export function verifyPacket(
  verifier: Verifier,
  data: Uint8Array,
  client: NetAddress,
  context: Pick<PacketContext, "error">,
): OscRejectedError | null {
  let verified = false;
  try {
    verified = verifier.verifyRequest(data, client);
  } catch (cause) {
    context.error(
      new OscDispatchError("OSC_HANDLER_FAILED", `verifyRequest failed, so the packet is rejected: ${String(cause)}`, "", { cause }),
    );
  }
  return verified ? null : unverified();
}
