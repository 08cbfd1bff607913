import { readFileSync, readlinkSync } from "node:fs";

/** The number by which the system knows the thread that asks; null where it does not tell, as beyond Linux. */
export function systemThreadId(): number | null {
  try {
    const id = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
    return Number.isSafeInteger(id) ? id : null;
  } catch {
    return null;
  }
}

/** Whether a thread of this process has a processor or waits for one, and for nothing else; false where that is not known. */
export function isRunnable(systemId: number): boolean {
  try {
    const stat = readFileSync(`/proc/self/task/${systemId}/stat`, "latin1");
    // Its name stands in parentheses, and may hold some.
    return stat.charAt(stat.lastIndexOf(")") + 2) === "R";
  } catch {
    return false;
  }
}
