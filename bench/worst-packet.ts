/**
 * Searches for the most expensive packets for their size: `npx tsx bench/worst-packet.ts [--seconds 120] [--seed 1]`.
 *
 * Each packet is handled as in a server, from the datagram's bytes to the last handler, with 1,000 mapped addresses and empty caches. The
 * search starts with shapes known to be slow, mutates the best of them at random, and keeps those that cost more CPU time, or memory of the
 * decoded packet. The table compares the worst of each kind with an ordinary packet of the same size, a bundle of small messages.
 */
import { setFlagsFromString } from "node:v8";
import { parseArgs } from "node:util";
import { runInNewContext } from "node:vm";
import { Dispatcher, tryDecode } from "../src/dispatch/index.ts";
import { EventLoopExecutor } from "../src/server/event-loop-executor.ts";
import { limitsOf } from "../src/server/options.ts";
import { Pipeline } from "../src/server/pipeline.ts";
import type { Peer } from "../src/transport/transport.ts";
import { changed, concat } from "../test/fuzz/make-bytes.ts";
import { Random } from "../test/fuzz/random.ts";

const LARGEST = 65_507;
/** The size at which packets are compared during the search. */
const TRIED = 16_384;
const KEPT = 6;

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));
const word = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
const padded = (value: string): Uint8Array => text(`${value}${"\0".repeat(4 - (value.length % 4))}`);
const HEADER = concat([text("#bundle\0"), word(0), word(1)]);

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const short = (index: number): string => [1, 26, 676].map((unit) => LETTERS[Math.floor(index / unit) % 26]).join("");

/** The text, in Latin-1, that is repeated to build a packet; `###` is replaced by different letters each time. */
interface Shape {
  readonly unit: string;
  /** The text after the address, or the filling of each argument. */
  readonly rest: string;
}

interface Kind {
  readonly name: string;
  readonly known: readonly Shape[];
  build(shape: Shape, size: number): Uint8Array;
  change(random: Random, shape: Shape): Shape;
}

const repeated = (unit: string, length: number): string => {
  const whole = unit.repeat(Math.ceil(length / unit.length));
  return whole.includes("###") ? whole.replaceAll("###", (_, at: number) => short(at)).slice(0, length) : whole.slice(0, length);
};

const ARGUMENT_SIZES: Readonly<Record<string, number>> = { i: 4, f: 4, c: 4, r: 4, m: 4, s: 4, S: 4, b: 4, h: 8, d: 8, t: 8 };

function changeText(random: Random, value: string, alphabet: readonly string[]): string {
  const at = random.below(value.length + 1);
  const inserted = random.oneIn(3) ? "" : random.pick(alphabet);
  return (value.slice(0, at) + inserted + value.slice(at + random.below(2))).slice(0, 24) || random.pick(alphabet);
}

const units = (...list: string[]): Shape[] => list.map((unit) => ({ unit, rest: "" }));
const ADDRESS = [..."/*?[]{},!-ab\xe9\x01", "//", "/*", "{a,", "[a-z]", "###", "{###,", "?*"];
const TAGS = [..."ifsbhtdScrmTFNI[]q\xe9", "[]", "[T]", "[[", "]]"];

const KINDS: readonly Kind[] = [
  {
    name: "address",
    known: units(
      "*",
      "*a",
      "*?",
      "[a-z]*",
      "{a,ab,abc}*",
      "/a",
      "/*/",
      "{a,",
      "abcdefgh",
      "/",
      "*{###,",
      "###,",
      "###",
      "*[\xc3\x80-",
      "a\xe9",
    ),
    build: ({ unit }, size) => concat([padded(`/${repeated(unit, size - 8)}`), padded(",")]),
    change: (random, { unit }) => ({ unit: changeText(random, unit, ADDRESS), rest: "" }),
  },
  {
    name: "arguments",
    known: ["T", "[]", "[T]", `${"[".repeat(12)}${"]".repeat(12)}`, "[", "i", "s", "b", "t", "Tq"]
      .map((unit) => ({ unit, rest: "\0\0\0\0" }))
      .concat([{ unit: "s", rest: "\xe9\0\0\0" }]),
    build: ({ unit, rest }, size) => {
      const bytes = [...unit].reduce((sum, tag) => sum + 1 + (ARGUMENT_SIZES[tag] ?? 0), 0);
      const tags = unit.repeat(Math.floor((size - 16) / bytes));
      return concat([padded("/a"), padded(`,${tags}`), text(repeated(rest, size - 16 - tags.length))]);
    },
    change: (random, { unit, rest }) =>
      random.oneIn(4)
        ? { unit, rest: changeText(random, rest, ["\0", "\xe9", "a", "\xff", "\x01"]).padEnd(4, "\0").slice(0, 4) }
        : { unit: changeText(random, unit, TAGS), rest },
  },
  {
    name: "bundle",
    known: units(
      "/a\0\0",
      "/###\0\0\0\0",
      "/*\0\0",
      "/*###\0\0\0",
      "/*[!###]*\0\0\0",
      "a\0\0\0",
      "/a\0\0,q\0\0",
      Buffer.from(HEADER).toString("latin1"),
    ),
    build: ({ unit }, size) => {
      const parts = [HEADER];
      const count = Math.floor((size - HEADER.length) / (unit.length + 4));
      for (let index = 0; index < count; index++) parts.push(word(unit.length), text(unit.replaceAll("###", short(index))));
      return concat(parts);
    },
    change: (random, { unit }) => {
      const bytes = Buffer.from(changed(random, text(unit), []).subarray(0, 48)).toString("latin1");
      const whole = bytes.padEnd((bytes.length + 3) & ~3, "\0");
      return {
        unit: whole === "" ? unit : random.oneIn(4) ? `/${random.pick(ADDRESS)}${whole.slice(1)}`.slice(0, whole.length) : whole,
        rest: "",
      };
    },
  },
];

