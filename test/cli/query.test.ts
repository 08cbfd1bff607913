import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Namespace } from "../../src/namespace/index.ts";
import { type OscQueryServer, serveOscQuery } from "../../src/oscquery/index.ts";
import { Tool, runTool } from "./run-tool.ts";

const namespace = new Namespace();
let server: OscQueryServer;
let url = "";
beforeAll(async () => {
  namespace.add("/mixer/1/gain", { types: "f", range: [{ min: 0, max: 1 }], unit: "gain.linear", value: [0.5], description: "Fader" });
  namespace.add("/mixer/name", { types: "s", access: "read", value: ["Front \u001b[31m"] });
  namespace.add("/go", { types: "" });
  server = await serveOscQuery(namespace);
  url = server.url.replace("http://", "");
});
afterAll(() => server.close());

test("oscine query lists methods with types, values, ranges and units", async () => {
  const { code, out } = await runTool("query", url);
  expect(code).toBe(0);
  expect(out).toMatch(/^\/mixer\/1\/gain +,f +0\.5 {3}0\.\.1 {3}gain\.linear {3}Fader$/m);
  expect(out).toMatch(/^\/mixer\/name +,s +"Front .* {3}read$/m);
  expect(out).not.toContain("\u001b");
  expect((await runTool("query", url, "/mixer/1")).out.trim().split("\n")).toHaveLength(1);
});

test("oscine query --json prints one object per method", async () => {
  const { out } = await runTool("query", server.url, "/mixer/1/gain", "--json");
  expect(JSON.parse(out)).toMatchObject({
    address: "/mixer/1/gain",
    types: "f",
    value: [0.5],
    access: "readwrite",
    range: [{ min: 0, max: 1 }],
  });
});

test("oscine serve --query serves a module's described methods", async () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-query-"));
  const module = join(folder, "handlers.mjs");
  writeFileSync(
    module,
    `import { Dispatcher } from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
    const dispatcher = new Dispatcher();
    dispatcher.map("/gain", { types: "f", value: [0.5] }, (address, gain) => console.log(address, gain));
    export default dispatcher;`,
  );
  await using serving = new Tool(["serve", module, "--port", "0", "--query"]);
  const found = await serving.saysErr(/^OSCQuery: (http:\/\/127\.0\.0\.1:\d+)\/$/m);
  expect((await runTool("query", found[1] ?? "")).out).toMatch(/^\/gain +,f +0\.5/m);
  await runTool("query", found[1] ?? "", "/gain", "--set", "1");
  await serving.saysOut(/^\/gain 1$/m);
  expect((await serving.signal("SIGINT").ended).code).toBe(0);
  rmSync(folder, { recursive: true });
});

test("oscine query --set sets a value, and --watch prints it", async () => {
  await using watch = new Tool(["query", url, "/mixer", "--watch"]);
  await watch.saysOut(/gain +,f +0\.5/);
  await expect.poll(() => server.stats().listeners).toBeGreaterThan(0);
  expect((await runTool("query", url, "/mixer/1/gain", "--set", "1")).code).toBe(0);
  await watch.saysOut(/gain +,f +1\.0/);
  expect((await watch.signal("SIGINT").ended).code).toBe(0);
});

test.each([
  [["serve", "--query"], 2, /name the module/],
  [["serve", "--advertise"], 2, /add --query/],
  [["query"], 2, /takes the URL/],
  [["query", "not a url"], 2, /URL of an OSCQuery server/],
  [["query", "127.0.0.1:9"], 1, /doesn't answer/],
  [["find", "--type", "http"], 2, /--type must be osc\.udp, osc\.tcp or oscquery/],
])("%j exits with code %i and reports why", async (words, code, message) => {
  const ended = await runTool(...words);
  expect(ended.err).toMatch(message);
  expect(ended.code).toBe(code);
});

test("oscine query reports a missing method", async () => {
  const { code, err } = await runTool("query", url, "/nothing");
  expect([code, err]).toEqual([1, "No method at /nothing or below it.\n"]);
});
