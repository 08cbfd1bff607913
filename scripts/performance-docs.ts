/**
 * Writes docs/performance.md, its plots and the figures of README.md from what the benchmarks have left in bench/results:
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
const readme = fileURLToPath(new URL("../README.md", import.meta.url));

const TITLES: Readonly<Record<string, string>> = {
  codec: "Codec",
  dispatch: "Dispatch",
  udp: "UDP servers",
  kinds: "Kinds of server",
  latency: "Latency under load",
  tcp: "TCP servers",
  startup: "Start-up and size",
};

const reports = BENCHMARKS.flatMap((name) => keptReport(name) ?? []);
const missing = BENCHMARKS.filter((name) => !reports.some(({ benchmark }) => benchmark === name));
if (missing.length > 0) console.error(`Not in bench/results, so left out: ${missing.join(", ")}`);

mkdirSync(`${docs}images`, { recursive: true });
for (const plot of reports.flatMap(({ plots = [] }) => plots)) writeFileSync(`${docs}images/${plot.file}.svg`, drawPlot(plot));
writeFileSync(`${docs}performance.md`, [introduction(), goalsOf(reports), ...reports.map(sectionOf)].join("\n"));
writeFileSync(readme, withFigures(readFileSync(readme, "utf8"), reports));

function introduction(): string {
  return `# Performance

Made by \`npm run bench && npm run bench:docs\`: change nothing here by hand. Each section says when and where it was measured, and by what command.
Compare figures within one table only. There, all contestants took turns in one run on one machine, so that what else it did struck all
alike, and the figures are medians; the same figure may be twice as high in another run. With \`--quick\` they are those of one round or a few,
and where the load average is above the number of cores, other work had its part in them: latencies and losses are then the machine's, not
the server's. Results are checked before they are timed.

To run them all: \`npm ci\`, \`npm install --prefix bench\` for the packages of npm, \`liblo-dev\` and \`liboscpack-dev\` with a C and a C++ compiler for
the libraries in those languages, and a checkout of python-osc in \`PYTHONPATH\`. What is not there is left out, and the benchmark says so.
`;
}

function goalsOf(all: readonly KeptReport[]): string {
  const rows = all.flatMap(({ benchmark, goals }) =>
    goals.map(
      ({ goal, measured, met, because }) =>
        `| [${TITLES[benchmark]}](#${anchorOf(TITLES[benchmark] ?? "")}) | ${goal} | ${measured} | ${met ? "yes" : `**no**${because === undefined ? "" : `: ${because}`}`} |`,
    ),
  );
  return ["## Goals", "", "| | Goal | Measured | Met |", "| --- | --- | --- | --- |", ...rows, ""].join("\n");
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
