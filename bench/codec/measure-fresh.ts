import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compileProgram } from "../suite/c-program.ts";
import { hasNpmPeers } from "../suite/peers.ts";
import { geometricMean, type Goal, median, type Table } from "../suite/report.ts";
import { CONTESTANTS } from "./fresh-contestants.ts";
import { freshWorkloads } from "./fresh-workloads.ts";

const DIRECTIONS = ["encode", "decode"] as const;
const LIBLO = "liblo (C)";
/** Minimum speed relative to the fastest JavaScript package. */
const LEAD = 4;
/** Maximum time relative to liblo. */
const LIBLO_SHARE = 2.5;

/**
 * Measures all contestants with fresh packets, alternating, in a separate process each.
 *
 * @param passes number of runs per contestant; the median counts
 */
export function measureFresh(passes: number): { readonly tables: readonly Table[]; readonly goals: readonly Goal[] } {
  const peers = hasNpmPeers();
  const liblo = compileProgram("liblo-fresh.c", ["lo"], "apt install gcc liblo-dev");
  const names = Object.keys(CONTESTANTS).filter((name) => peers || isOurs(name));
  const samples = new Map<string, Record<string, number>[]>();
  for (let pass = 0; pass < passes; pass++) {
    for (const name of names) add(samples, name, runScript(name));
    if (liblo !== undefined) add(samples, LIBLO, JSON.parse(execFileSync(liblo, { encoding: "utf8" })) as Record<string, number>);
  }
  const figure = (name: string, workload: string, direction: string): number | undefined => {
    const all = samples.get(name)?.map((figures) => figures[`${workload} ${direction}`]!);
    return all === undefined ? undefined : median(all);
  };
  const workloads = freshWorkloads.map(({ name }) => name);
  const table = (title: string, note: string, contestants: readonly string[], what: string): Table => ({
    title,
    note,
    columns: [...workloads, "geometric mean"],
    rows: contestants.map((name) => {
      const cells = workloads.map((workload) => figure(name, workload, what));
      return { name, cells: [...cells.map((cell) => cell ?? null), geometricMean(cells) ?? null] };
    }),
  });
  const tables = [
    ...DIRECTIONS.map((direction) =>
      table(
        `${direction} packets never seen before, nanoseconds`,
        "Every packet is built from new values, encoded and decoded once. CPU time, including building the packet from the values and collecting garbage.",
        [...samples.keys()],
        direction,
      ),
    ),
    ...DIRECTIONS.map((direction) =>
      table(
        `${direction} packets never seen before, bytes allocated`,
        "On the JavaScript heap for each packet, including what the program itself builds from the values.",
        names,
        `${direction} bytes`,
      ),
    ),
  ];
  const rivals = names.filter((name) => !isOurs(name));
  const best = (workload: string, direction: string): number =>
    Math.min(...names.filter(isOurs).map((name) => figure(name, workload, direction)!));
  const goals: Goal[] = [];
  for (const direction of DIRECTIONS) {
    if (rivals.length > 0) {
      const leads = workloads.map(
        (workload) => Math.min(...rivals.map((name) => figure(name, workload, direction)!)) / best(workload, direction),
      );
      goals.push({
        goal: `${direction} packets never seen before: at least ${LEAD} times the fastest JavaScript package in every workload`,
        measured: workloads.map((workload, i) => `${workload} ${leads[i]!.toFixed(1)}`).join(", "),
        met: leads.every((lead) => lead >= LEAD),
      });
    }
    if (liblo !== undefined) {
      const shares = workloads.map((workload) => best(workload, direction) / figure(LIBLO, workload, direction)!);
      goals.push({
        goal: `${direction} packets never seen before: at most ${LIBLO_SHARE} times liblo's time in every workload`,
        measured: workloads.map((workload, i) => `${workload} ${shares[i]!.toFixed(1)}`).join(", "),
        met: shares.every((share) => share <= LIBLO_SHARE),
      });
    }
  }
  return { tables, goals };
}

function isOurs(name: string): boolean {
  return name.startsWith("oscine");
}

function runScript(name: string): Record<string, number> {
  const script = fileURLToPath(new URL("fresh.ts", import.meta.url));
  return JSON.parse(execFileSync(process.execPath, ["--expose-gc", "--import", "tsx", script, name], { encoding: "utf8" })) as Record<
    string,
    number
  >;
}

function add(samples: Map<string, Record<string, number>[]>, name: string, figures: Record<string, number>): void {
  const all = samples.get(name) ?? [];
  all.push(figures);
  samples.set(name, all);
}
