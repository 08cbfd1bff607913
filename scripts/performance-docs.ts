/**
 * Writes docs/performance.md, its plots and the figures of README.md and docs/nats.md from what the benchmarks have left in bench/results. What is not there stays
 * as it is:
 *
 *     npm run bench && npm run bench:docs
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BENCHMARKS } from "../bench/suite/benchmarks.ts";
import { type KeptReport, keptReport, type Plot, shown, type Table } from "../bench/suite/report.ts";
import { drawPlot } from "../bench/suite/plot.ts";
import { sourceOf, withFigures } from "./readme-figures.ts";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));
const PAGES = [fileURLToPath(new URL("../README.md", import.meta.url)), `${docs}nats.md`];

const TITLES: Readonly<Record<string, string>> = {
  codec: "Codec",
  dispatch: "Dispatch",
  udp: "UDP servers",
  kinds: "Kinds of server",
  latency: "Latency under load",
  tcp: "TCP servers",
  nats: "NATS",
  startup: "Start-up and size",
};

const reports = new Map<string, KeptReport>();
for (const name of BENCHMARKS) {
  const report = keptReport(name);
  if (report !== undefined) reports.set(name, report);
}
const missing = BENCHMARKS.filter((name) => !reports.has(name));
if (missing.length > 0) console.error(`Not in bench/results, so left as they are: ${missing.join(", ")}`);
const before = readFileSync(`${docs}performance.md`, "utf8");

mkdirSync(`${docs}images`, { recursive: true });
for (const { plots = [] } of reports.values()) {
  for (const plot of plots) writeFileSync(`${docs}images/${plot.file}.svg`, drawPlot(plot));
}
writeFileSync(`${docs}performance.md`, [introduction(), allGoals(), ...BENCHMARKS.map(section)].join("\n"));
for (const page of PAGES) writeFileSync(page, withFigures(readFileSync(page, "utf8"), [...reports.values()]));

function introduction(): string {
  return `# Performance

Made by \`npm run bench && npm run bench:docs\`: change nothing here by hand. Each section says when and where it was measured, and by what command.
Compare figures within one table only. There, all contestants took turns in one run on one machine, so that what else it did struck all
alike, and the figures are medians; the same figure may be twice as high in another run. With \`--quick\` they are those of one round or a few,
and where the load average is above the number of cores, other work had its part in them: latencies and losses are then the machine's, not
the server's. Results are checked before they are timed.

To run them all: \`npm ci\`, \`npm install --prefix bench\` for the packages of npm, \`liblo-dev\` and \`liboscpack-dev\` with a C and a C++ compiler for
the libraries in those languages, \`nats-server\`, and a checkout of python-osc in \`PYTHONPATH\`. What is not there is left out, and the benchmark says so.
`;
}

function allGoals(): string {
  const rows = BENCHMARKS.flatMap((name) => {
    const link = `| [${TITLES[name]}](#${anchorOf(TITLES[name] ?? "")}) |`;
    const report = reports.get(name);
    if (report === undefined) return before.split("\n").filter((line) => line.startsWith(link));
    return report.goals.map(
      ({ goal, measured, met, because }) =>
        `${link} ${goal} | ${measured} | ${met ? "yes" : `**no**${because === undefined ? "" : `: ${because}`}`} |`,
    );
  });
  return ["## Goals", "", "| | Goal | Measured | Met |", "| --- | --- | --- | --- |", ...rows, ""].join("\n");
}

/** The section of a benchmark: of its report, or, where it has not been run here, as it is. */
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
  return [`## ${TITLES[benchmark]}`, "", sourceOf(report), "", ...tables.map(tableOf), ...plots.map(imageOf)].join("\n");
}

function tableOf({ title, note, columns, rows }: Table): string {
  const body = rows.map(({ name, cells }) => {
    const cell = (text: string): string => (name.startsWith("oscine") ? `**${text}**` : text);
    return `| ${cell(name)} | ${columns.map((_, index) => cell(shown(cells[index] ?? null))).join(" | ")} |`;
  });
  return [
    `### ${title}`,
    "",
    ...(note === undefined ? [] : [note, ""]),
    `| | ${columns.join(" | ")} |`,
    `| --- |${" ---: |".repeat(columns.length)}`,
    ...body,
    "",
  ].join("\n");
}

function imageOf({ file, title, x, y }: Plot): string {
  return `![${title}: ${y} over ${x}](images/${file}.svg)\n`;
}

function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}
