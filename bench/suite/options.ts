import { parseArgs } from "node:util";

/** What every benchmark can be told. */
export interface BenchOptions {
  /** Prints JSON and not tables. */
  readonly json: boolean;
  /** Fewer rounds: shows that it works, and roughly how things are. */
  readonly quick: boolean;
}

export function benchOptions(): BenchOptions {
  const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, quick: { type: "boolean", default: false } } });
  return values;
}
