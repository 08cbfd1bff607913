import { OscRecordingError } from "../errors.ts";
import { type NetAddress, ipv6Bytes } from "../net-address.ts";
import type { RecordedPacket, RecordingWriter } from "./recording.ts";

/** LINKTYPE_RAW: each frame begins with an IP header. */
const RAW_IP = 101;
const UDP = 17;
/** The maximum payload of a UDP datagram over IPv4. */
const MAX_PAYLOAD = 65_507;
/** Placeholder for an unknown address or one that isn't an IP address. */
const UNKNOWN: NetAddress = { address: "127.0.0.1", port: 9, family: "IPv4" };

/** Writes pcapng captures, with each packet in a UDP datagram whatever its transport. */
export class PcapngWriter implements RecordingWriter {
  header(): Uint8Array {
    // A section header, and an interface with the default timestamp resolution: microseconds.
    const bytes = new Uint8Array(28 + 20);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x0a0d0d0a);
    view.setUint32(4, 28);
    view.setUint32(8, 0x1a2b3c4d);
    view.setUint16(12, 1);
    // Section length: unknown.
    view.setBigInt64(16, -1n);
    view.setUint32(24, 28);
    view.setUint32(28, 1);
    view.setUint32(32, 20);
    view.setUint16(36, RAW_IP);
    view.setUint32(44, 20);
    return bytes;
  }

  packet({ time, source, destination, data }: RecordedPacket): Uint8Array {
    if (data.length > MAX_PAYLOAD) {
      const message = `A packet of ${data.length} bytes doesn't fit into a captured datagram (at most ${MAX_PAYLOAD} bytes). Use the format jsonl.`;
      throw new OscRecordingError("OSC_RECORDING_UNSUPPORTED", message, 0);
    }
    const frame = datagram(...ends(source, destination), data);
    const padded = Math.ceil(frame.length / 4) * 4;
    const block = new Uint8Array(32 + padded);
    const view = new DataView(block.buffer);
    const micros = Math.max(0, Math.round(time * 1000));
    view.setUint32(0, 6);
    view.setUint32(4, block.length);
    view.setUint32(12, Math.floor(micros / 2 ** 32));
    view.setUint32(16, micros >>> 0);
    view.setUint32(20, frame.length);
    view.setUint32(24, frame.length);
    block.set(frame, 28);
    view.setUint32(block.length - 4, block.length);
    return block;
  }
}

/** Both addresses, in the same family. */
function ends(source: NetAddress | null, destination: NetAddress | null): [NetAddress, NetAddress] {
  const from = source === null || source.family === "unix" ? null : source;
  const to = destination === null || destination.family === "unix" ? null : destination;
  const family = (from ?? to)?.family ?? "IPv4";
  const unknown: NetAddress = family === "IPv6" ? { ...UNKNOWN, address: "::1", family } : UNKNOWN;
  return [from ?? unknown, to?.family === family ? to : unknown];
}

function datagram(source: NetAddress, destination: NetAddress, data: Uint8Array): Uint8Array {
  const isV6 = source.family === "IPv6";
  const header = isV6 ? 40 : 20;
  const frame = new Uint8Array(header + 8 + data.length);
  const view = new DataView(frame.buffer);
  const addresses = [source, destination].map(({ address }) => (isV6 ? ipv6Bytes(address) : address.split(".").map(Number)));
  frame.set(addresses.flat(), isV6 ? 8 : 12);
  if (isV6) {
    view.setUint32(0, 0x6000_0000);
    view.setUint16(4, 8 + data.length);
    view.setUint8(6, UDP);
    view.setUint8(7, 64);
  } else {
    view.setUint16(0, 0x4500);
    view.setUint16(2, frame.length);
    view.setUint8(8, 64);
    view.setUint8(9, UDP);
    view.setUint16(10, ~sum(frame.subarray(0, header), 0) & 0xffff);
  }
  view.setUint16(header, source.port);
  view.setUint16(header + 2, destination.port);
  view.setUint16(header + 4, 8 + data.length);
  frame.set(data, header + 8);
  // The checksum also covers the addresses, the protocol and the length.
  const pseudo = sum(frame.subarray(isV6 ? 8 : 12, header), UDP + 8 + data.length);
  view.setUint16(header + 6, ~sum(frame.subarray(header), pseudo) & 0xffff || 0xffff);
  return frame;
}

/** The ones' complement sum of 16-bit words, as used in IP checksums. */
function sum(bytes: Uint8Array, start: number): number {
  let total = start;
  for (let index = 0; index < bytes.length; index += 2) total += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}
