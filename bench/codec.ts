/**
 * How fast are packets decoded and encoded, compared with npm packages, liblo (C) and oscpack (C++)?
 *
 * First with fresh packets: each is built from new values and read once, in a separate process for each contestant. Then with prepared
 * packets that are encoded and decoded repeatedly.
 *
 *     npm run bench -- codec [--json] [--quick]
 *     npx tsx bench/codec.ts --pure       without Node's Buffer in Oscine, as in a browser
 *
 * Every result is checked before timing. All contestants alternate in many short rounds, and the median counts: compare ratios within one
 * run, never figures across runs. "oscine, new" also creates the message; "oscine, into" encodes into existing memory. The C libraries are
 * timed by separate programs in the same rounds.
 */
import { isDeepStrictEqual, parseArgs } from "node:util";
import type { OscPacket } from "../src/codec/index.ts";
import { cCodecs } from "./codec/c-codecs.ts";
import { codec as ours } from "./codec/compiled-codec.ts";
import { measureFresh } from "./codec/measure-fresh.ts";
import { measure, type Subject } from "./codec/measure.ts";
import { type Codec, npmPeers } from "./codec/peers.ts";
import { plain, VARIANTS, type Workload, workloads } from "./codec/workloads.ts";
import { hasNpmPeers } from "./suite/peers.ts";
import { finish, geometricMean, type Goal, median, type Plot, type Table } from "./suite/report.ts";

const { decode, encode, encodeInto, float, OscBundle, OscMessage } = ours;
const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    pure: { type: "boolean", default: false },
  },
});
const rounds = flags.quick ? 30 : 90;
/** Rounds per call of `measure`; the C libraries run after each call. */
const ROUNDS_AT_ONCE = 15;
const OSCINE = "oscine";
const LIBLO = "liblo (C)";
const OSCPACK = "oscpack (C++)";
/** Numbers in one message, for the plot. */
const SIZES = [1, 4, 16, 64, 256, 1000, 4000];

if (flags.pure) chooseTextBackendWithoutBuffer();

const target = new Uint8Array(65_536);
const oscine: Codec[] = [
  {
    name: OSCINE,
    prepare: (packet) => packet,
    encode: (packet) => encode(packet as OscPacket),
    decode: (bytes) => decode(bytes),
    plain: (packet) => plain(packet as OscPacket),
  },
];
const oscineMore: Codec[] = [
  { ...oscine[0]!, name: "oscine, new", encode: (packet) => encode(rebuilt(packet as OscPacket)) },
  { ...oscine[0]!, name: "oscine, into", encode: (packet) => target.subarray(0, encodeInto(packet as OscPacket, target)) },
];
const peers = hasNpmPeers() ? await npmPeers() : [];
const inC = cCodecs();

/** `results[direction][name][workload]` in nanoseconds; undefined if a codec returns wrong results. */
type Results = Record<"decode" | "encode", Record<string, Record<string, number | undefined>>>;

const encoded = workloads.map(({ name, size, packets }) => packets.map((packet) => checkedSize(name, size, encode(packet).slice())));
const results: Results = { decode: {}, encode: {} };

for (const [i, workload] of workloads.entries()) {
  compare("decode", i, decoders(workload, encoded[i]!));
  compare("encode", i, encoders(workload, encoded[i]!));
}
const names = workloads.map(({ name }) => name);
const fresh = flags.pure ? { tables: [], goals: [] } : measureFresh(flags.quick ? 1 : 3);
finish(
  {
    benchmark: flags.pure ? "codec-pure" : "codec",
    tables: [...fresh.tables, ...(["decode", "encode"] as const).map(tableOf)],
    goals: [...fresh.goals, ...goals()],
    plots: flags.quick ? [] : [plotOf("decode"), plotOf("encode")],
  },
  flags,
);

function decoders(workload: Workload, packets: readonly Buffer[]): Subject[] {
  const subjects: Subject[] = [];
  for (const codec of [...oscine, ...peers]) {
    const right = packets.every((bytes, k) =>
      isDeepStrictEqual(
        attempt(() => codec.plain(codec.decode(bytes))),
        plain(workload.packets[k]!),
      ),
    );
    if (right) subjects.push({ name: codec.name, run: (index) => codec.decode(packets[index % VARIANTS]!) });
    else markWrong("decode", codec.name, workload.name);
  }
  return subjects;
}

function encoders(workload: Workload, packets: readonly Buffer[]): Subject[] {
  const subjects: Subject[] = [];
  for (const codec of [...oscine, ...oscineMore, ...peers]) {
    const prepared = workload.packets.map((packet) => codec.prepare(packet));
    // The time tag isn't compared, because not every package can set it exactly.
    const right = prepared.every((packet, k) =>
      isDeepStrictEqual(
        attempt(() => plain(decode(bytesOf(codec.encode(packet))))),
        plain(decode(packets[k]!)),
      ),
    );
    if (right) subjects.push({ name: codec.name, run: (index) => codec.encode(prepared[index % VARIANTS]) });
    else markWrong("encode", codec.name, workload.name);
  }
  return subjects;
}