const ordinary = (size: number): Uint8Array => (KINDS[2] as Kind).build({ unit: "/mixer/7/gain\0\0\0,f\0\0\x3f\0\0\0", rest: "" }, size);

const peer: Peer = {
  address: { address: "127.0.0.1", port: 9, family: "IPv4" },
  key: "",
  paced: false,
  send: () => undefined,
  settled: () => undefined,
};

/** A server without its socket. */
function server(): Pipeline {
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
        { ...limits, dispatcher, mode: "async", verifier: { verifyRequest: () => true }, shutdown: () => undefined },
        limits,
        { concurrency: 64, order: "client" },
        events,
      ),
  });
}

/** CPU time in milliseconds: the minimum of several runs. */
function time(bytes: Uint8Array, runs: number): number {
  let least = Infinity;
  for (let run = 0; run < runs; run++) {
    const pipeline = server();
    const before = process.cpuUsage();
    pipeline.onPacket(bytes, peer);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
    pipeline.closeAtOnce();
  }
  return least;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Memory of the decoded packet in bytes, excluding its own bytes. */
function memory(bytes: Uint8Array): number {
  const copies = Array.from({ length: 4 }, () => bytes.slice());
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const decoded = copies.map((copy) => tryDecode(copy));
  collectGarbage();
  const after = process.memoryUsage().heapUsed;
  return decoded.length === 0 ? 0 : (after - before) / copies.length;
}

type Measure = (bytes: Uint8Array, runs: number) => number;

/** Mutates the best shapes until the time is up. Returns the worst one found. */
function search(kind: Kind, measure: Measure, random: Random, milliseconds: number): { readonly shape: Shape; readonly tried: number } {
  const tried = new Set<string>();
  const best: { readonly shape: Shape; readonly cost: number }[] = [];
  const attempt = (shape: Shape): void => {
    const name = `${shape.unit} ${shape.rest}`;
    if (tried.has(name)) return;
    tried.add(name);
    const bytes = kind.build(shape, TRIED);
    const least = best.length < KEPT ? 0 : (best.at(-1)?.cost ?? 0);
    // Measure again, because the first result may have been an outlier.
    if (measure(bytes, 2) <= least) return;
    const cost = measure(bytes, 7);
    if (cost <= least) return;
    best.push({ shape, cost });
    best.sort((a, b) => b.cost - a.cost);
    best.length = Math.min(best.length, KEPT);
  };
  for (const shape of kind.known) attempt(shape);
  const end = performance.now() + milliseconds;
  while (performance.now() < end) attempt(kind.change(random, random.pick(best).shape));
  return { shape: (best[0] as { readonly shape: Shape }).shape, tried: tried.size };
}

const { values } = parseArgs({ options: { seconds: { type: "string", default: "120" }, seed: { type: "string", default: "1" } } });
const random = new Random(Number(values.seed));
const share = (Number(values.seconds) * 1000) / (2 * KINDS.length);
// Let the JIT compiler settle.
for (const kind of KINDS) for (const shape of kind.known) time(kind.build(shape, TRIED), 3);
console.log("| worst … | of … shapes tried | repeats | 8 kB | 64 kB | ordinary, 64 kB | ratio |");
console.log("| --- | ---: | --- | ---: | ---: | ---: | ---: |");
for (const [what, measure, unit] of [
  ["time", time, (value: number) => `${value.toFixed(2)} ms`],
  ["memory", memory, (value: number) => `${(value / 1024).toFixed(0)} kB`],
] as const) {
  const usual = measure(ordinary(LARGEST), 15);
  for (const kind of KINDS) {
    const { shape, tried } = search(kind, measure, random, share);
    const [small, large] = [8192, LARGEST].map((size) => measure(kind.build(shape, size), 15)) as [number, number];
    const name = JSON.stringify(`${shape.unit} ${shape.rest}`.trimEnd()).replaceAll("|", "\\|");
    console.log(
      `| ${kind.name}: ${what} | ${tried} | \`${name}\` | ${unit(small)} | ${unit(large)} | ${unit(usual)} | ${(large / usual).toFixed(1)} |`,
    );
  }
}
