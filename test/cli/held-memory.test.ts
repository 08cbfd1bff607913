/** What senders make the command line's programs hold, as the system counts the memory of their processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type Socket, connect } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { encodeFrame } from "../../src/framing/index.ts";
import { steadyPort } from "../steady-port.ts";

const MIB = 1024 * 1024;
const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step();
});

/** A program, and the last that it printed. */
class Tool {
  readonly #child: ChildProcess;
  #printed = "";
  #base = 0;
  readonly #waiting = new Set<() => void>();

  constructor(...words: string[]) {
    const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (text) => {
        this.#printed = `${this.#printed}${String(text)}`.slice(-10_000);
        for (const wake of this.#waiting) wake();
      });
    }
    cleanUp.push(async () => {
      child.kill("SIGKILL");
      await once(child, "close");
    });
  }

  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#printed);
      if (found !== null) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  begin(): void {
    this.#base = this.#memory("VmRSS");
  }

  /** The most resident memory since it began, less what it had then, in MiB. */
  get growth(): number {
    return (this.#memory("VmHWM") - this.#base) / 1024;
  }

  #memory(name: string): number {
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${this.#child.pid}/status`, "latin1"))?.[1]);
  }
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  cleanUp.push(() => socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    socket.write(bytes, () => resolve());
  });
}

const framed = (message: OscMessage): Uint8Array => encodeFrame(encode(message), "1.0").slice();

/** Only Linux says how much memory another process takes. */
describe.skipIf(process.platform !== "linux")("the memory of commands", () => {
  test("dump counts addresses of 500 kB without keeping them", async () => {
    const port = await steadyPort();
    const tool = new Tool(CLI, "dump", `osc.tcp://127.0.0.1:${port}`);
    await tool.prints(/Listening/);
    const socket = await connected(port);
    tool.begin();
    const packet = framed(new OscMessage(`/000/${"x".repeat(500_000)}`));
    for (let index = 0; index < 300; index++) {
      packet.set(Buffer.from(String(index).padStart(3, "0")), "size".length + "/".length);
      await write(socket, packet.slice());
    }
    await write(socket, framed(new OscMessage("/done")));
    await tool.prints(/\/done/);
    // Kept, the addresses alone would be 150 MB; this is the garbage of their texts.
    expect(tool.growth).toBeLessThan(130);
  }, 120_000);

  test("the monitor bounds its history and the queues of pages that don't read", async () => {
    const port = await steadyPort();
    const tool = new Tool(CLI, "monitor", `osc.tcp://127.0.0.1:${port}`);
    const [, pagePort = "", path = ""] = await tool.prints(/http:\/\/127\.0\.0\.1:(\d+)(\/[\w-]+\/)/);
    const pages: Socket[] = [];
    for (let count = 0; count < 8; count++) {
      const page = await connected(Number(pagePort));
      const lines = ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}`];
      page.write([`GET ${path}feed HTTP/1.1`, `Host: 127.0.0.1:${pagePort}`, ...lines, "Sec-WebSocket-Version: 13", "", ""].join("\r\n"));
      const [answer] = (await once(page, "data")) as [Buffer];
      expect(String(answer)).toMatch(/^HTTP\/1\.1 101/);
      pages.push(page.pause());
    }
    const [reader] = pages;
    const isDone = new Promise<void>((resolve) => reader?.on("data", (bytes: Buffer) => bytes.includes("/done") && resolve()));
    const socket = await connected(port);
    tool.begin();
    const packet = framed(new OscMessage("/blob", new Uint8Array(60_000)));
    for (let index = 0; index < 4000; index++) await write(socket, packet);
    await write(socket, framed(new OscMessage("/done")));
    reader?.resume();
    await isDone;
    // 240 MB came; eight pages may wait for 8 MiB each, and each has one more in its socket.
    expect(tool.growth).toBeLessThan(160);
  }, 120_000);

  test("a bridge holds at most maxMemory for all clients while their target is unavailable", async () => {
    const [port, away] = [await steadyPort(), await steadyPort()];
    const source = `import { bridge } from "oscine";
      const options = { maxMemory: ${16 * MIB}, onError: () => {} };
      const open = await bridge("osc.tcp://127.0.0.1:${port}", ["osc.tcp://127.0.0.1:${away}"], options);
      console.log("ready");
      setInterval(() => console.log(JSON.stringify(open.stats())), 20);`;
    const tool = new Tool("--input-type=module", "-e", source);
    await tool.prints(/ready/);
    tool.begin();
    const sockets = await Promise.all(Array.from({ length: 30 }, () => connected(port)));
    // Each packet is another one, because the bridge stops those that come again and again.
    for (let count = 0; count < 1500; count++) sockets[count % 30]?.write(framed(new OscMessage("/blob", [count, new Uint8Array(60_000)])));
    // 90 MB come, and no client has more than its own 16 MiB waiting.
    await tool.prints(/"received":1500,/);
    expect(tool.growth).toBeLessThan(80);
    await tool.prints(/"dropped":[1-9]/);
  }, 120_000);
});