function compare(direction: "decode" | "encode", index: number, subjects: readonly Subject[]): void {
  const samples: number[][] = subjects.map(() => []);
  const samplesInC: number[][] = inC.map(() => []);
  for (let done = 0; done < rounds; done += ROUNDS_AT_ONCE) {
    for (const [i, ns] of measure(subjects, ROUNDS_AT_ONCE).entries()) samples[i]!.push(ns);
    for (const [i, codec] of inC.entries()) samplesInC[i]!.push(codec.round([encoded[index]![0]!])[0]![direction]);
  }
  const { name: workload } = workloads[index]!;
  for (const [i, { name }] of subjects.entries()) (results[direction][name] ??= {})[workload] = median(samples[i]!);
  for (const [i, { name }] of inC.entries()) (results[direction][name] ??= {})[workload] = median(samplesInC[i]!);
}

function tableOf(direction: "decode" | "encode"): Table {
  const rows = Object.entries(results[direction]).map(([name, row]) => {
    const figures = names.map((workload) => row[workload]);
    return { name, cells: [...figures.map((figure) => figure ?? "wrong"), geometricMean(figures) ?? null] };
  });
  const ours = results[direction][OSCINE]!;
  const ratios = Object.entries(results[direction])
    .filter(([name]) => !name.startsWith(OSCINE))
    .map(([name, row]) => {
      const figures = names.map((workload) => ratio(row[workload], ours[workload]));
      return { name: `${name} / oscine`, cells: [...figures.map((figure) => figure ?? "wrong"), geometricMean(figures) ?? null] };
    });
  return { title: `${direction} prepared packets, nanoseconds`, columns: [...names, "geometric mean"], rows: [...rows, ...ratios] };
}

function goals(): Goal[] {
  return (["decode", "encode"] as const).flatMap((direction) => {
    const rows = results[direction];
    const ours = rows[OSCINE]!;
    const list: Goal[] = [];
    if (peers.length > 0) {
      const leads = names.map((name) => Math.min(...peers.map((peer) => (rows[peer.name]?.[name] ?? Infinity) / ours[name]!)));
      list.push({
        goal: `${direction}: at least 4 times the fastest JavaScript package on every workload`,
        measured: names.map((name, i) => `${name} ${leads[i]!.toFixed(1)}`).join(", "),
        met: leads.every((lead) => lead >= 4),
      });
    }
    const liblo = rows[LIBLO];
    const most = direction === "decode" ? 2 : 3;
    const mean = liblo && geometricMean(names.map((name) => ratio(ours[name], liblo[name])));
    if (mean !== undefined)
      list.push({
        goal: `${direction}: geometric mean of at most ${most} times that of liblo`,
        measured: `${mean.toFixed(2)} times`,
        met: mean <= most,
      });
    const theirs = [LIBLO, OSCPACK].flatMap((name) => rows[name]?.["floats1000"] ?? []);
    if (theirs.length > 0)
      list.push({
        goal: `${direction}: floats1000 ahead of liblo and oscpack`,
        measured: `${Math.round(ours["floats1000"]!)} ns beside ${theirs.map((ns) => Math.round(ns)).join(" and ")} ns`,
        met: theirs.every((ns) => ns > ours["floats1000"]!),
      });
    return list;
  });
}

/** The cost of a message by the number of values in it. */
function plotOf(direction: "decode" | "encode"): Plot {
  const codecs = [...oscine, ...peers];
  const lines = new Map<string, [number, number][]>();
  for (const size of SIZES) {
    const message = new OscMessage(
      "/spectrum/left/bin",
      Array.from({ length: size }, (_, i) => float(Math.fround(Math.sin(i)))),
    );
    const bytes = Buffer.from(encode(message).slice());
    const subjects = codecs.map((codec) => {
      const prepared = codec.prepare(message);
      return { name: codec.name, run: () => (direction === "decode" ? codec.decode(bytes) : codec.encode(prepared)) };
    });
    for (const [i, ns] of measure(subjects, 30).entries()) add(lines, codecs[i]!.name, size, ns);
    for (const codec of inC) add(lines, codec.name, size, median([1, 2, 3].map(() => codec.round([bytes])[0]![direction])));
  }
  return {
    file: `codec-${direction}`,
    title: `To ${direction} a message by its number of floats`,
    x: "floats",
    y: "ns",
    lines: [...lines].map(([name, points]) => ({ name, points })),
  };
}

function add(lines: Map<string, [number, number][]>, name: string, size: number, ns: number): void {
  const points = lines.get(name) ?? [];
  points.push([size, ns]);
  lines.set(name, points);
}

function ratio(theirs: number | undefined, ours: number | undefined): number | undefined {
  return theirs === undefined || ours === undefined ? undefined : theirs / ours;
}

function markWrong(direction: "decode" | "encode", name: string, workload: string): void {
  (results[direction][name] ??= {})[workload] = undefined;
}

function attempt(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

/** A Buffer, like everything decoded here: mixing in other arrays would slow down every codec. */
function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

/** The packet as a Buffer with its own memory, as received from a socket. */
function checkedSize(name: string, size: number, bytes: Uint8Array): Buffer {
  if (bytes.length !== size) throw new Error(`The packet of ${name} has ${bytes.length} bytes and not ${size}.`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function rebuilt(packet: OscPacket): OscPacket {
  return packet instanceof OscBundle
    ? new OscBundle(packet.elements.map(rebuilt), packet.timeTag)
    : new OscMessage(packet.address, packet.args, packet.types);
}

/** The codec looks for Buffer once, at the first long text. */
function chooseTextBackendWithoutBuffer(): void {
  const kept = globalThis.Buffer;
  Reflect.deleteProperty(globalThis, "Buffer");
  encode(new OscMessage("/text", "é".repeat(100)));
  globalThis.Buffer = kept;
}
