import { OscBundle, type OscPacket } from "../codec/index.ts";
import type { Dispatcher } from "../dispatch/index.ts";
import { PacketExecution } from "../dispatch/packet-execution.ts";
import { OscDecodeError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { ReceivedMessage } from "./inbox.ts";

/** What becomes of the replies and the faults of handlers. */
export interface DispatchOutlets {
  /** Sends a reply. What it throws is reported as `OSC_BAD_REPLY`. */
  answer(packet: OscPacket, to: NetAddress): void;
  report(error: OscError, from: NetAddress): void;
}

/**
 * Calls the handlers of each message, one message after another, until the messages end or a handler calls `shutdown()`.
 *
 * @returns how many messages were handled
 */
export async function dispatchMessages(
  messages: AsyncIterable<ReceivedMessage>,
  dispatcher: Dispatcher,
  outlets: DispatchOutlets,
): Promise<number> {
  let handled = 0;
  let isOver = false;
  for await (const { message, from, timeTag } of messages) {
    // In a bundle again, so that handlers see its time tag.
    const packet = timeTag === null ? message : new OscBundle(message, timeTag);
    const context = {
      clientAddress: from,
      asOf: Infinity,
      mode: "async" as const,
      // The decoder's were reported when the message arrived.
      error: (error: OscError) => {
        if (!(error instanceof OscDecodeError)) outlets.report(error, from);
      },
      shutdown: () => {
        isOver = true;
      },
    };
    await new PacketExecution(dispatcher, packet, context, (reply) => outlets.answer(reply, from)).run();
    handled += 1;
    if (isOver) break;
  }
  return handled;
}
