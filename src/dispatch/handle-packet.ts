import { type DecodeOptions, encode, OscMessage, type OscPacket } from "../codec/index.ts";
import { OscDecodeError } from "../errors.ts";
import { decodeReceived } from "./decode-received.ts";
import { type ExecutionContext, type HandlerLookup, PacketExecution } from "./packet-execution.ts";

const SLASH = 0x2f;

/** What {@link handlePacket} has to know of the server that runs it. */
export interface PacketContext extends ExecutionContext {
  /** How the packet is decoded. Default: as tolerantly as `decode` does. */
  readonly decodeOptions?: DecodeOptions | undefined;
  /** Sends the bytes of a reply to the client. What it throws is reported as `OSC_BAD_REPLY`. */
  reply(bytes: Uint8Array): void;
}

/**
 * Handles one packet: decodes it, finds the handlers of each of its messages, calls them, and encodes their replies. Event loop, blocked
 * thread, worker thread and child process all run this.
 *
 * The messages of a bundle are handled together and in their order; nested bundles dated later than `context.asOf` are left out, for the
 * caller to find with {@link laterElements}. A message whose address does not begin with `/` invokes nothing. What is wrong with a part of
 * the packet, and what handlers do wrong, goes to `context.error`; the rest of the packet is handled all the same.
 *
 * @returns the decoder's error where nothing of the packet could be read, and no handler was called; a promise where a handler returned one
 * in mode `"async"`, fulfilled once the whole packet is handled and never rejected; otherwise `undefined`, and the packet is handled
 */
export function handlePacket(
  handlers: HandlerLookup,
  data: Uint8Array,
  context: PacketContext,
): undefined | OscDecodeError | Promise<undefined> {
  return executePacket(handlers, data, context, sendReply, context.decodeOptions);
}

function sendReply(reply: OscPacket, context: PacketContext): void {
  context.reply(encode(reply));
}

/** As {@link handlePacket}, with the replies as packets: `deliver` takes them, and what it throws is reported as `OSC_BAD_REPLY`. */
export function executePacket<Context extends ExecutionContext>(
  handlers: HandlerLookup,
  data: Uint8Array,
  context: Context,
  deliver: (reply: OscPacket, context: Context) => void,
  options?: DecodeOptions,
): undefined | OscDecodeError | Promise<undefined> {
  const known = data[0] === SLASH ? handlers.matchBytes?.(data) : undefined;
  const packet = decodeReceived(data, options, known);
  if (packet instanceof OscDecodeError) return packet;
  // Whoever is told of the packet's errors may map others.
  const matches = packet.errors.length === 0 ? known?.found : undefined;
  const result = new PacketExecution(handlers, packet, context, deliver, matches).run();
  if (known === undefined && packet instanceof OscMessage && packet.errors.length === 0) handlers.learn?.(packet.address, data);
  return result;
}
