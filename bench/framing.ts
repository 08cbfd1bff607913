/*
 * How fast are packets framed and extracted from a stream? Run: npx tsx bench/framing.ts
 *
 * A stream of about 4 MB is pushed in chunks of 64 kB, as read from a busy socket. "copy" only copies the same stream: the memory bandwidth
 * of this machine. Compare figures only within one run. In "floats" SLIP has an escape about every 128 bytes, and one in the packet of 32
 * bytes; "escapes" consists only of bytes to escape.
 */
import { performance } from "node:perf_hooks";
import { createFrameDecoder, encodeFrame, encodeFrames } from "../src/framing/index.ts";
import type { Framing } from "../src/framing/index.ts";

const STREAM_SIZE = 4 * 1024 * 1024;
const READ_SIZE = 64 * 1024;
const MIN_MS = 300;

interface Workload {
  readonly name: string;
  readonly packet: Uint8Array;
}

const text = (size: number): Uint8Array => new TextEncoder().encode("/mixer/channel/12/gain,f ".repeat(size).slice(0, size));

/** Floats with pseudorandom bytes, the same in every run. The first byte has to be escaped. */
function floats(count: number): Uint8Array {
  const values = Float32Array.from({ length: count }, (_, index) => Math.sin(index * index));
  const bytes = new Uint8Array(values.buffer);
  bytes[0] = 0xdb;
  return bytes;
}

const workloads: readonly Workload[] = [
  { name: "text, 32 B", packet: text(32) },
  { name: "floats, 32 B", packet: floats(8) },
  { name: "text, 376 B", packet: text(376) },
  { name: "floats, 5 kB", packet: floats(1256) },
  { name: "text, 1 MiB", packet: text(1024 * 1024) },
  { name: "floats, 1 MiB", packet: floats(256 * 1024) },
  { name: "escapes, 5 kB", packet: new Uint8Array(5000).fill(0xc0) },
];

/** Milliseconds per run: the best of those that fit into the time, after a warm-up. */
function best(run: () => void): number {
  for (let warm = 0; warm < 3; warm++) run();
  let least = Infinity;
  const stop = performance.now() + MIN_MS;
  while (performance.now() < stop) {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

function reads(stream: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let position = 0; position < stream.length; position += READ_SIZE) pieces.push(stream.subarray(position, position + READ_SIZE));
  return pieces;
}

function figures(count: number, bytes: number, ms: number): string {
  const rate = Math.round(count / ms);
  return `${Math.round(bytes / ms / 1000)
    .toString()
    .padStart(6)} MB/s ${rate.toString().padStart(6)} k/s`;
}

function bench(workload: Workload, framing: Framing): void {
  const count = Math.ceil(STREAM_SIZE / workload.packet.length);
  const packets = Array.from({ length: count }, () => workload.packet);
  const stream = encodeFrames(packets, framing);
  const pieces = reads(stream);
  const target = new Uint8Array(stream.length);

  let received = 0;
  const decode = best(() => {
    const decoder = createFrameDecoder(framing, {
      onPacket: () => received++,
      onError: (error) => {
        throw error;
      },
    });
    for (const piece of pieces) decoder.push(piece);
  });
  if (received % count !== 0) throw new Error("packets are missing");
  let written = 0;
  const encode = best(() => {
    for (const packet of packets) written += encodeFrame(packet, framing).length;
  });
  if (written % stream.length !== 0) throw new Error("bytes are missing");
  const copy = best(() => target.set(stream));

  const columns = [decode, encode, copy].map((ms) => figures(count, stream.length, ms));
  console.log(`${workload.name.padEnd(15)} ${framing}   decode ${columns[0]}   encode ${columns[1]}   copy ${columns[2]}`);
}

for (const workload of workloads) {
  for (const framing of ["1.0", "1.1"] as const) bench(workload, framing);
}
