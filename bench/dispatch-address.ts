/**
 * What does it cost to find the handlers of an address, and does it grow with the number of mapped addresses?
 *
 *     npx tsx bench/dispatch-address.ts [--json]
 */

import { parseArgs, styleText } from "node:util";
import { AddressSpace } from "../src/address/index.ts";

const COUNTS = [10, 1_000, 100_000];
const ROUNDS = 7;

/** The cost of one kind of lookup, in ns per call: the median over the rounds. */
interface Row {
  readonly question: string;
  /** By number of mapped addresses. */
  readonly nanoseconds: Record<string, number>;
}

/** One prepared lookup: `run` repeats it `calls` times. */
interface Question {
  readonly name: string;
  readonly calls: number;
  readonly run: () => void;
}

/** Mapped addresses of a mixing desk: eight controls on each channel. */
function addressesOf(count: number): string[] {
  const controls = ["gain", "pan", "mute", "solo", "eq/low", "eq/mid", "eq/high", "name"];
  return Array.from(
    { length: count },
    (_, index) => `/mixer/channel/${Math.floor(index / controls.length)}/${controls[index % controls.length]}`,
  );
}

function questionsOf(count: number): Question[] {
  const addresses = addressesOf(count);
  const space = filled(addresses, []);
  const watched = filled(addresses, ["/*", "/mixer/*/gain"]);
  const several = Array.from({ length: 1000 }, (_, index) => addresses[(index * 7919) % count] ?? "/");
  const patterns = several.map((_, index) => `/mixer/channel/${index % Math.ceil(count / 8)}/{gain,pan,${index}}`);
  let round = 0;
  return [
    { name: "literal, the same string", calls: 200_000, run: () => repeat(200_000, () => space.find("/mixer/channel/1/gain")) },
    { name: "literal, 1,000 different", calls: 200_000, run: () => repeat(200_000, (index) => space.find(several[index % 1000] ?? "/")) },
    {
      name: "literal, a new string each time",
      calls: 100_000,
      run: () => repeat(100_000, (index) => space.find(fresh(several[index % 1000] ?? "/"))),
    },
    {
      name: "literal, beside two mapped wildcards",
      calls: 200_000,
      run: () => repeat(200_000, (index) => watched.find(several[index % 1000] ?? "/")),
    },
    { name: "mapped nowhere", calls: 200_000, run: () => repeat(200_000, () => space.find("/mixer/channel/1/nothing")) },
    { name: "pattern seen before", calls: 200_000, run: () => repeat(200_000, () => space.find("/mixer/channel/1/{gain,pan}")) },
    {
      name: "pattern seen first, within one channel",
      calls: 1000,
      run: () => {
        round += 1;
        const first = patterns.map((pattern) => `${pattern.slice(0, -1)},${round}}`);
        repeat(1000, (index) => space.find(first[index] ?? "/"));
      },
    },
    {
      name: "pattern seen first, over all channels",
      calls: 3,
      run: () => {
        round += 1;
        repeat(3, (index) => space.find(`/mixer/channel/*/{gain,x${round}-${index}}`));
      },
    },
  ];
}

function filled(addresses: readonly string[], wildcards: readonly string[]): AddressSpace<number> {
  const space = new AddressSpace<number>();
  for (const [index, address] of [...addresses, ...wildcards].entries()) space.add(address, index);
  return space;
}

/** A new string with the same text, as a decoder creates from bytes. */
function fresh(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** Sums up the results, so that no call can be optimized away. */
let found = 0;

function repeat(times: number, find: (index: number) => readonly unknown[]): void {
  for (let index = 0; index < times; index += 1) found += find(index).length;
}

function measured(): Row[] {
  const questions = COUNTS.map((count) => questionsOf(count));
  const times = questions.map((ofCount) => ofCount.map((): number[] => []));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [size, ofCount] of questions.entries()) {
      for (const [index, question] of ofCount.entries()) {
        const start = process.hrtime.bigint();
        question.run();
        const nanoseconds = Number(process.hrtime.bigint() - start) / question.calls;
        if (round > 0) times[size]?.[index]?.push(nanoseconds);
      }
    }
  }
  return (questions[0] ?? []).map(({ name }, index) => ({
    question: name,
    nanoseconds: Object.fromEntries(COUNTS.map((count, size) => [String(count), median(times[size]?.[index] ?? [])])),
  }));
}

/** Maps and unmaps 100,000 addresses, in ms. */
function mapping(): Row {
  const perCount = COUNTS.map((count) => {
    const addresses = addressesOf(count);
    const times = Array.from({ length: 3 }, () => {
      const start = process.hrtime.bigint();
      const space = filled(addresses, []);
      for (const [index, address] of addresses.entries()) space.remove(address, index);
      return Number(process.hrtime.bigint() - start) / count;
    });
    return [String(count), median(times)] as const;
  });
  return { question: "map and unmap, each address", nanoseconds: Object.fromEntries(perCount) };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function print(rows: readonly Row[]): void {
  const heading = ["ns per call, by number of mapped addresses", ...COUNTS.map((count) => count.toLocaleString("en"))];
  console.log(styleText("bold", lineOf(heading)));
  for (const row of rows)
    console.log(lineOf([row.question, ...COUNTS.map((count) => shown(row.nanoseconds[String(count)] ?? Number.NaN))]));
}

function lineOf(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(42) : cell.padStart(12))).join("");
}

function shown(nanoseconds: number): string {
  return nanoseconds.toLocaleString("en", { maximumFractionDigits: nanoseconds < 100 ? 1 : 0 });
}

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const rows = [...measured(), mapping()];
if (found === 0) throw new Error("nothing was found: the benchmark is wrong");
if (values.json) console.log(JSON.stringify({ benchmark: "dispatch-address", node: process.version, rows }, null, 2));
else print(rows);
