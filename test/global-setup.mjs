// Runs once before the tests: the tests of worker threads, child processes and the command line run dist/.
import { buildIfOld } from "../scripts/build.mjs";

/** Vitest calls this by its name. */
export async function setup() {
  await buildIfOld();
}
