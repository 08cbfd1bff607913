/**
 * What the worst packets cost, by their size: `npx tsx bench/time-bounds.ts [--svg docs/time-bounds.svg]`.
 *
 * Each shape is handled as a server does, from the bytes of the datagram to the last handler, with 1,000 mapped addresses and nothing
 * remembered from before. Cost that grows faster than size would show in the last column: the cost of a byte at the largest size against
 * the cost of a byte at an eighth of it.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { OscBundle, TimeTag, encode } from "../src/codec/index.ts";
import { Dispatcher } from "../src/dispatch/index.ts";
import { EventLoopExecutor } from "../src/server/event-loop-executor.ts";
import { limitsOf } from "../src/server/options.ts";
import { Pipeline } from "../src/server/pipeline.ts";
import type { Peer } from "../src/transport/transport.ts";

const LARGEST = 65_507;
const SIZES = [1024, 2048, 4096, 8192, 16_384, 32_768, LARGEST];
const RUNS = 15;

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));
const word = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const padded = (value: string): Uint8Array => text(`${value}${"\0".repeat(4 - (value.length % 4))}`);
const HEADER = joined(text("#bundle\0"), word(0), word(1));

/** A message whose address has about that many bytes. */
const addressOf = (size: number, unit: string): Uint8Array =>
  joined(padded(`/${unit.repeat(Math.floor((size - 8) / unit.length))}`), padded(","));
const typed = (tags: string, rest: Uint8Array = new Uint8Array(0)): Uint8Array => joined(padded("/a"), padded(`,${tags}`), rest);
/** A bundle of as many elements as there is room for. */
function bundleOf(size: number, element: (index: number) => Uint8Array): Uint8Array {
  const parts = [HEADER];
  let left = size - HEADER.length;
  for (let index = 0; ; index++) {
    const bytes = element(index);
    if (left < bytes.length + 4) return joined(...parts);
    parts.push(word(bytes.length), bytes);
    left -= bytes.length + 4;
  }
}

function nested(size: number): Uint8Array {
  const count = Math.floor(size / 20);
  return joined(...Array.from({ length: count }, (_, index) => joined(HEADER, word(20 * (count - index - 1)))));
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const short = (index: number): string =>
  LETTERS[index % 26]! + LETTERS[Math.floor(index / 26) % 26]! + LETTERS[Math.floor(index / 676) % 26]!;

/** Every shape that was thought of or found: its bytes for a size. */
const SHAPES: Readonly<Record<string, (size: number) => Uint8Array>> = {
  "pattern: stars": (size) => addressOf(size, "*"),
  "pattern: star, letter": (size) => addressOf(size, "*a"),
  "pattern: star, any": (size) => addressOf(size, "*?"),
  "pattern: sets": (size) => addressOf(size, "[a-z]*"),
  "pattern: braces": (size) => addressOf(size, "{a,ab,abc}*"),
  "pattern: one large brace": (size) => padded(`/*{${Array.from({ length: size / 4 - 4 }, (_, index) => short(index)).join(",")}}*`),
  "pattern: one large set": (size) =>
    padded(`/*[${Array.from({ length: (size - 16) / 3 }, (_, index) => String.fromCharCode(0xc3, 0x80 + (index % 64))).join("-")}]*`),
  "pattern: any depth": (size) => addressOf(size, "/a"),
  "pattern: any depth, stars": (size) => addressOf(size, "/*/"),
  "pattern: open braces": (size) => addressOf(size, "{a,"),
  "address: long": (size) => addressOf(size, "abcdefgh"),
  "address: slashes": (size) => addressOf(size, "/"),
  "address: not UTF-8 at its end": (size) => joined(addressOf(size - 12, "a").subarray(0, -8), text("\xe9\0\0\0,\0\0\0")),
  "tags: true": (size) => typed("T".repeat(size - 12)),
  "tags: empty arrays": (size) => typed("[]".repeat(size / 2 - 8)),
  "tags: arrays 32 deep": (size) => typed(`${"[".repeat(32)}${"]".repeat(32)}`.repeat(Math.floor((size - 12) / 64))),
  "tags: open arrays": (size) => typed("[".repeat(size - 12)),
  "tags: numbers": (size) => typed("i".repeat((size - 16) / 5), new Uint8Array(4 * Math.floor((size - 16) / 5))),
  "tags: empty texts": (size) => typed("s".repeat((size - 16) / 5), new Uint8Array(4 * Math.floor((size - 16) / 5))),
  "tags: empty blobs": (size) => typed("b".repeat((size - 16) / 5), new Uint8Array(4 * Math.floor((size - 16) / 5))),
  "tags: time tags": (size) => typed("t".repeat((size - 16) / 9), new Uint8Array(8 * Math.floor((size - 16) / 9))),
  "tags: unknown at the end": (size) => typed(`${"T".repeat(size - 16)}q`),
  "bundle: smallest messages": (size) => bundleOf(size, () => text("/a\0\0")),
  "bundle: addresses never seen": (size) => bundleOf(size, (index) => text(`/${short(index)}\0\0\0\0`)),
  "bundle: empty bundles": (size) => bundleOf(size, () => HEADER),
  "bundle: nested": nested,
  "bundle: bad elements": (size) => bundleOf(size, () => text("/a\0\0,q\0\0")),
  "bundle: elements without bytes": (size) => joined(HEADER, new Uint8Array(size - 16)),
  "bundle: without a slash": (size) => bundleOf(size, () => text("a\0\0\0")),
  "bundle: later bundles": (size) => bundleOf(size, () => encode(new OscBundle([], TimeTag.in(60_000)))),
  "bundle: a pattern for all": (size) => bundleOf(size, () => text("/*\0\0")),
  "bundle: patterns never seen": (size) => bundleOf(size, (index) => text(`/*${short(index)}\0\0\0`)),
  "bundle: patterns for all, never seen": (size) => bundleOf(size, (index) => padded(`/*[!${short(index)}]*`)),
  garbage: (size) => new Uint8Array(size).fill(0x9a),
  "zeros after a slash": (size) => joined(text("/"), new Uint8Array(size - 1)),
};

const peer: Peer = {
  address: { address: "127.0.0.1", port: 9, family: "IPv4" },
  key: "",
  paced: false,
  send: () => undefined,
  settled: () => undefined,
};

/** A server without its socket. */
function road(): Pipeline {
  const dispatcher = new Dispatcher();
  for (let index = 0; index < 900; index++) dispatcher.map(`/ch${index}a`, () => undefined);
  for (let index = 0; index < 89; index++) dispatcher.map(`/mixer/${index}/gain`, () => undefined);
  for (let index = 0; index < 10; index++) dispatcher.map(`/group${index}/*/mute`, () => undefined);
  dispatcher.map("/*/everything/*", () => undefined);
  const limits = limitsOf({});
  return new Pipeline({
    limits,
    strictTiming: true,
    onError: () => undefined,
    onShutdown: () => undefined,
    executor: (events) =>
      new EventLoopExecutor(
        { ...limits, dispatcher, mode: "async", verify: () => true, shutdown: () => undefined },
        limits,
        { concurrency: 64, order: "client" },
        events,
      ),
  });
}

/** Milliseconds: the least of some runs, for whatever else the machine does only adds. */
async function measure(bytes: Uint8Array): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const server = road();
    const begin = performance.now();
    server.onPacket(bytes, peer);
    times.push(performance.now() - begin);
    await server.close(0);
  }
  return Math.min(...times);
}

