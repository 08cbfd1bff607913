import { performance } from "node:perf_hooks";
import { median } from "../suite/report.ts";

/** Something whose speed is measured: `run` does it once for each number from 0 on. */
export interface Subject {
  readonly name: string;
  /** True: what it needs is not brought back into the processor's caches before its time is taken. Default false. */
  readonly cold?: boolean;
  run(index: number): unknown;
}

/** One round of one subject is about this long: less than the time after which the system lets another process in. */
const ROUND_MS = 1;
const WARM_UP_MS = 120;
/** What the subject before has left in the processor's caches is not to count: so many runs, or as many as a round has, come before each round. */
const RUNS_BEFORE = 1000;
/** Subjects with fewer runs in a round are so slow that it makes no difference. */
const FEW_RUNS = 10;

/** What the subjects return, kept so that no work can be left out as unused. */
let kept: unknown;

/**
 * Nanoseconds for one run of each subject: the median of rounds in which the subjects take turns, so that what else the machine does
 * strikes all of them alike.
 */
export function measure(subjects: readonly Subject[], rounds: number): number[] {
  const counts = subjects.map(calibrate);
  const samples: number[][] = subjects.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, subject] of subjects.entries()) {
      const count = counts[i]!;
      if (subject.cold !== true && count >= FEW_RUNS) time(subject, Math.min(count, RUNS_BEFORE));
      samples[i]!.push(time(subject, count));
    }
  }
  return samples.map(median);
}

/** How many runs fill a round, found after the subject has run for long enough to be compiled. */
function calibrate(subject: Subject): number {
  let ns = 0;
  let count = 1;
  for (let spent = 0; spent < WARM_UP_MS; spent += (ns * count) / 1e6) {
    count = Math.min(count * 2, 100_000);
    ns = time(subject, count);
  }
  return Math.max(1, Math.round((ROUND_MS * 1e6) / ns));
}

function time(subject: Subject, count: number): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) kept = subject.run(i);
  const ns = ((performance.now() - start) * 1e6) / count;
  if (kept === undefined) throw new Error(`${subject.name} returned nothing.`);
  return ns;
}
