import { performance } from "node:perf_hooks";
import { median } from "../suite/report.ts";

/** Something to measure: `run` is called with 0, 1, 2 and so on. */
export interface Subject {
  readonly name: string;
  /** True: don't warm the CPU caches before timing it. Default false. */
  readonly cold?: boolean;
  run(index: number): unknown;
}

/** Approximate length of one round of one subject: shorter than the scheduler's time slice. */
const ROUND_MS = 1;
const WARM_UP_MS = 120;
/** Warm-up runs before each round (at most as many as a round has), so that CPU cache contents left by the previous subject don't count. */
const RUNS_BEFORE = 1000;
/** Subjects with fewer runs per round are too slow for this to matter. */
const FEW_RUNS = 10;

/** Keeps the results, so that the compiler can't eliminate the work as unused. */
let kept: unknown;

/**
 * Nanoseconds per run of each subject: the median of rounds in which the subjects alternate, so that other load on the machine affects them
 * equally.
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

/** Number of runs per round, measured after the subject has run long enough to be compiled. */
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