interface Row {
  readonly shape: string;
  readonly times: readonly number[];
  readonly growth: number;
}

async function rows(): Promise<Row[]> {
  const measured: Row[] = [];
  for (const [shape, make] of Object.entries(SHAPES)) {
    const packets = SIZES.map((size) => make(size).subarray(0, LARGEST));
    // The compiler of the engine is to be at rest.
    for (const bytes of packets.slice(0, 4)) await measure(bytes);
    const times: number[] = [];
    for (const bytes of packets) times.push(await measure(bytes));
    const perByte = (index: number): number => times[index]! / packets[index]!.length;
    measured.push({ shape, times, growth: perByte(SIZES.length - 1) / perByte(SIZES.length - 4) });
  }
  return measured.toSorted((a, b) => b.times.at(-1)! - a.times.at(-1)!);
}

const milliseconds = (time: number): string => (time < 0.1 ? time.toFixed(3) : time.toFixed(2));

function table(measured: readonly Row[]): string {
  const lines = measured.map(({ shape, times, growth }) => `| ${shape} | ${times.map(milliseconds).join(" | ")} | ${growth.toFixed(1)} |`);
  return [
    `| ms for a packet of … bytes | ${SIZES.join(" | ")} | cost of a byte, 64 kB : 8 kB |`,
    `| --- |${" ---: |".repeat(SIZES.length + 1)}`,
    ...lines,
  ].join("\n");
}

/** Size and cost, both logarithmic: what grows in proportion runs along the diagonals. */
function plot(measured: readonly Row[]): string {
  const [width, height, left, bottom] = [1000, 640, 70, 590];
  const [least, most] = [0.001, 100];
  const x = (size: number): number => left + (Math.log2(size / 1024) / 6) * 560;
  const y = (time: number): number => bottom - (Math.log10(Math.max(time, least) / least) / Math.log10(most / least)) * (bottom - 30);
  const colour = (index: number): string => `hsl(${(index * 137) % 360} 65% 42%)`;
  const lines = measured.map(({ shape, times }, index) => {
    const points = times.map((time, at) => `${x(SIZES[at]!).toFixed(1)},${y(time).toFixed(1)}`).join(" ");
    const at = 24 + index * 17;
    return [
      `<polyline fill="none" stroke="${colour(index)}" stroke-width="1.5" points="${points}"/>`,
      `<text x="690" y="${at}" fill="${colour(index)}">${shape}: ${milliseconds(times.at(-1)!)} ms</text>`,
    ].join("\n");
  });
  const grid = [0.001, 0.01, 0.1, 1, 5, 10, 100].map(
    (time) =>
      `<line x1="${left}" x2="640" y1="${y(time)}" y2="${y(time)}" stroke="${time === 5 ? "#c00" : "#ddd"}"/><text x="60" y="${y(time) + 4}" text-anchor="end">${time} ms</text>`,
  );
  const marks = SIZES.map((size) => `<text x="${x(size)}" y="610" text-anchor="middle">${size}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#fff"/>
${[...grid, ...marks, ...lines].join("\n")}
<text x="350" y="632" text-anchor="middle">bytes of the packet</text>
</svg>
`;
}

const { values } = parseArgs({ options: { svg: { type: "string" } } });
const measured = await rows();
console.log(table(measured));
if (values.svg !== undefined) writeFileSync(values.svg, plot(measured));
