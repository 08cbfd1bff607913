import { existsSync, readFileSync } from "node:fs";

/** CPU time of a process so far, in seconds, of all its threads; NaN if the system has no /proc. */
export function cpuSeconds(pid: number | undefined): number {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return Number.NaN;
  const stat = readFileSync(path, "utf8");
  // After the name, which may contain anything: user and system time, in hundredths of seconds.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
