import { mkdtempSync, rmSync, symlinkSync, mkdirSync, writeFileSync, readFileSync, readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { build as viteBuild } from "vite";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { Rig } from "../server/websocket-fixtures.ts";
import { bundle } from "../../bench/suite/bundle-size.ts";
import { Site } from "./site.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a page has, and nothing of Node. */
function page(): Record<string, unknown> {
  const { TextEncoder, TextDecoder, URL, AbortController, AbortSignal, performance, console } = globalThis;
  const timers = {
    setTimeout: (callback: () => void, delay: number) => Number(setTimeout(callback, delay)),
    clearTimeout: (timer: number) => clearTimeout(timer),
    setInterval: (callback: () => void, delay: number) => Number(setInterval(callback, delay)),
    clearInterval: (timer: number) => clearInterval(timer),
    queueMicrotask,
  };
  return createContext({ TextEncoder, TextDecoder, URL, AbortController, AbortSignal, performance, console, WebSocket, ...timers });
}

describe("bundled for browsers", () => {
  /** Bytes, gzipped. What is more has to be worth it. */
  const budgets: readonly [what: string, program: string, budget: number][] = [
    ["the codec", 'export * from "oscine/codec";', 10_150],
    ["the WebSocket client", 'export { WebSocketClient } from "oscine/browser";', 32_700],
    ["all of the browser entry", 'export * from "oscine/browser";', 39_200],
  ];

  test.each(budgets)("%s holds to its budget", async (_what, program, budget) => {
    const { gzipped } = await bundle(program);
    expect(gzipped).toBeLessThan(budget);
  });

  test("a page that uses no streams loads nothing of them", async () => {
    const streams = (code: string): boolean => code.includes("baudRate");
    expect(streams((await bundle('export { StreamClient } from "oscine/browser";')).code)).toBe(true);
    expect(streams((await bundle('export { WebSocketClient } from "oscine/browser";')).code)).toBe(false);
  });

  // Other bundlers see less than rolldown: esbuild keeps whatever it isn't sure of, and all that this needs.
  test.each(["codec", "address", "framing"])("oscine/%s is as small when esbuild bundles it", async (name) => {
    const program = `export * from "oscine/${name}";`;
    const options = { bundle: true, minify: true, format: "esm", platform: "browser", target: "es2022", write: false } as const;
    const { outputFiles } = buildSync({ ...options, stdin: { contents: program, resolveDir: root } });
    const { gzipped } = await bundle(program);
    expect(gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length).toBeLessThan(gzipped * 1.05);
  });

  test("holds our own files and nothing else, by either name", async () => {
    for (const name of ["oscine/browser", "oscine"]) {
      const { files } = await bundle(`export * from "${name}";`);
      expect(files.filter((file) => !file.startsWith("dist/"))).toEqual([]);
      expect(files).toContain("dist/core.js");
    }
  });

  test("what asks for Node is not bundled, so that the tests above can fail", async () => {
    await expect(bundle('export * from "./dist/index.js";')).rejects.toThrow(/node:/);
  });

  test("works where there is nothing of Node: codec, dispatcher, and a client with its server", async () => {
    const rig = await Rig.serve();
    const { code } = await bundle('export * from "oscine/browser";', "iife");
    const context = page();
    runInContext(code, context);
    const program = `(async (url) => {
      const { Dispatcher, OscMessage, WebSocketClient, decode, encode, float } = oscine;
      const heard = [];
      const dispatcher = new Dispatcher();
      dispatcher.map("/a/*", (address, ...args) => { heard.push([address, ...args]); });
      dispatcher.callHandlersForPacket(encode(new OscMessage("/a/b", [1, float(0.5), "x"])), { address: "", port: 0, family: "IPv4" });
      const client = new WebSocketClient(url);
      const reply = await client.request("/echo", ["from the page"], { replyTo: "/echoed" });
      client.dispatcher.map("/echoed", (address, value) => { heard.push([address, value]); });
      await client.sendMessage("/echo", 2);
      await client.handleMessages({ timeout: 200 });
      await client.close();
      return JSON.stringify([heard, reply.args, client.state, decode(encode(reply)).address]);
    })`;
    const run = runInContext(program, context) as (url: string) => Promise<string>;
    expect(JSON.parse(await run(rig.url()))).toEqual([
      [
        ["/a/b", 1, 0.5, "x"],
        ["/echoed", 2],
      ],
      ["from the page"],
      "closed",
      "/echoed",
    ]);
    expect(rig.errors).toEqual([]);
  });
});

test("Vite bundles it without anything of Node", async () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-vite-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "oscine"), "junction");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "index.html"), '<script type="module" src="/main.js"></script>');
  // By the browser condition of the package's own name.
  writeFileSync(
    join(folder, "main.js"),
    'import { WebSocketClient } from "oscine";\nnew WebSocketClient("ws://127.0.0.1:1/").sendMessage("/a");',
  );
  await viteBuild({ root: folder, logLevel: "silent", configFile: false, build: { outDir: "out", minify: false } });
  const file = readdirSync(join(folder, "out", "assets")).find((name) => name.endsWith(".js")) ?? "";
  const code = readFileSync(join(folder, "out", "assets", file), "utf8");
  expect(code).toContain("handleMessages(");
  expect(builtinModules.filter((name) => code.includes(`"node:${name}"`))).toEqual([]);
  expect(code).not.toContain("__vite-browser-external");
});

describe("the site for tests in a browser", () => {
  test("has the page, the bundle, the files for a plain script, and the vectors; and nothing else", async () => {
    await using site = await Site.open("<!doctype html><title>page</title>");
    const get = async (path: string): Promise<[number, string | null, string]> => {
      const response = await fetch(new URL(path, site.url));
      return [response.status, response.headers.get("content-type"), await response.text()];
    };
    expect(await get("/")).toEqual([200, "text/html; charset=utf-8", "<!doctype html><title>page</title>"]);
    const [, type, code] = await get("/oscine.js");
    expect(type).toMatch(/^text\/javascript/);
    expect(code).toContain("WebSocketClient");
    expect((await get("/test/vectors/packets.jsonl"))[2].split("\n").length).toBeGreaterThan(1000);
    expect((await get("/package.json"))[0]).toBe(404);
    expect((await get("/dist/..%2fpackage.json"))[0]).toBe(404);
  });

  test("has every file that a plain script of type module loads", async () => {
    await using site = await Site.open("");
    const seen = new Set<string>();
    const visit = async (url: string): Promise<void> => {
      if (seen.has(url)) return;
      seen.add(url);
      const response = await fetch(url);
      expect([url, response.status, response.headers.get("content-type")]).toEqual([url, 200, "text/javascript; charset=utf-8"]);
      const code = await response.text();
      for (const [, to = ""] of code.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)";/gm)) await visit(new URL(to, url).href);
    };
    await visit(new URL("/dist/browser.js", site.url).href);
    expect(seen.size).toBeGreaterThan(1);
  });
});
