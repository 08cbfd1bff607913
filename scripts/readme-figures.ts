// The figures of docs/comparison.md: tables between two comments, generated from bench/results.
import { type Cell, type KeptReport, shown, type Table } from "../bench/suite/report.ts";

/** Generates the lines for each marker in a document; none if the report lacks the figures. */
const PLACES: Readonly<Record<string, (report: KeptReport) => readonly string[]>> = {
  kinds: kindsTable,
  codec: codecTable,
};

/**
 * A document with new figures between `<!-- figures NAME -->` and `<!-- end -->`. Sections whose benchmark wasn't run are left unchanged.
 *
 * @throws Error for a marker without a generator
 */
export function withFigures(document: string, reports: readonly KeptReport[]): string {
  return document.replaceAll(/(<!-- figures (\w+) -->\n).*?(<!-- end -->)/gs, (all, begin: string, name: string, end: string) => {
    const make = PLACES[name];
    if (make === undefined) throw new Error(`A document asks for figures of ${name}; there are ${Object.keys(PLACES).join(", ")}.`);
    const report = reports.find(({ benchmark }) => benchmark === name);
    const lines = report === undefined ? [] : make(report);
    return report === undefined || lines.length === 0 ? all : [begin, ...lines, "", sourceOf(report), "", end].join("\n");
  });
}

/** Where, when and by what command the figures of a report were measured. */
export function sourceOf({ benchmark, date, node, machine, quick }: KeptReport): string {
  return `${date.slice(0, 10)}, ${machine}, Node ${node}: \`npm run bench -- ${benchmark}${quick ? " --quick" : ""}\``;
}

function kindsTable({ tables }: KeptReport): string[] {
  const echo = tables.find(({ title }) => title === "echo");
  // docs/performance.md has the others: beside a busy process, and just started.
  const others = tables.filter(({ title }) => title !== "echo" && !/^(busy|cold start):/.test(title));
  const answers = (table: Table, name: string): string => {
    const [answered, rate] = ["answered %", "packets/s"].map((column) => cellOf(table, name, column));
    if (typeof rate === "number") return `${shown(rate)}/s`;
    if (answered === 0) return "0 %";
    return typeof answered === "number" ? `${shown(answered)} % after ${shown(cellOf(table, name, "p50 ms"))} ms` : "–";
  };
  const rows = (echo?.rows ?? [])
    .filter(({ name }) => name.startsWith("oscine ") || name.startsWith("python-osc "))
    .map(({ name }) => [name, `${shown(cellOf(echo, name, "p50 ms"))} ms`, ...others.map((table) => answers(table, name))]);
  return rows.length === 0 ? [] : tableOf(["", "median round trip", ...others.map(({ title }) => title)], rows);
}

function codecTable({ tables }: KeptReport): string[] {
  const [encode, decode] = ["encode packets never seen", "decode packets never seen"].map((begin) =>
    tables.find(({ title }) => title.startsWith(begin)),
  );
  const rows = (encode?.rows ?? []).map(({ name }) => [
    name,
    ...[encode, decode].flatMap((table) => ["fader", "geometric mean"].map((column) => shown(cellOf(table, name, column)))),
  ]);
  return rows.length === 0 ? [] : tableOf(["ns", "encode, fader", "encode, mean of six", "decode, fader", "decode, mean of six"], rows);
}

function cellOf(table: Table | undefined, name: string, column: string): Cell {
  const row = table?.rows.find((one) => one.name === name);
  return row?.cells[table?.columns.indexOf(column) ?? -1] ?? null;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const bold = (row: readonly string[]): readonly string[] =>
    row[0]?.startsWith("oscine") === true ? row.map((cell) => `**${cell}**`) : row;
  return [line(head), `| --- |${" ---: |".repeat(head.length - 1)}`, ...rows.map((row) => line(bold(row)))];
}
