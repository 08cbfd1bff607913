import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compiledPath } from "./compiled.ts";
import { median } from "./report.ts";

const PROGRAMS: readonly { readonly name: string; readonly code?: string; readonly words?: readonly string[] }[] = [
  { name: "node -e 0", words: ["-e", "0"] },
  { name: "an empty module", code: "" },
  { name: 'import "oscine"', code: `import ${JSON.stringify(compiledPath("index.js"))};` },
  { name: 'import "oscine/codec"', code: `import ${JSON.stringify(compiledPath("codec.js"))};` },
  { name: "oscine send", words: [compiledPath("cli.js"), "send", "127.0.0.1:9", "/a", "1"] },
];

export interface StartupTime {
  readonly name: string;
  /** Median CPU time of the whole process, in milliseconds. */
  readonly cpu: number;
  /** The median difference from another program within a round. */
  over(name: string): number;
}

/** The CPU time of whole processes, alternating. Each reports its own as it exits. */
export function startupTimes(rounds: number): StartupTime[] {
  const folder = mkdtempSync(join(tmpdir(), "oscine-startup-"));
  const probe = join(folder, "probe.cjs");
  const report = `const { user, system } = process.cpuUsage(); require("fs").writeSync(2, "\\n" + (user + system));`;
  writeFileSync(probe, `process.on("exit", () => { ${report} });`);
  // Don't measure what the environment makes Node load.
  const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...env } = process.env;
  const times = new Map(PROGRAMS.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { name, code, words = [] }] of PROGRAMS.entries()) {
      const file = join(folder, `${index}.mjs`);
      if (code !== undefined) writeFileSync(file, code);
      const command = ["--require", probe, ...(code === undefined ? words : [file])];
      const { status, stderr } = spawnSync(process.execPath, command, { env, encoding: "utf8" });
      if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
      times.get(name)!.push(Number(stderr.split("\n").at(-1)) / 1000);
    }
  }
  rmSync(folder, { recursive: true });
  return [...times].map(([name, took]) => ({
    name,
    cpu: median(took),
    over: (other) => median(took.map((one, round) => one - times.get(other)![round]!)),
  }));
}
