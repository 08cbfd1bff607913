/**
 * Fills docs/performance.md and the figures of docs/comparison.md from the results in bench/results. A benchmark that wasn't run keeps its
 * section:
 *
 *     npm run bench && npm run bench:docs
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BENCHMARKS } from "../bench/suite/benchmarks.ts";
import { type KeptReport, keptReport, type Plot, shown, type Table } from "../bench/suite/report.ts";
import { sourceOf, withFigures } from "./readme-figures.ts";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));

const TITLES: Readonly<Record<string, string>> = {
  codec: "Codec",
  dispatch: "Dispatch",
  udp: "UDP servers",
  kinds: "Kinds of server",
  latency: "Latency under load",
  tcp: "TCP servers",
  nats: "NATS",
  startup: "Start-up and size",
  play: "Playing recordings",
  oscquery: "OSCQuery",
};

/** The first table of the page: a description, the benchmark, and the beginning of the goal with the figure. */
const EXPECTED: readonly (readonly [what: string, benchmark: string, goal: string])[] = [
  ["encoding new messages, times the fastest JavaScript package", "codec", "encode packets never seen before"],
  ["decoding new messages, times the fastest JavaScript package", "codec", "decode packets never seen before"],
  ["finding the handlers of a message among 10, 1,000 and 100,000", "dispatch", "the handlers of a literal address"],
  ["async UDP server: round trip, times a bare dgram socket", "udp", "async: echo p50"],
  ["blocking UDP server: round trip", "udp", "blocking: echo p50"],
  ["threading UDP server: round trip", "udp", "threading: echo p50"],
  ["forking UDP server: round trip", "kinds", "forking ahead of python-osc's: echo"],
  ["TCP: messages per second over one connection", "tcp", "size prefix"],
  ["`oscine send`: processor time beyond `node -e 0`", "startup", "`oscine send`"],
];

const reports = new Map<string, KeptReport>();
for (const name of BENCHMARKS) {
  const report = keptReport(name);
  if (report !== undefined) reports.set(name, report);
}
const missing = BENCHMARKS.filter((name) => !reports.has(name));
if (missing.length > 0) console.error(`Not in bench/results, so left unchanged: ${missing.join(", ")}`);
const before = readFileSync(`${docs}performance.md`, "utf8");

writeFileSync(`${docs}performance.md`, [introduction(), floors(), ...BENCHMARKS.map(section), givenUp()].join("\n"));
const comparison = `${docs}comparison.md`;
writeFileSync(comparison, withFigures(readFileSync(comparison, "utf8"), [...reports.values()]));

function introduction(): string {
  const expected = EXPECTED.map(([what, name, goal]) => {
    const row = floorRows(name).find((line) => line.includes(`| ${goal}`));
    return `| ${what} | ${row?.split(" | ")[2] ?? "not measured"} |`;
  });
  return `# Performance

${picture()}

| what to expect | measured |
| --- | --- |
${expected.join("\n")}

The picture shows how many messages with one float a program can build, encode and decode in a second on one core. Every
message is new, as in a real program.

## How to read this page

\`npm run bench\` measures, and \`npm run bench:docs\` writes this page; don't edit it by hand. Each section says when and
where it was measured, and by which command.

Compare figures within one table only. All contestants of a table took turns in one run on one machine, and the
figures are medians. The same figure may be twice as high in another run. If the load average is above the number of
cores, other work took part, and latencies and losses say more about the machine than about the server. Every
benchmark checks results before it times them.

To run everything, you need \`npm ci\`, \`npm install --prefix bench\` for the packages of npm, \`liblo-dev\` and
\`liboscpack-dev\` with a C and a C++ compiler, and a checkout of python-osc in \`PYTHONPATH\`. A benchmark leaves out what
is missing and says so. \`npm run bench\` takes about 20 minutes; \`latency\` and \`nats\` run only by name.
`;
}

/** New messages per second as a bar chart. */
function picture(): string {
  const [encoding, decoding] = [newMessageTimes("encode"), newMessageTimes("decode")];
  const rates = [...encoding].map(([name, time]) => ({ name, rate: 1e9 / (time + (decoding.get(name) ?? Number.NaN)) }));
  const most = Math.max(...rates.map(({ rate }) => rate));
  const bars = rates.map(({ name, rate }) => {
    const bar = "█".repeat(Math.max(1, Math.round((rate / most) * 50)));
    return `${name.padEnd(22)} ${bar} ${Math.round(rate / 1000).toLocaleString("en")},000`;
  });
  return ["```text", "messages per second, encoded and decoded", ...bars, "```"].join("\n");
}

