import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { KeptReport } from "../bench/suite/report.ts";
import { withFigures } from "../scripts/readme-figures.ts";

const report: KeptReport = {
  benchmark: "kinds",
  date: "2026-01-02T03:04:05Z",
  node: "v20.20.2",
  machine: "2 cores",
  quick: false,
  goals: [],
  tables: [
    {
      title: "echo",
      columns: ["answered %", "p50 ms"],
      rows: [
        { name: "oscine async", cells: [100, 0.05] },
        { name: "oscine forking", cells: [100, 2] },
        { name: "bare dgram", cells: [100, 0.02] },
      ],
    },
    { title: "wait", columns: ["answered %", "p50 ms"], rows: [{ name: "oscine async", cells: [99.5, 21] }] },
    { title: "trivial", columns: ["packets/s", "p50 ms"], rows: [{ name: "oscine forking", cells: [742, 1.3] }] },
  ],
};

test("figures are put between the marks of their benchmark, with the command that measured them", () => {
  const text = "before\n<!-- figures kinds -->\nold\n<!-- end -->\nafter\n";
  const filled = withFigures(text, [report]);
  expect(filled).toBe(`before
<!-- figures kinds -->

|  | median round trip | wait | trivial |
| --- | ---: | ---: | ---: |
| **oscine async** | **0.05 ms** | **99.5 % after 21 ms** | **–** |
| **oscine forking** | **2 ms** | **–** | **742/s** |

2026-01-02, 2 cores, Node v20.20.2: \`npm run bench -- kinds\`

<!-- end -->
after
`);
  expect(withFigures(filled, [report])).toBe(filled);
});

test("what has not been measured stays as it is", () => {
  const text = "<!-- figures codec -->\nold\n<!-- end -->\n";
  expect(withFigures(text, [report])).toBe(text);
  expect(withFigures(text, [{ ...report, benchmark: "codec", tables: [] }])).toBe(text);
});

test("marks for what nobody measures are refused", () => {
  expect(() => withFigures("<!-- figures love -->\n<!-- end -->\n", [report])).toThrow(/love/);
});

test("docs/comparison.md has figures at every mark, each with its command", () => {
  const readme = readFileSync(new URL("../docs/comparison.md", import.meta.url), "utf8").replaceAll("\r\n", "\n");
  const places = [...readme.matchAll(/<!-- figures (\w+) -->\n(.*?)<!-- end -->/gs)];
  expect(places.map(([, name]) => name)).toEqual(["codec", "kinds"]);
  for (const [, name = "", figures = ""] of places) {
    expect(figures).toMatch(/\| \*\*oscine/);
    expect(figures).toContain(`npm run bench -- ${name}`);
  }
});
