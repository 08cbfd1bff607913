import { type OscPacket, encode } from "../../../src/codec/index.ts";
import type { FeedPacket } from "../../../src/monitor/protocol.ts";

/** An entry as the feed brings it. */
export function packetEntry(number: number, packet: OscPacket | Uint8Array, time: number = number): FeedPacket {
  const bytes = packet instanceof Uint8Array ? packet : encode(packet);
  return { kind: "packet", number, time, from: "127.0.0.1:9", transport: "udp", bytes };
}
