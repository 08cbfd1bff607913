import { cpus } from "node:os";
import { median, type Goal, type Plot, type Table } from "../suite/report.ts";
import { Deployment } from "./deployment.ts";

const WORKERS = [1, 2, 4, 8];
/** Maximum number of concurrently sleeping handlers per worker. */
const CONCURRENCY = 8;
const LOADS = [
  { name: "sleep", address: "/sleep", outstanding: 3 * CONCURRENCY },
  { name: "burn", address: "/burn", outstanding: 8 },
] as const;
const DELIVERIES = ["at-most-once", "at-least-once"] as const;

interface Line {
  readonly load: (typeof LOADS)[number]["name"];
  readonly delivery: (typeof DELIVERIES)[number];
  /** Messages handled per second, for each number of workers. */
  readonly rates: number[];
}

/** Slow handlers with an increasing number of workers. */
export interface Scaling {
  readonly table: Table;
  readonly plot: Plot;
  readonly goals: readonly Goal[];
}

export async function measureScaling({ seconds, rounds }: { readonly seconds: number; readonly rounds: number }): Promise<Scaling> {
  const lines: Line[] = [];
  for (const delivery of DELIVERIES) {
    const own = LOADS.map(({ name }): Line => ({ load: name, delivery, rates: [] }));
    await using deployment = await Deployment.start({ delivery, concurrency: CONCURRENCY }, 1);
    for (const workers of WORKERS) {
      await deployment.growTo(workers);
      for (const [index, { address, outstanding }] of LOADS.entries()) {
        await deployment.client.keep(address, outstanding * workers, seconds / 4); // warm
        const all: number[] = [];
        for (let round = 0; round < rounds; round += 1) {
          all.push(await deployment.client.keep(address, outstanding * workers, seconds));
        }
        own[index]?.rates.push(median(all));
      }
      console.error(`${delivery}: ${workers} workers`);
    }
    lines.push(...own);
  }
  return { table: tableOf(lines), plot: plotOf(lines), goals: lines.map(goalOf) };
}

function tableOf(lines: readonly Line[]): Table {
  const cores = cpus().length;
  return {
    title: "Slow handlers, calls per second, by number of workers",
    note: `Each worker is a process; it runs up to ${CONCURRENCY} handlers that sleep for 20 ms, or one that uses 5 ms of CPU time. ${cores} cores for all: client, front end, nats-server and workers, so burning handlers can't have more than ${cores * 200} per second.`,
    columns: WORKERS.map(String),
    rows: lines.map(({ load, delivery, rates }) => ({
      name: `${load === "sleep" ? "sleep 20 ms" : "burn 5 ms"}, ${delivery}`,
      cells: rates.map(Math.round),
    })),
  };
}

function plotOf(lines: readonly Line[]): Plot {
  return {
    file: "nats-workers",
    title: `Handled by workers of NATS on ${cpus().length} cores`,
    x: "workers",
    y: "per s",
    lines: lines.map(({ load, delivery, rates }) => ({
      name: `${load}, ${delivery === "at-most-once" ? "at most" : "at least"} once`,
      points: rates.map((rate, index) => [WORKERS[index] ?? Number.NaN, rate] as const),
    })),
  };
}

/** Sleeping handlers don't use the cores; burning handlers scale until there is one worker per core. */
function goalOf({ load, delivery, rates }: Line): Goal {
  const cores = cpus().length;
  const most = load === "sleep" ? 8 : Math.max(...WORKERS.filter((workers) => workers <= cores));
  const [one = Number.NaN] = rates;
  const many = rates[WORKERS.indexOf(most)] ?? Number.NaN;
  return {
    goal: `${load}, ${delivery}: ${most} workers handle at least ${(most * 0.8).toFixed(1)} times what one does`,
    measured: `${(many / one).toFixed(1)} times: ${Math.round(many)}/s beside ${Math.round(one)}/s`,
    met: many >= most * 0.8 * one,
  };
}
