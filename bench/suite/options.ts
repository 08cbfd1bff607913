import { parseArgs } from "node:util";

/** The options of every benchmark. */
export interface BenchOptions {
  /** Prints JSON instead of tables. */
  readonly json: boolean;
  /** Fewer rounds: checks that it works, and gives rough results. */
  readonly quick: boolean;
}

export function benchOptions(): BenchOptions {
  const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, quick: { type: "boolean", default: false } } });
  return values;
}
