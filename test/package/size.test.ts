import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { bundles } from "../../bench/suite/bundle-size.ts";
import { compiledPath } from "../../bench/suite/compiled.ts";

/** What each bundle may have at most, in bytes by gzip: a little more than it has. To raise one is a decision, to be taken when it is needed. */
const BUDGETS = [4000, 8900, 7400, 5400, 27_500, 14_700, 5700, 2900];

test("what a page has to load stays within its budget", async () => {
  const sizes = await bundles();
  expect(sizes).toHaveLength(BUDGETS.length);
  for (const [index, { name, bytes }] of sizes.entries()) {
    expect(bytes, name).toBeGreaterThan(1000);
    expect(bytes, name).toBeLessThan(BUDGETS[index] ?? 0);
  }
});

describe('what import "oscine" loads in Node', () => {
  test("are few files of ours, within their budget", () => {
    const files = loadedAtOnce(compiledPath("index.js"));
    expect(files.length).toBeLessThanOrEqual(3);
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThan(267_000);
  });
});

test("stack traces show the names of functions, classes and private methods, though variables have short ones", () => {
  const source = readFileSync(new URL("../../src/client/connection.ts", import.meta.url), "utf8");
  const compiled = readFileSync(compiledPath("node.js"), "utf8");
  const methods = [...source.matchAll(/^ {2}(?:async )?(#\w+\()/gm)].map(([, name]) => name);
  expect(methods.length).toBeGreaterThan(5);
  expect(methods.filter((name = "") => !new RegExp(`^\t(?:async )?${name.replace("(", "\\(")}`, "m").test(compiled))).toEqual([]);
  expect(compiled).toMatch(/^var Connection = class/m);
  expect(compiled).toMatch(/^async function lookUp\(\w, \w\)/m);
});

/** A compiled file, and all that are loaded before it runs. */
function loadedAtOnce(file: string, seen: string[] = []): readonly string[] {
  if (seen.includes(file)) return seen;
  seen.push(file);
  for (const [, to] of readFileSync(file, "utf8").matchAll(/^(?:import|export) (?:[^;]* from )?"(\.[^"]+)";$/gm)) {
    loadedAtOnce(join(dirname(file), to ?? ""), seen);
  }
  return seen;
}
