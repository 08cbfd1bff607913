/** The messages of an OSCQuery WebSocket, in both directions: text commands and OSC packets. */
import { OscBundle, type OscMessage, type OscPacket } from "../codec/index.ts";

/** A received text. The name is null if it isn't a command. */
interface Command {
  readonly name: string | null;
  readonly data: unknown;
}

export function formatCommand(name: string, data: unknown): string {
  return JSON.stringify({ COMMAND: name, DATA: data });
}

export function readCommand(text: string): Command {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { name: null, data: null };
  }
  const { COMMAND: name, DATA: data } = Object(parsed) as { readonly COMMAND?: unknown; readonly DATA?: unknown };
  return { name: typeof name === "string" ? name : null, data };
}

/** The messages of a packet. Time tags are ignored. */
export function* messagesOf(packet: OscPacket): Generator<OscMessage, void, undefined> {
  if (!(packet instanceof OscBundle)) return yield packet;
  for (const element of packet.elements) yield* messagesOf(element);
}
