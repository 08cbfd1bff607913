/** What clients make a server hold, measured as the resident memory of its process. Each case held several times its bound before there was one. */
import { type ChildProcess, spawn } from "node:child_process";
import { type Socket as UdpSocket, createSocket } from "node:dgram";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, encode } from "../../src/codec/index.ts";
import { encodeFrame } from "../../src/framing/index.ts";
import type { ServerStats } from "../../src/server/index.ts";

const MIB = 1024 * 1024;
const PROGRAM = fileURLToPath(new URL("programs/held-memory.mjs", import.meta.url));

interface Told {
  readonly port: number;
  readonly peak: number;
  readonly rss: number;
  readonly stats: ServerStats;
  /** How many reports there were of a connection that had to go. */
  readonly evictions: number;
}

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step();
});

class Server {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  port = 0;
  /** Resident memory before the attack. */
  base = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  static async start(kind: string, transport: string, options: object): Promise<Server> {
    const child = spawn(process.execPath, [PROGRAM, kind, transport, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
    const server = new Server(child);
    cleanUp.push(async () => {
      child.kill("SIGKILL");
      await once(child, "close");
    });
    server.port = (await server.#next()).port;
    server.base = (await server.measure()).rss;
    return server;
  }

  async measure(): Promise<Told> {
    this.#child.stdin?.write("\n");
    return this.#next();
  }

  /** Waits until the counters say so. */
  async until(condition: (stats: ServerStats) => boolean): Promise<Told> {
    for (;;) {
      const told = await this.measure();
      if (condition(told.stats)) return told;
    }
  }

  async #next(): Promise<Told> {
    const { value } = (await this.#lines.next()) as { readonly value: string };
    return JSON.parse(value) as Told;
  }
}

/** A client that may be disconnected at any time, and reads nothing. */
async function attacker(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  cleanUp.push(() => socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Writes all, or as much as the server reads before it ends the connection. */
function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    socket.write(bytes, () => resolve());
  });
}

async function websocketAttacker(port: number): Promise<Socket> {
  const socket = await attacker(port);
  const key = Buffer.alloc(16, 7).toString("base64");
  socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await once(socket, "data");
  return socket;
}

function times<Item>(count: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

test("connections that announce large packets and stop short are ended, the largest first", async () => {
  // Of the bound below, about 100 MiB are garbage of the reads, which a busy machine collects late.
  const server = await Server.start("Async", "TCP", { maxPacketSize: 16 * MIB, maxMemory: 24 * MIB });
  const sockets = await Promise.all(times(40, () => attacker(server.port)));
  const prefix = Uint8Array.of(1, 0, 0, 0);
  const part = new Uint8Array(1 * MIB).fill(47);
  for (const socket of sockets) await write(socket, prefix);
  for (let round = 0; round < 5; round += 1) await Promise.all(sockets.map((socket) => write(socket, part)));
  const { peak, stats, evictions } = await server.until(({ evicted, connections }) => evicted > 0 && evicted + connections === 40);
  expect(stats.connectionsEnded).toBe(stats.evicted);
  expect(evictions).toBeGreaterThan(0);
  expect(peak - server.base).toBeLessThan(160 * MIB);
}, 60_000);

test("small packets that wait don't keep alive what was read together with them", async () => {
  const server = await Server.start("Async", "TCP", { framing: "1.1" });
  const packet = Buffer.from(encodeFrame(encode(new OscMessage("/never", ["x".repeat(20)])), "1.1"));
  // 64 kB of a frame that is broken at its beginning, and then one packet; so each packet lies in another read.
  const noise = Buffer.alloc(65_000, 0x41);
  noise.set([0xc0, 0xdb, 0x41]);
  const sockets = await Promise.all(times(60, () => attacker(server.port)));
  for (let round = 0; round < 40; round += 1) {
    await Promise.all(sockets.map((socket) => write(socket, Buffer.concat([noise, packet]))));
  }
  const { peak } = await server.until(({ received }) => received === 60 * 40);
  expect(peak - server.base).toBeLessThan(90 * MIB);
}, 60_000);

test("fragments of one byte between pongs don't keep alive what was read together with them", async () => {
  const server = await Server.start("Async", "WebSocket", { maxMemory: 48 * MIB });
  const pong = Buffer.alloc(6 + 125);
  pong.set([0x8a, 0x80 + 125]);
  const filled = (fragment: readonly number[]): Buffer => Buffer.concat([Buffer.from(fragment), ...times(500, () => pong)]);
  const first = filled([0x02, 0x81, 0, 0, 0, 0, 47]);
  const next = filled([0x00, 0x81, 0, 0, 0, 0, 47]);
  const sockets = await Promise.all(times(50, () => websocketAttacker(server.port)));
  await Promise.all(sockets.map((socket) => write(socket, first)));
  for (let round = 0; round < 70; round += 1) {
    await Promise.all(sockets.filter((socket) => !socket.destroyed).map((socket) => write(socket, next)));
  }
  const { peak } = await server.until(({ connections, connectionsEnded }) => connectionsEnded > 0 && connections + connectionsEnded === 50);
  expect(peak - server.base).toBeLessThan(130 * MIB);
}, 60_000);

test.each([
  ["Async", {}, 5_000_000, 250],
  // Each thread has garbage of its own.
  ["Threading", { maxThreads: 4 }, 400_000, 450],
])(
  "replies of the %s server that nobody reads are bounded for all clients together",
  async (kind, options, size, bound) => {
    const server = await Server.start(kind, "TCP", { maxMemory: 48 * MIB, ...options });
    const ask = Buffer.from(encodeFrame(encode(new OscMessage("/large", [size])), "1.0"));
    const sockets = await Promise.all(times(40, () => attacker(server.port)));
    for (const socket of sockets) socket.pause();
    await Promise.all(sockets.map((socket) => write(socket, Buffer.concat(times(40, () => ask)))));
    const { peak } = await server.until(({ evicted, inProgress }) => evicted > 0 && inProgress === 0);
    expect(peak - server.base).toBeLessThan(bound * MIB);
  },
  60_000,
);

test("replies that wait between the threads of a threading server are bounded at the default of maxMemory", async () => {
  const server = await Server.start("Threading", "TCP", { maxThreads: 4 });
  const ask = Buffer.from(encodeFrame(encode(new OscMessage("/large", [200_000])), "1.0"));
  const sockets = await Promise.all(times(60, () => attacker(server.port)));
  for (const socket of sockets) socket.pause();
  await Promise.all(sockets.map((socket) => write(socket, Buffer.concat(times(60, () => ask)))));
  const { peak, stats } = await server.until(({ evicted, inProgress }) => evicted > 0 && inProgress === 0);
  expect(stats.replied * 200_000).toBeGreaterThan(256 * MIB);
  expect(peak - server.base).toBeLessThan(700 * MIB);
}, 60_000);

test("unfinished WebSocket messages are bounded for all clients together, the largest going first", async () => {
  const server = await Server.start("Async", "WebSocket", { maxMemory: 24 * MIB });
  const sockets = await Promise.all(times(40, () => websocketAttacker(server.port)));
  // A binary message of 1 MiB, masked with zeros.
  const head = Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0);
  const part = new Uint8Array(100_000).fill(47);
  for (const socket of sockets) await write(socket, head);
  for (let round = 0; round < 10; round += 1) await Promise.all(sockets.map((socket) => write(socket, part)));
  const { peak, stats } = await server.until(({ evicted, connections }) => evicted > 0 && evicted + connections === 40);
  expect(stats.connectionsEnded).toBe(stats.evicted);
  expect(peak - server.base).toBeLessThan(130 * MIB);
}, 60_000);

async function udpAttacker(port: number): Promise<UdpSocket> {
  const socket = createSocket("udp4");
  cleanUp.push(() => socket.close());
  await new Promise<void>((resolve) => socket.connect(port, "127.0.0.1", resolve));
  return socket;
}

/** Sends so many datagrams, in pieces that the kernel's buffer holds. */
async function flood(server: Server, packet: Uint8Array, count: number): Promise<Told> {
  const socket = await udpAttacker(server.port);
  const arrived = (sent: number) => server.until(({ received, kernelDropped }) => received + (kernelDropped ?? 0) >= sent);
  const AT_ONCE = 40;
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    await Promise.all(times(AT_ONCE, () => new Promise<void>((resolve) => socket.send(packet, () => resolve()))));
    await arrived(sent + AT_ONCE);
  }
  return arrived(count);
}

const later = (bytes: number): Uint8Array =>
  encode(new OscBundle([new OscMessage("/later", [new Uint8Array(bytes)])], TimeTag.in(300_000))).slice();

test.each([
  ["datagrams that wait", encode(new OscMessage("/never", [new Uint8Array(60_000)])).slice(), 2000],
  ["small datagrams that wait", encode(new OscMessage("/never", [1])).slice(), 40_000],
  ["bundles that wait for their time", later(60_000), 2000],
])(
  "%s are bounded by maxMemory, and the others counted as dropped",
  async (_what, packet, count) => {
    const maxMemory = count > 10_000 ? 4 * MIB : 16 * MIB;
    const server = await Server.start("Async", "UDP", { maxMemory });
    const { peak, stats } = await flood(server, packet, count);
    const { received, dropped, waiting, inProgress } = stats;
    expect(received).toBe(dropped + waiting + inProgress);
    expect((waiting + inProgress) * packet.length).toBeLessThanOrEqual(maxMemory);
    expect(dropped).toBeGreaterThan(count / 2);
    expect(peak - server.base).toBeLessThan(110 * MIB);
  },
  60_000,
);
