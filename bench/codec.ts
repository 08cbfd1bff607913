/*
 * How fast are packets decoded and encoded, beside the npm packages and liblo (C)?
 *
 *   npm install --prefix bench        once
 *   npm --prefix bench run codec      a table;  -- --json for machines,  -- --rounds 30 for steadier figures,
 *                                     -- --only oscine without the packages of npm,  -- --pure without Node's Buffer in Oscine
 *
 * Every result is checked before it is timed. All rounds are interleaved and the median counts: read ratios within one run, never
 * figures across runs. "oscine, new" makes the message, too; "oscine, into" encodes into memory that is there already.
 */
import { isDeepStrictEqual, parseArgs } from "node:util";
import { decode, encode, encodeInto, OscBundle, OscMessage, type OscPacket } from "../src/codec/index.ts";
import { libloRounds } from "./codec/liblo.ts";
import { measure, median, type Subject } from "./codec/measure.ts";
import { type Codec, npmPeers } from "./codec/peers.ts";
import { plain, VARIANTS, type Workload, workloads } from "./codec/workloads.ts";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean" }, rounds: { type: "string", default: "75" }, only: { type: "string" }, pure: { type: "boolean" } },
});
const rounds = Number(flags.rounds);
/** The rounds of one call of `measure`; after each call liblo has its turn. */
const ROUNDS_AT_ONCE = 15;
const OSCINE = "oscine";
const LIBLO = "liblo (C)";

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
const peers = flags.only === OSCINE ? [] : await npmPeers();

/** `results[direction][name][workload]` in nanoseconds; undefined where a codec gives wrong results. */
type Results = Record<"decode" | "encode", Record<string, Record<string, number | undefined>>>;

const encoded = workloads.map(({ name, size, packets }) => packets.map((packet) => checkedSize(name, size, encode(packet).slice())));
const results: Results = { decode: {}, encode: {} };
const liblo = libloRounds(encoded.map(([first]) => first!));

for (const [i, workload] of workloads.entries()) {
  compare("decode", i, decoders(workload, encoded[i]!));
  compare("encode", i, encoders(workload, encoded[i]!));
}
report();

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
    // The time tag is left out of the comparison, for not every package lets it be given exactly.
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
  const libloSamples: number[] = [];
  for (let done = 0; done < rounds; done += ROUNDS_AT_ONCE) {
    for (const [i, ns] of measure(subjects, Math.min(ROUNDS_AT_ONCE, rounds - done)).entries()) samples[i]!.push(ns);
    if (liblo !== undefined) libloSamples.push(liblo()[index]![direction]);
  }
  const { name: workload } = workloads[index]!;
  for (const [i, { name }] of subjects.entries()) (results[direction][name] ??= {})[workload] = median(samples[i]!);
  if (liblo !== undefined) (results[direction][LIBLO] ??= {})[workload] = median(libloSamples);
}

function report(): void {
  if (flags.json) {
    console.log(JSON.stringify({ node: process.version, unit: "ns", rounds, pure: flags.pure ?? false, results }));
    return;
  }
  for (const direction of ["decode", "encode"] as const) {
    const rows = results[direction];
    const names = workloads.map(({ name }) => name);
    console.log(`\n${direction}, ns${" ".repeat(11)}${names.map((name) => name.padStart(12)).join("")}   geometric mean`);
    for (const [name, row] of Object.entries(rows))
      console.log(
        line(
          name,
          names.map((workload) => row[workload]),
        ),
      );
    const ours = rows[OSCINE]!;
    for (const [name, row] of Object.entries(rows)) {
      if (name !== OSCINE && !name.startsWith(`${OSCINE},`))
        console.log(
          line(
            `${name} / oscine`,
            names.map((workload) => ratio(row[workload], ours[workload])),
            2,
          ),
        );
    }
  }
}

function line(name: string, figures: readonly (number | undefined)[], digits: number = 0): string {
  const cells = figures.map((figure) => (figure === undefined ? "wrong" : figure.toFixed(digits)).padStart(12));
  const known = figures.filter((figure) => figure !== undefined);
  const mean = Math.exp(known.reduce((sum, figure) => sum + Math.log(figure), 0) / known.length);
  return `${name.padEnd(24)}${cells.join("").slice(3)}${(known.length === figures.length ? mean.toFixed(Math.max(digits, 0)) : "–").padStart(17)}`;
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

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The packet as a Buffer of its own memory, as a socket gives it. */
function checkedSize(name: string, size: number, bytes: Uint8Array): Buffer {
  if (bytes.length !== size) throw new Error(`The packet of ${name} has ${bytes.length} bytes and not ${size}.`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function rebuilt(packet: OscPacket): OscPacket {
  return packet instanceof OscBundle
    ? new OscBundle(packet.elements.map(rebuilt), packet.timeTag)
    : new OscMessage(packet.address, packet.args, packet.types);
}

/** The codec looks for Buffer once, when it first meets a text of some length. */
function chooseTextBackendWithoutBuffer(): void {
  const kept = globalThis.Buffer;
  Reflect.deleteProperty(globalThis, "Buffer");
  encode(new OscMessage("/text", "é".repeat(100)));
  globalThis.Buffer = kept;
}
