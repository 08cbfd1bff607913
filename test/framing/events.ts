import { expect } from "vitest";
import { OscFrameError } from "../../src/errors.ts";
import { createFrameDecoder } from "../../src/framing/index.ts";
import type { FrameDecoder, Framing } from "../../src/framing/index.ts";

export type FramingChoice = Framing | "auto";

/** What a decoder said, in order, as text that can be compared: a packet as its hex, an error as its code, place and severity. */
export interface Recording {
  readonly decoder: FrameDecoder;
  readonly events: string[];
  readonly packets: Uint8Array[];
  readonly errors: OscFrameError[];
}

export function record(framing: FramingChoice, maxPacketSize?: number): Recording {
  const events: string[] = [];
  const packets: Uint8Array[] = [];
  const errors: OscFrameError[] = [];
  const decoder = createFrameDecoder(framing, {
    onPacket(packet) {
      packets.push(packet);
      events.push(toHex(packet));
    },
    onError(error) {
      expect(error).toBeInstanceOf(OscFrameError);
      errors.push(error);
      events.push(`${error.code}@${error.offset}${error.fatal ? " fatal" : ""}`);
    },
    ...(maxPacketSize === undefined ? {} : { maxPacketSize }),
  });
  return { decoder, events, packets, errors };
}

/** The events of a stream that comes in pieces of these sizes, and then all the rest, and ends. Every piece has memory of its own. */
export function eventsOf(framing: FramingChoice, stream: Uint8Array, sizes: readonly number[], maxPacketSize?: number): string[] {
  const { decoder, events } = record(framing, maxPacketSize);
  for (const piece of cut(stream, sizes)) decoder.push(piece);
  decoder.end();
  return events;
}

/** The pieces of a stream; pieces of no bytes are allowed. */
export function cut(stream: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let position = 0;
  for (const size of sizes) {
    pieces.push(stream.slice(position, position + size));
    position += size;
  }
  if (position < stream.length) pieces.push(stream.slice(position));
  return pieces;
}

export function byteByByte(stream: Uint8Array): number[] {
  return Array.from(stream, () => 1);
}

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
