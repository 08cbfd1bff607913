/**
 * Runs benchmarks, each in a separate process:
 *
 *     npm run bench                                     the benchmarks of the floors, about 15 minutes
 *     npm run bench -- codec|dispatch|udp|kinds|tcp|startup|latency|nats|play|oscquery [--json] [--quick]
 *
 * Each prints tables, or JSON with `--json`, and stores its JSON in bench/results, from which `npm run bench:docs` fills
 * docs/performance.md. `--quick` takes a few seconds and gives rough results.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { BENCHMARKS, FLOORS } from "./suite/benchmarks.ts";

const words = process.argv.slice(2);
const flags = words.filter((word) => word.startsWith("--"));
const names = words.filter((word) => !word.startsWith("--"));
const unknown = names.filter((name) => !BENCHMARKS.includes(name));

if (unknown.length > 0) {
  console.error(`Unknown benchmark: ${unknown.join(", ")}. The benchmarks are ${BENCHMARKS.join(", ")}.`);
  process.exitCode = 2;
} else {
  for (const name of names.length > 0 ? names : FLOORS) {
    if (names.length !== 1) console.error(`\n== ${name}`);
    const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
    const { status } = spawnSync(process.execPath, ["--import", "tsx", "--expose-gc", script, ...flags], { stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
}
