import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { OscMessage, TimeTag, encode } from "../../src/index.ts";
import { describeWith } from "./programs.ts";

/** The columns of the comparison that can be tried here: packages of npm, which the benchmarks install. */

const bench = new URL("../../bench/", import.meta.url);
const load = createRequire(bench);
const PEERS = {
  name: "npm packages",
  install: "npm install --prefix bench",
  isPresent: () => existsSync(new URL("node_modules/osc-js/", bench)),
  isOptional: true,
};
/** The names of the packages, by the headings of their columns. */
const NAMES: Readonly<Record<string, string>> = { "osc.js": "osc", "osc-js": "osc-js", "node-osc": "node-osc", "osc-min": "osc-min" };

/** A value of each type tag. An array stands under its opening bracket. */
const VALUES: Readonly<Record<string, ConstructorParameters<typeof OscMessage>[1]>> = {
  i: 5,
  f: 0.5,
  s: "x",
  b: new Uint8Array([1, 2, 3]),
  h: 5n,
  d: 0.25,
  t: new TimeTag(3_900_000_000, 5),
  S: "symbol",
  c: "a",
  r: { r: 1, g: 2, b: 3, a: 4 },
  m: [[1, 2, 3, 4]],
  T: true,
  F: false,
  N: null,
  I: Infinity,
  "[]": [[1, 2]],
  // An array within another.
  "[[]]": [[1, [2]]],
};

describeWith([PEERS], "the table of libraries", () => {
  const rows = tableOf(readFileSync(new URL("../../docs/comparison.md", import.meta.url), "utf8"));

  test.each(Object.entries(NAMES))("has the version of %s that the benchmarks use", (column, name) => {
    const { version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, bench), "utf8")) as { version: string };
    expect(rows.get("version")?.get(column)).toBe(version);
  });

  test.each(Object.keys(NAMES))("says which type tags %s reads", async (column) => {
    const read = await readerOf(column);
    const tags = Object.keys(VALUES).filter((tag) => {
      const types = { "[]": "[ii]", "[[]]": "[i[i]]" }[tag] ?? tag;
      const value = VALUES[tag] ?? null;
      const args = Array.isArray(value) ? value : [value];
      // Ints on both sides: a type of which nothing is known would move what follows.
      const message = new OscMessage("/a", [7, ...args, 9], `i${types}i`);
      try {
        const values = read(encode(message).slice());
        return values.length === 3 && JSON.stringify(values[2], plainly).includes("9");
      } catch {
        return false;
      }
    });
    expect(tags).toEqual(tagsOf(rows.get("reads")?.get(column) ?? ""));
  });

  test.each(Object.keys(NAMES))("says whether require() loads %s", (column) => {
    const loads = ((): boolean => {
      try {
        load(NAMES[column] ?? "");
        return true;
      } catch {
        return false;
      }
    })();
    expect(rows.get("loaded by")?.get(column)).toBe(loads ? "both" : "`import`");
  });
});

type Reader = (bytes: Uint8Array) => readonly unknown[];

async function readerOf(column: string): Promise<Reader> {
  switch (column) {
    case "osc.js": {
      const { readPacket } = load("osc") as { readPacket: (bytes: Uint8Array, options: object) => { args: unknown[] } };
      return (bytes) => readPacket(bytes, {}).args;
    }
    case "osc-js": {
      const { Message } = load("osc-js") as { Message: new () => { unpack(view: DataView): void; args: unknown[] } };
      return (bytes) => {
        const message = new Message();
        message.unpack(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        return message.args;
      };
    }
    case "node-osc": {
      const { decode } = load("node-osc") as { decode: (bytes: Buffer) => { args: unknown[] } };
      return (bytes) => decode(Buffer.from(bytes)).args;
    }
    default: {
      const file = new URL("node_modules/osc-min/dist/index.js", bench).href;
      const { fromBuffer } = (await import(file)) as { fromBuffer: (bytes: Uint8Array) => { args: unknown[] } };
      return (bytes) => fromBuffer(bytes).args;
    }
  }
}

/** `all`, `all but …`, or the tags themselves. */
function tagsOf(cell: string): string[] {
  const all = Object.keys(VALUES);
  const named = /`(.*)`/.exec(cell)?.[1]?.split(" ") ?? [];
  if (cell === "all") return all;
  return all.filter((tag) => named.includes(tag) !== cell.startsWith("all but"));
}

/** The cells of the table of libraries, by row and column. */
function tableOf(readme: string): Map<string, Map<string, string>> {
  const lines = readme.split(/\r?\n/);
  const first = lines.findIndex((line) => line.startsWith("| | Oscine |"));
  const cellsOf = (line: string): string[] =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const columns = cellsOf(lines[first] ?? "");
  const rows = new Map<string, Map<string, string>>();
  for (const line of lines.slice(first + 2)) {
    if (!line.startsWith("|")) break;
    const [name = "", ...cells] = cellsOf(line);
    rows.set(name, new Map(cells.map((cell, index) => [columns[index + 1] ?? "", cell])));
  }
  return rows;
}

function plainly(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
