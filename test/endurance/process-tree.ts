import { readFileSync, readdirSync } from "node:fs";
import { descendants } from "../server/pool-program.ts";

/** What a process and all that it has started take up. */
export interface Sample {
  /** Memory that is in use, in MiB; what processes share counts for each. */
  readonly rss: number;
  readonly processes: number;
  readonly threads: number;
  /** Open file descriptors. */
  readonly files: number;
}

/** Linux only: elsewhere nothing is known. */
export const canSample: boolean = process.platform === "linux";

/** What the process takes up now. Processes that end meanwhile are left out. */
export function sample(pid: number): Sample {
  const sum = { rss: 0, processes: 0, threads: 0, files: 0 };
  for (const each of [pid, ...descendants(pid).map((child) => child.pid)]) {
    try {
      const status = readFileSync(`/proc/${each}/status`, "latin1");
      const files = readdirSync(`/proc/${each}/fd`).length;
      sum.rss += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
      sum.threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
      sum.files += files;
      sum.processes += 1;
    } catch {
      // It has ended.
    }
  }
  return sum;
}

/** How much memory the process and all that it has started take up, in MiB. What several of them share counts once. */
export function memoryHeld(pid: number): number {
  let kib = 0;
  for (const each of [pid, ...descendants(pid).map((child) => child.pid)]) {
    try {
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, "latin1"))?.[1] ?? 0);
    } catch {
      // It has ended.
    }
  }
  return kib / 1024;
}