/** Nanoseconds per new message with one float for each contestant, from the codec section. */
function newMessageTimes(direction: "encode" | "decode"): ReadonlyMap<string, number> {
  const table = section("codec")
    .split(/^### /m)
    .find((part) => part.startsWith(`${direction} packets never seen before`));
  const rows = [...(table ?? "").matchAll(/^\| \**([a-z][^|*]*?)\** \| \**([\d,.]+)\** \|/gm)];
  return new Map(rows.map(([, name = "", time = ""]) => [name, Number(time.replaceAll(",", ""))]));
}

/** The rows of a benchmark's floors: from its report, or from the page if it wasn't run. */
function floorRows(name: string): readonly string[] {
  const link = `| [${TITLES[name]}](#${anchorOf(TITLES[name] ?? "")}) |`;
  const report = reports.get(name);
  if (report === undefined) return before.split("\n").filter((line) => line.startsWith(link));
  return report.goals.map(({ goal, measured, met, because }) => {
    const verdict = met ? "yes" : `**no**${because === undefined ? "" : `: ${because}`}`;
    return `${link} ${goal} | ${measured} | ${verdict} |`;
  });
}

function floors(): string {
  const rows = BENCHMARKS.flatMap(floorRows);
  const meaning = `A floor is a bound that the simplest design has to meet. If it does, a faster but more complicated one isn't worth
its code.`;
  return ["## Floors", "", meaning, "", "| | floor | measured | met |", "| --- | --- | --- | --- |", ...rows, ""].join("\n");
}

/** The goals of earlier versions that were given up, each with the reason. */
function givenUp(): string {
  const rows = [
    [
      "decode and encode: a geometric mean of 2 and 3 times liblo's, 1,000 floats ahead of liblo and oscpack",
      "JavaScript programs can't use C libraries instead; the floor compares with JavaScript packages",
    ],
    ["decode, dispatch and call of a small message in 400 ns", "covered by the floors of codec and dispatch"],
    ["100,000 addresses mapped and unmapped within a second", "no program does it; the test of the address index bounds its cost"],
    [
      "async: echo p50 at most 1.15, CPU at most 1.2 of a bare dgram socket",
      "1.2 and 1.25 leave room for simpler code; nobody can hear the difference",
    ],
    ["async: lossless at 100,000/s portable, 300,000/s native", "the floor is what a bare dgram socket handles on the same machine"],
    [
      "95 % of a flood of 400,000/s served, at most 1.5 times the CPU of liblo's server",
      "no show sends that much; it needed the receiver thread, batches handed ahead and their take-back",
    ],
    [
      "async with a receiver thread: 1.4 against 2.3 µs of CPU per packet in a flood",
      "it cost 70 instead of 14 µs of latency under load, and a thread with shared memory",
    ],
    [
      "blocking: echo p50 at most 1.3 times recvfrom and sendto in C",
      "the result depended on which core the system chose; the floor is python-osc's blocking server",
    ],
    ["blocking and threading: lossless at 300,000/s", "150,000/s and 50,000/s are far above what controllers send"],
    [
      "threading: packets handed to threads before they ask",
      "a packet dated ahead of others could wait there, and packets had to be taken back",
    ],
    [
      "a small message: at most 160 bytes on the heap when decoded, 512 in the server",
      "pauses of the collector stay visible in the benchmark `latency`; bytes alone say nothing to a user",
    ],
    ["TCP: 100 connections no slower in sum than one", "the machine's scheduling decided it; floors hold over one connection"],
    [
      '`import "oscine"`: less than 15 ms more than an empty program',
      "it needed built-in modules loaded late and shortened names (28.9 against 30.5 ms)",
    ],
    ["`oscine/codec/small`: less than 4 kB gzipped", "3.96 against 8.85 kB, slower than every peer, and a second codec to keep right"],
  ];
  const head = ["## Goals given up", "", "Earlier versions had these goals. Each is gone for the reason beside it.", ""];
  return [...head, "| goal | reason |", "| --- | --- |", ...rows.map((row) => `| ${row.join(" | ")} |`), ""].join("\n");
}

/** The section of a benchmark: from its report, or unchanged if it wasn't run here. */
function section(name: string): string {
  const report = reports.get(name);
  if (report !== undefined) return sectionOf(report);
  return (
    before
      .split(/^(?=## )/m)
      .find((part) => part.startsWith(`## ${TITLES[name]}\n`))
      ?.trimEnd()
      .concat("\n") ?? ""
  );
}

function sectionOf(report: KeptReport): string {
  const { benchmark, tables, plots = [] } = report;
  return [`## ${TITLES[benchmark]}`, "", sourceOf(report), "", ...tables.map(tableOf), ...plots.map(plotTable)].join("\n");
}

function tableOf({ title, note, columns, rows }: Table): string {
  const body = rows.map(({ name, cells }) => {
    const cell = (text: string): string => (name.startsWith("oscine") ? `**${text}**` : text);
    return `| ${cell(name)} | ${columns.map((_, index) => cell(shown(cells[index] ?? null))).join(" | ")} |`;
  });
  return [
    `### ${title}`,
    "",
    ...(note === undefined ? [] : [wrapped(note), ""]),
    `| | ${columns.join(" | ")} |`,
    `| --- |${" ---: |".repeat(columns.length)}`,
    ...body,
    "",
  ].join("\n");
}

/** Wraps text at 118 columns. */
function wrapped(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 118) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}

/** Formats a plot as a table. */
function plotTable({ title, x, y, lines }: Plot): string {
  const sizes = [...new Set(lines.flatMap(({ points }) => points.map(([size]) => size)))].toSorted((a, b) => a - b);
  const rows = lines.map(({ name, points }) => ({ name, cells: sizes.map((size) => points.find(([at]) => at === size)?.[1] ?? null) }));
  return tableOf({ title, note: `${y} over ${x}.`, columns: sizes.map((size) => shown(size)), rows });
}

function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}
