import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, platform, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

/** A figure; null if there is none, or a word such as "wrong" if that says more. */
export type Cell = number | string | null;

/** Comparable figures of one run. */
export interface Table {
  readonly title: string;
  /** What the figures mean, and how they were measured. */
  readonly note?: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly cells: readonly Cell[] }[];
}

/** A goal of the project, and the current result. */
export interface Goal {
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
  /** If it isn't met: the reason. */
  readonly because?: string;
}

/** Lines over sizes, for a plot with two logarithmic axes. */
export interface Plot {
  /** The file name without extension. */
  readonly file: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

/** The results of a benchmark. */
export interface Report {
  readonly benchmark: string;
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
  readonly plots?: readonly Plot[];
}

/** A report with its environment, as stored in bench/results. */
export interface KeptReport extends Report {
  readonly date: string;
  readonly node: string;
  readonly machine: string;
  readonly quick: boolean;
}

const results = fileURLToPath(new URL("../results/", import.meta.url));

/** Stores the report in bench/results, and prints it as tables or as JSON. */
export function finish(report: Report, { json, quick }: { readonly json: boolean; readonly quick: boolean }): void {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}`;
  // Report other load too: if it exceeds the cores, the figures mean little.
  const load = `load average ${loadavg()[1]?.toFixed(1) ?? "unknown"}`;
  const kept: KeptReport = { ...report, date: new Date().toISOString(), node: process.version, machine: `${machine}, ${load}`, quick };
  mkdirSync(results, { recursive: true });
  writeFileSync(`${results}${report.benchmark}.json`, `${JSON.stringify(kept, null, 2)}\n`);
  console.log(json ? JSON.stringify(kept, null, 2) : asText(report));
}

/** The stored report of a benchmark; undefined if it wasn't run here. */
export function keptReport(benchmark: string): KeptReport | undefined {
  try {
    return JSON.parse(readFileSync(`${results}${benchmark}.json`, "utf8")) as KeptReport;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Formats a figure with a few digits. */
export function shown(cell: Cell): string {
  if (cell === null || (typeof cell === "number" && Number.isNaN(cell))) return "–";
  if (typeof cell === "string") return cell;
  const digits = Math.abs(cell) >= 100 || Number.isInteger(cell) ? 0 : Math.abs(cell) >= 10 ? 1 : 2;
  return cell.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

function asText({ tables, goals }: Report): string {
  const parts = tables.map(({ title, note, columns, rows }) => {
    const widths = columns.map((column, i) => Math.max(column.length, ...rows.map(({ cells }) => shown(cells[i] ?? null).length)) + 2);
    const first = Math.max(...rows.map(({ name }) => name.length));
    const line = (name: string, cells: readonly string[]): string =>
      `${name.padEnd(first)}${cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("")}`;
    const body = rows.map(({ name, cells }) =>
      line(
        name,
        columns.map((_, i) => shown(cells[i] ?? null)),
      ),
    );
    return [title, ...(note === undefined ? [] : [note]), "", line("", columns), ...body, ""].join("\n");
  });
  const verdicts = goals.map(
    ({ goal, measured, met, because }) =>
      `${met ? "met    " : "NOT MET"} ${goal}: ${measured}${because === undefined ? "" : `. ${because}`}`,
  );
  return [...parts, ...verdicts].join("\n");
}

/** The geometric mean of figures; undefined if one is missing. */
export function geometricMean(figures: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const figure of figures) {
    if (figure === undefined) return undefined;
    sum += Math.log(figure);
  }
  return Math.exp(sum / figures.length);
}

export function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;
}
