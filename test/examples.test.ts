import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { OscMessage, encode } from "../src/codec/index.ts";
import { OscQueryClient } from "../src/oscquery/index.ts";
import { openWire } from "./shared/wire.ts";
import { steadyPort } from "./steady-port.ts";

const root = new URL("../", import.meta.url);
const copies = new URL("coverage/examples/", root);

/** Which test runs which example, or the examples of which folder. */
const TESTS: Readonly<Record<string, string>> = {
  "async-concurrent.ts": "test/examples.test.ts",
  "async-exclusive.ts": "test/examples.test.ts",
  "blocking-server.ts": "test/server/blocking-example.test.ts",
  "browser-fader/": "test/browser/browser-examples.test.ts",
  "dispatch-client.ts": "test/client/examples.test.ts",
  "dispatcher.ts": "test/dispatch/example.test.ts",
  "forking-server.ts": "test/server/pool-examples.test.ts",
  "kinds/crashing-handler.ts": "test/server/pool-examples.test.ts",
  "kinds/heavy-handlers.ts": "test/server/pool-examples.test.ts",
  "kinds/light-handlers.ts": "test/server/pool-examples.test.ts",
  "nats-front-end.ts": "test/nats/examples.test.ts",
  "nats-worker.ts": "test/nats/examples.test.ts",
  "oscquery.ts": "test/examples.test.ts",
  "phone.ts": "test/browser/browser-examples.test.ts",
  "request.ts": "test/client/examples.test.ts",
  "serial-board.ts": "test/transport/stream.test.ts",
  "simple-client.ts": "test/client/examples.test.ts",
  "tcp-async-server.ts": "test/client/tcp-examples.test.ts",
  "tcp-blocking-server.ts": "test/client/tcp-examples.test.ts",
  "tcp-client.ts": "test/client/tcp-examples.test.ts",
  "tuio.ts": "test/dispatch/bundle-handlers.test.ts",
  "threading-server.ts": "test/server/pool-examples.test.ts",
  "vrchat.ts": "test/interop/discovery.test.ts",
};

test("every example is run by a test", () => {
  const examples = readdirSync(new URL("examples/", root), { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => /\.[cm]?[jt]s$/.test(file));
  const keyOf = (example: string): string =>
    Object.keys(TESTS).find((key) => example === key || (key.endsWith("/") && example.startsWith(key))) ?? "";
  expect(examples.filter((example) => keyOf(example) === "")).toEqual([]);
  for (const example of examples) {
    const file = TESTS[keyOf(example)] ?? "";
    expect(existsSync(new URL(file, root)), file).toBe(true);
    // The file names it, its folder, or the kind that it is an example of.
    const names = [example.replace(/^.*\/|\.ts$/g, ""), /^[^-.]*/.exec(example)?.[0] ?? "", example.split("/")[0]];
    expect(readFileSync(new URL(file, root), "utf8")).toMatch(new RegExp(`\\b(${names.join("|")})\\b`));
  }
});

let running: ChildProcess | null = null;
let copy: URL | null = null;
afterEach(async () => {
  if (running !== null && running.exitCode === null) {
    const ended = once(running, "close");
    running.kill("SIGKILL");
    await ended;
  }
  running = null;
  if (copy !== null) rmSync(fileURLToPath(copy), { force: true });
});

/** Starts a copy of an example that takes no port, with another one, for its own may be in use. */
function start(example: string, port: number, changes: Readonly<Record<string, string>> = {}): { child: ChildProcess; lines: string[] } {
  let source = readFileSync(new URL(`examples/${example}.ts`, root), "utf8");
  for (const [from, to] of Object.entries(port === 0 ? changes : { "const port = 1337;": `const port = ${port};`, ...changes })) {
    expect(source).toContain(from);
    source = source.replace(from, to);
  }
  mkdirSync(copies, { recursive: true });
  copy = new URL(`${example}-${port}.ts`, copies);
  writeFileSync(copy, source);
  const child = spawn(process.execPath, ["--import", "tsx", fileURLToPath(copy)], { stdio: ["ignore", "pipe", "inherit"] });
  running = child;
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  return { child, lines };
}

/** Sends until the program has printed what that makes it print: it does not say when it is ready. */
async function sendUntilPrinted(port: number, { child, lines }: { child: ChildProcess; lines: string[] }): Promise<void> {
  const wire = await openWire("udp", { address: "127.0.0.1", port, family: "IPv4" });
  try {
    while (!lines.includes("/filter: 0.5, low")) {
      if (child.exitCode !== null) throw new Error(`The example ended with code ${child.exitCode}.\n${lines.join("\n")}`);
      wire.sendBytes(encode(new OscMessage("/filter", [0.5, "low"])));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await wire.close();
  }
}

test("examples/async-concurrent.ts counts its rounds, prints messages meanwhile, and ends", async () => {
  const port = await steadyPort();
  const program = start("async-concurrent", port, { "sleep(1000)": "sleep(100)" });
  const ended = once(program.child, "close");
  await sendUntilPrinted(port, program);
  expect((await ended)[0]).toBe(0);
  expect(program.lines.filter((line) => line.startsWith("Loop"))).toEqual(Array.from({ length: 10 }, (_, round) => `Loop ${round}`));
});

test("examples/async-exclusive.ts prints messages and does nothing else", async () => {
  const port = await steadyPort();
  const program = start("async-exclusive", port);
  await sendUntilPrinted(port, program);
  expect(new Set(program.lines)).toEqual(new Set(["/filter: 0.5, low"]));
  expect(program.child.exitCode).toBe(null);
});

test("examples/oscquery.ts answers OSCQuery and clips what it is sent", async () => {
  const { child, lines } = start("oscquery", 0, { "process.argv[2] ?? 1337": "0" });
  await expect.poll(() => lines.length, { timeout: 14_000 }).toBeGreaterThan(0);
  const [, port, url] = /^Send to port (\d+); look at (http:.*)\/mixer$/.exec(lines[0] ?? "") ?? [];
  const remote = await OscQueryClient.connect(url ?? "");
  await remote.set("/mixer/2/gain", 7);
  await expect.poll(() => lines).toContain("/mixer/2/gain 1.00");
  expect(remote.hostInfo).toMatchObject({ name: "Mixer", oscPort: Number(port) });
  await remote.close();
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([0, null]);
});
