/**
 * What does it cost to load Oscine, in a program and in a page?
 *
 *     npm run bench -- startup [--json] [--quick]
 *
 * Programs take turns. Each reports its own CPU time as it exits; the median counts, and of the differences that within each round.
 * Sizes are those of minified bundles, compressed with gzip -9.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundles, peerBundles } from "./suite/bundle-size.ts";
import { compiledPath } from "./suite/compiled.ts";
import { benchOptions } from "./suite/options.ts";
import { hasNpmPeers } from "./suite/peers.ts";
import { finish, type Goal, median } from "./suite/report.ts";

const options = benchOptions();
const ROUNDS = options.quick ? 7 : 31;

const folder = mkdtempSync(join(tmpdir(), "oscine-startup-"));
const file = (name: string, code: string): string => {
  writeFileSync(join(folder, name), code);
  return join(folder, name);
};
const probe = file(
  "probe.cjs",
  `process.on("exit", () => { const { user, system } = process.cpuUsage(); require("fs").writeSync(2, "\\n" + (user + system)); });`,
);

const PROGRAMS = [
  { name: "node -e 0", words: ["-e", "0"] },
  { name: "an empty module", words: [file("empty.mjs", "")] },
  { name: 'import "oscine"', words: [file("all.mjs", `import ${JSON.stringify(compiledPath("index.js"))};`)] },
  { name: 'import "oscine/codec"', words: [file("codec.mjs", `import ${JSON.stringify(compiledPath("codec.js"))};`)] },
  { name: "oscine send", words: [compiledPath("cli.js"), "send", "127.0.0.1:9", "/a", "1"] },
] as const;

/** What the environment tells Node to load isn't ours. */
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...env } = process.env;

const times = PROGRAMS.map((): number[] => []);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [index, { name, words }] of PROGRAMS.entries()) {
    const { status, stderr } = spawnSync(process.execPath, ["--require", probe, ...words], { env, encoding: "utf8" });
    if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
    times[index]!.push(Number(stderr.split("\n").at(-1)) / 1000);
  }
}
rmSync(folder, { recursive: true });

const [nothing = [], empty = [], all = [], , send = []] = times;
const more = (program: readonly number[], than: readonly number[]): number => median(program.map((took, round) => took - than[round]!));
const sizes = await bundles();
const [codec, , , browser] = sizes.map(({ bytes }) => bytes / 1000);
const others = hasNpmPeers() ? await peerBundles() : [];

const goals: Goal[] = [
  atMost('`import "oscine"`: CPU time over an empty module', more(all, empty), 25, "ms"),
  atMost("`oscine send`: CPU time over `node -e 0`", more(send, nothing), 60, "ms"),
  atMost("`oscine/codec` in a page", codec!, 9, "kB"),
  atMost("all of `oscine/browser` in a page", browser!, 28, "kB"),
];
finish(
  {
    benchmark: "startup",
    tables: [
      {
        title: "CPU time of a whole process",
        columns: ["ms", "more than node -e 0"],
        rows: PROGRAMS.map(({ name }, index) => ({ name, cells: [median(times[index]!), more(times[index]!, nothing)] })),
      },
      {
        title: "Size in a page",
        note: "kB, minified and compressed with gzip. node-osc reads fewer types and needs Node's Buffer; osc includes a package for 64-bit integers, osc-js its sockets.",
        columns: ["kB"],
        rows: [...sizes, ...others].map(({ name, bytes }) => ({ name, cells: [bytes / 1000] })),
      },
    ],
    goals,
  },
  options,
);

function atMost(what: string, measured: number, floor: number, unit: string): Goal {
  return { goal: `${what}: at most ${floor} ${unit}`, measured: `${measured.toFixed(1)} ${unit}`, met: measured <= floor };
}
