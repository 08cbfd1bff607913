/**
 * What does it cost to load Oscine, in a process that starts and in a page?
 *
 *     npm run bench -- startup [--json] [--quick]
 *
 * Programs that import it and an empty one take turns; the median counts, of the difference that of each turn. Sizes are those of esbuild's bundles, minified and by
 * gzip -9.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compiledPath } from "./suite/compiled.ts";
import { benchOptions } from "./suite/options.ts";
import { hasNpmPeers } from "./suite/peers.ts";
import { finish, type Goal, median } from "./suite/report.ts";
import { bundles, codecParts, peerBundles } from "./suite/bundle-size.ts";

const options = benchOptions();
const ROUNDS = options.quick ? 7 : 41;

const folder = mkdtempSync(join(tmpdir(), "oscine-startup-"));
const emptyFile = join(folder, "empty.mjs");
writeFileSync(emptyFile, "");

const PROGRAMS = [
  { name: "an empty program", code: "" },
  { name: "import of an empty file", code: `import ${JSON.stringify(emptyFile)}` },
  { name: 'import "oscine"', code: `import ${JSON.stringify(compiledPath("index.js"))}` },
  { name: 'import "oscine/codec"', code: `import ${JSON.stringify(compiledPath("codec/index.js"))}` },
];

/** What Node is told to load besides takes as long as itself, and is none of ours. */
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...env } = process.env;

const times = PROGRAMS.map((): number[] => []);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [index, { code }] of PROGRAMS.entries()) {
    const started = performance.now();
    const { status } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], { env });
    times[index]!.push(performance.now() - started);
    if (status !== 0) throw new Error(`The program ${code} failed.`);
  }
}
rmSync(folder, { recursive: true });
const [empty = [], file = [], all = []] = times;
const overEmpty = (program: readonly number[]): number => median(program.map((took, round) => took - (empty[round] ?? Number.NaN)));
const more = overEmpty(all);
const sizes = await bundles();
const codec = sizes[0]!.bytes;
const parts = await codecParts();
const others = hasNpmPeers() ? await peerBundles() : [];

const goals: Goal[] = [
  verdict(
    '`import "oscine"` takes less than 15 ms more than an empty program',
    `${more.toFixed(1)} ms more`,
    more < 15,
    `260 kB of code are read and parsed, in three files: all that a constructor may need at once. ${overEmpty(file).toFixed(1)} ms go to the first file that a program imports, were it empty`,
  ),
  verdict(
    "`oscine/codec` in a page is at most 9 kB gzipped",
    kilobytes(codec),
    codec <= 9000,
    "It holds every type tag in both directions, with checks, limits, and what real senders do wrong",
  ),
];
finish(
  {
    benchmark: "startup",
    tables: [
      {
        title: "To start and end a process",
        columns: ["ms", "more than empty"],
        rows: PROGRAMS.map(({ name }, index) => ({ name, cells: [median(times[index] ?? []), overEmpty(times[index] ?? [])] })),
      },
      {
        title: "Size in a page",
        note: "kB by gzip, minified. Others follow ours: node-osc knows fewer types and wants the Buffer of Node; osc has a package for 64-bit integers with it, osc-js its sockets.",
        columns: ["kB"],
        rows: [...sizes, ...others].map(({ name, bytes }) => ({ name, cells: [bytes / 1000] })),
      },
      {
        title: "What the bytes of oscine/codec are for",
        note: "kB by gzip, in the measure of their share before it. The sentences of errors are among them.",
        columns: ["kB"],
        rows: parts.map(({ name, bytes }) => ({ name, cells: [bytes / 1000] })),
      },
    ],
    goals,
  },
  options,
);

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(2)} kB`;
}

function verdict(goal: string, measured: string, met: boolean, because: string): Goal {
  return met ? { goal, measured, met } : { goal, measured, met, because };
}
