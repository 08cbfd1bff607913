/** A thread that receives for an async server: what goes through it, and how it ends. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { OscMessage, blob } from "../../src/codec/index.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { nativeSockets } from "../../src/transport/native/self-test.ts";
import { isEven } from "../shared/server-process.ts";
import type { Correspondent } from "../shared/wire.ts";
import { Program } from "./program.ts";

const isNative = !(nativeSockets() instanceof Error);
const running: Program[] = [];
const folder = mkdtempSync(join(tmpdir(), "oscine-receiver-"));
let files = 0;
afterEach(async () => {
  for (const program of running.splice(0)) await program.dispose();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Blocks the event loop of the server, until the function that is returned is called. */
async function block(program: Program, client: Correspondent, then = ""): Promise<() => void> {
  files += 1;
  const path = join(folder, String(files));
  client.send(new OscMessage("/block", [path, then]));
  await program.told("blocked");
  return () => writeFileSync(path, "");
}

function start(options: object = {}, ...parameters: string[]): Program {
  return run("receiver.mjs", JSON.stringify(options), ...parameters);
}

function run(name: string, ...parameters: string[]): Program {
  const program = new Program(name, ...parameters);
  running.push(program);
  return program;
}

type Closed = ServerStats & { readonly resources: readonly string[]; readonly listeners: number };

/** Waits until the system holds nothing that was sent to the server: somebody has received it. */
async function taken(program: Program): Promise<void> {
  // What a client sends now is under way when this turn has ended.
  await new Promise((resolve) => setImmediate(resolve));
  const [, port] = await program.printed(/ready (\d+)/);
  const place = `0100007F:${Number(port).toString(16).toUpperCase().padStart(4, "0")} 00000000:0000`;
  const rows = (): string[] => readFileSync("/proc/net/udp", "latin1").split("\n");
  while (rows().some((row) => row.includes(place) && !row.includes(" 00000000:00000000 "))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test.each([{ native: false }, {}])("where it is not wished, or not possible, the event loop receives: %j", async (options) => {
  const program = start(options);
  const client = await program.client();
  expect(await client.ask("/echo", 1)).toEqual(["/echo", 1]);
  client.send(new OscMessage("/close"));
  expect(await program.told<Closed>("closed")).toMatchObject({ backend: isNative && !("native" in options) ? "native" : "portable" });
});

test("the processes of a cluster share a port, and so use the sockets of Node", async () => {
  const program = run("cluster.mjs");
  expect(await program.ended).toBe(0);
  const [first, second] = JSON.parse(program.lines[0] ?? "[]") as { port: number; backend: string }[];
  expect(first).toMatchObject({ backend: "portable" });
  expect(second).toEqual(first);
});

describe.skipIf(!isNative)("a thread that receives", () => {
  test("takes what comes while the event loop is busy, far more than the system's buffer holds", async () => {
    const program = start({ receiveBufferSize: 128 * 1024 });
    const client = await program.client();
    const goOn = await block(program, client);
    for (let index = 0; index < 3000; index += 1) {
      client.send(new OscMessage("/count"));
      if (index % 100 === 99) await taken(program);
    }
    goOn();
    client.send(new OscMessage("/counted"));
    expect(await client.nextMessages(1)).toEqual([["/counted", 3000, 0]]);
    client.send(new OscMessage("/close"));
    expect(await program.told<Closed>("closed")).toMatchObject({ kernelDropped: 0, handled: 3003, dropped: 0 });
  });

  test("keeps the order of packets, and gives each its reply", async () => {
    const client = await start().client();
    const sent = Array.from({ length: 1000 }, (_, index) => index);
    for (const index of sent) client.send(new OscMessage("/echo", [index]));
    expect((await client.nextMessages(1000)).map(([, index]) => index)).toEqual(sent);
  });

  test("waits where its memory is full, and goes on when there is room", async () => {
    const program = start({ receiveBufferSize: 1024 * 1024 });
    const client = await program.client();
    const goOn = await block(program, client);
    for (let index = 0; index < 25; index += 1) client.send(new OscMessage("/count", [blob(new Uint8Array(60_000))]));
    goOn();
    client.send(new OscMessage("/counted"));
    expect(await client.nextMessages(1)).toEqual([["/counted", 25, 1_500_000]]);
  });

  test("hands on what it has when the server closes: it is dropped, counted and reported", async () => {
    const program = start();
    const client = await program.client();
    const goOn = await block(program, client, "close");
    for (let index = 0; index < 500; index += 1) client.send(new OscMessage("/count"));
    await taken(program);
    goOn();
    const stats = await program.told<Closed>("closed");
    expect(stats).toMatchObject({ received: 501, inProgress: 0 });
    expect(stats.dropped).toBeGreaterThan(300);
    expect(stats).toSatisfy(isEven);
    await program.printed(/^error \{"code":"OSC_DROPPED","limit":"close",/m);
  });

  test("has ended when the server has closed; the port is free, and nothing keeps the process alive", async () => {
    const program = start();
    const client = await program.client();
    client.send(new OscMessage("/close"));
    const { resources, listeners } = await program.told<Closed>("closed");
    expect([resources.filter((name) => /Worker|MessagePort|Immediate/.test(name)), listeners]).toEqual([[], 0]);
    const [, port] = await program.printed(/ready (\d+)/);
    const socket = createSocket("udp4").bind(Number(port), "127.0.0.1");
    await once(socket, "listening");
    socket.close();
    expect(await program.ended).toBe(0);
  });

  test.each([
    ["/exit", 7],
    ["/fail", 1],
  ])("does not hold the process up where that ends otherwise: %s", async (address, code) => {
    const program = start();
    (await program.client()).send(new OscMessage(address));
    expect(await program.ended).toBe(code);
  });

  test("nor while it is just starting", async () => {
    expect(await start({}, "exit").ended).toBe(7);
  });

  test.each([
    ["/throw", "the trap"],
    ["/leave", "exit code 3"],
  ])("that ends by itself is replaced, as often as that happens; what is in its memory is handled: %s", async (address, cause) => {
    const program = run("mortal-receiver.mjs");
    const client = await program.client();
    const goOn = await block(program, client);
    for (let index = 0; index < 500; index += 1) client.send(new OscMessage("/count"));
    await taken(program);
    client.send(new OscMessage(address));
    await taken(program);
    for (let index = 0; index < 500; index += 1) client.send(new OscMessage("/count"));
    goOn();
    expect(await program.told("error")).toMatchObject({ code: "OSC_THREAD_FAILED", cause: expect.stringContaining(cause) });
    client.send(new OscMessage(address));
    await program.printed(/(^error .*\n[^]*){2}/m);
    client.send(new OscMessage("/counted"));
    expect(await client.nextMessages(1)).toEqual([["/counted", 1000, 0]]);
    client.send(new OscMessage("/close"));
    expect(await program.told<Closed>("closed")).toMatchObject({
      kernelDropped: 0,
      handled: 1003,
      dropped: 0,
      faults: 2,
      listeners: 0,
    });
    expect(await program.ended).toBe(0);
  });

  test("that has ended by itself does not hold up the end of the server", async () => {
    const program = run("mortal-receiver.mjs", "{}", "close");
    (await program.client()).send(new OscMessage("/throw"));
    expect(await program.told<Closed>("closed")).toMatchObject({ faults: 1, listeners: 0 });
    expect(await program.ended).toBe(0);
  });
});
