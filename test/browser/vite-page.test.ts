import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { OscMessage, decode, encode } from "../../src/codec/index.ts";
import { Tool } from "../cli/run-tool.ts";
import { describeWith } from "../interop/programs.ts";
import { CHROMIUM, TestBrowser, type TestPage } from "./chromium.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));

/** A page served by Vite's development server, which speaks to a WebSocket on another port of this machine. */
async function openVitePage(browser: TestBrowser, host: string, script: string): Promise<TestPage> {
  const root = await mkdtemp(join(tmpdir(), "oscine-vite-"));
  await writeFile(
    join(root, "index.html"),
    '<!doctype html><title>Faders</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>',
  );
  await writeFile(join(root, "main.js"), script);
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "silent",
    cacheDir: join(root, ".vite"),
    resolve: { alias: { "oscine/browser": join(DIST, "browser.js") } },
    server: { host, port: 0, fs: { strict: false } },
  });
  await server.listen();
  onTestFinished(async () => {
    await server.close();
    await rm(root, { recursive: true });
  });
  const address = server.httpServer?.address() as AddressInfo | null | undefined;
  return browser.open(`http://${host}:${address?.port}/`);
}

describeWith([CHROMIUM], "a page from Vite", () => {
  let browser: TestBrowser;

  beforeAll(async () => {
    browser = await TestBrowser.connect();
  });

  afterAll(() => browser[Symbol.asyncDispose]());

  test.each(["localhost", "127.0.0.1"])("on %s controls a UDP program through oscine bridge, without any option", async (host) => {
    const synth = createSocket("udp4").bind(0, "127.0.0.1");
    await once(synth, "listening");
    onTestFinished(() => void synth.close());
    synth.on("message", (bytes, { port }) => {
      const { address } = decode(bytes) as OscMessage;
      synth.send(encode(new OscMessage(`${address}.reply`, "ready")), port, "127.0.0.1");
    });
    await using bridge = new Tool(["bridge", "ws://127.0.0.1:0", `osc.udp://127.0.0.1:${synth.address().port}`]);
    const [, port] = await bridge.saysErr(/^Listening on \S+?:(\d+) /m);
    await using page = await openVitePage(
      browser,
      host,
      `import { WebSocketClient } from "oscine/browser";
       const client = new WebSocketClient(\`ws://\${location.hostname}:${port}/\`);
       const reply = await client.request("/status", [], { replyTo: "/status.reply" });
       document.title = reply.args[0];`,
    );
    await page.page.waitForFunction('document.title === "ready"');
    expect(page.errors).toEqual([]);
  });

  test.each(["serve", "dump"])("is heard by oscine %s on ws://", async (command) => {
    await using tool = new Tool([command, "ws://127.0.0.1:0/"]);
    const [, port] = await tool.saysErr(/^Listening on ws:\/\/127\.0\.0\.1:(\d+)\//m);
    await using page = await openVitePage(
      browser,
      "localhost",
      `import { WebSocketClient } from "oscine/browser";
       await new WebSocketClient(\`ws://\${location.hostname}:${port}/\`).sendMessage("/from/page", 1);`,
    );
    await tool.saysOut(/ \/from\/page +,i +1\n/);
    expect(page.errors).toEqual([]);
  });
});
