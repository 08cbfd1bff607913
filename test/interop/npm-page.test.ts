import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { blocksOf } from "../shared/document-blocks.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith } from "./programs.ts";

const packages = fileURLToPath(new URL("../../bench/node_modules", import.meta.url));
const PEERS = {
  name: "npm packages",
  install: "npm install --prefix bench",
  isPresent: () => existsSync(join(packages, "osc-js")),
  isOptional: true,
};

describeWith([PEERS], "the programs of other packages in docs/coming-from-npm.md", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-npm-"));
  beforeAll(() => symlinkSync(packages, join(folder, "node_modules"), "junction"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const blocks = blocksOf(join("docs", "coming-from-npm.md")).filter(({ language }) => language === "js");

  test("are there", () => {
    expect(blocks.length).toBe(3);
  });

  test.each(blocks)("$name hears what it sends itself", async ({ code }) => {
    const port = await steadyPort();
    const file = join(folder, `${port}.cjs`);
    writeFileSync(file, code.replaceAll("1337", String(port)));
    await using program = new RunningProgram(process.execPath, [file]);
    await program.line(/^\/carrier\/frequency \[.*440.*\]$/);
  });
});
