// Runs once before the tests: the tests of worker threads, child processes and the command line run the compiled package.
import { buildIfOld } from "../scripts/build.mjs";

/** Vitest calls this by its name. */
export async function setup() {
  const complaints = await buildIfOld();
  // Types that are wrong do not stop a test at work; `npm run typecheck`, and the build that `npm test` begins with, do.
  if (complaints !== "") process.stderr.write(`\ndist/ was built with complaints of the compiler:\n${complaints}\n`);
}
