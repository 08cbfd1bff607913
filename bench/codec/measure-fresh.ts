import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compileProgram } from "../suite/c-program.ts";
import { hasNpmPeers } from "../suite/peers.ts";
import { geometricMean, type Goal, median, type Table } from "../suite/report.ts";
import { CONTESTANTS } from "./fresh-contestants.ts";
import { freshWorkloads } from "./fresh-workloads.ts";

const DIRECTIONS = ["encode", "decode"] as const;
const LIBLO = "liblo (C)";
/** At least so many times as fast as the fastest JavaScript package. */
const LEAD = 4;

/**
 * Measures all contestants with packets that nobody has seen before, a process for each, in turns.
 *
 * @param passes how often each has its turn; the median counts
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
  const tables = DIRECTIONS.map((direction) => ({
    title: `${direction} packets never seen before, nanoseconds`,
    note: "Every packet is built from new values, encoded and decoded once. The time to build it from the values counts.",
    columns: [...workloads, "geometric mean"],
    rows: [...samples.keys()].map((name) => {
      const cells = workloads.map((workload) => figure(name, workload, direction));
      return { name, cells: [...cells.map((cell) => cell ?? null), geometricMean(cells) ?? null] };
    }),
  }));
  const rivals = names.filter((name) => !isOurs(name));
  const goals = (rivals.length === 0 ? [] : DIRECTIONS).map((direction) => {
    const leads = workloads.map((workload) => {
      const ours = Math.min(...names.filter(isOurs).map((name) => figure(name, workload, direction)!));
      return Math.min(...rivals.map((name) => figure(name, workload, direction)!)) / ours;
    });
    return {
      goal: `${direction} packets never seen before: at least ${LEAD} times the fastest JavaScript package in every workload`,
      measured: workloads.map((workload, i) => `${workload} ${leads[i]!.toFixed(1)}`).join(", "),
      met: leads.every((lead) => lead >= LEAD),
    };
  });
  return { tables, goals };
}

function isOurs(name: string): boolean {
  return name.startsWith("oscine");
}

function runScript(name: string): Record<string, number> {
  const script = fileURLToPath(new URL("fresh.ts", import.meta.url));
  return JSON.parse(execFileSync(process.execPath, ["--import", "tsx", script, name], { encoding: "utf8" })) as Record<string, number>;
}

function add(samples: Map<string, Record<string, number>[]>, name: string, figures: Record<string, number>): void {
  const all = samples.get(name) ?? [];
  all.push(figures);
  samples.set(name, all);
}
