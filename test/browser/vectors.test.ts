import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeWith } from "../interop/programs.ts";
import { bundle } from "../../bench/suite/bundle-size.ts";
import { CHROMIUM, TestBrowser } from "./chromium.ts";
import { summarizePackets, summarizePatterns } from "./vector-summary.ts";

function rows<Row>(name: string): Row[] {
  const text = readFileSync(new URL(`../vectors/${name}.jsonl`, import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
}

describeWith([CHROMIUM], "the browser entry in Chromium", () => {
  test("reads and writes every test vector as Node does", async () => {
    const { code } = await bundle('export * from "./test/browser/vector-summary.ts";', "iife");
    const packets = [...rows<{ hex: string }>("packets"), ...rows<{ hex: string }>("malformed")].map(({ hex }) => hex);
    const pairs = rows<{ pattern: string; address: string }>("patterns").map(({ pattern, address }) => [pattern, address] as const);
    await using browser = await TestBrowser.connect();
    await using opened = await browser.open("about:blank");
    await opened.page.addScriptTag({ content: code });
    const inBrowser: unknown = await opened.page.evaluate(`oscine.summarizePackets(${JSON.stringify(packets)})`);
    expect(packets.length).toBeGreaterThan(1300);
    expect(inBrowser).toEqual(summarizePackets(packets));
    // What is valid comes back byte for byte.
    expect((inBrowser as string[]).filter((summary, index) => summary.includes(`"again":"${packets[index]}"`)).length).toBeGreaterThan(
      1200,
    );
    expect(await opened.page.evaluate(`oscine.summarizePatterns(${JSON.stringify(pairs)})`)).toEqual(summarizePatterns(pairs));
    expect(opened.errors).toEqual([]);
  });
});
