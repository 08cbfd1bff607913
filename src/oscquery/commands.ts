/** What both ends of an OSCQuery WebSocket send each other: commands as text, and OSC packets. */
import { OscBundle, type OscMessage, type OscPacket } from "../codec/index.ts";

/** A text that came. What isn't a command has no name. */
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

/** The messages of a packet, which count at once, whatever the time tags say. */
export function* messagesOf(packet: OscPacket): Generator<OscMessage, void, undefined> {
  if (!(packet instanceof OscBundle)) return yield packet;
  for (const element of packet.elements) yield* messagesOf(element);
}
