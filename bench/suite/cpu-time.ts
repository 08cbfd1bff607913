import { existsSync, readFileSync } from "node:fs";

/** Seconds of processor time that a process has taken so far, in all its threads; NaN where the system has no /proc. */
export function cpuSeconds(pid: number | undefined): number {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return Number.NaN;
  const stat = readFileSync(path, "utf8");
  // Behind the name, which may hold anything: the time in the program, and in the system for it, in hundredths of seconds.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
