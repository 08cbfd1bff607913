/** Clients that ask and don't read: who loses the connection, and what the processes of a server really hold. */
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { encodeFrame } from "../../src/framing/index.ts";
import { canSample, memoryHeld } from "../endurance/process-tree.ts";
import { type Kind, ServerProcess, isEven } from "./server-process.ts";
import type { TransportName } from "./wire.ts";

const MIB = 1024 * 1024;
const KINDS: readonly Kind[] = ["async", "blocking", "threading", "forking"];

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step();
});

async function start(kind: Kind, transport: TransportName, options: object): Promise<ServerProcess> {
  const path = join(tmpdir(), `oscine-${process.pid}-unread.sock`);
  const server = await ServerProcess.start(kind, transport, transport === "unix" ? { path, ...options } : options);
  cleanUp.push(() => server.dispose());
  return server;
}

/** A client that decides itself what it sends and whether it reads. */
interface Stranger {
  /** Sends a whole packet. */
  send(packet: Uint8Array): void;
  /** Sends a packet but for its second half, and resolves when that has gone out; then the rest can be sent. */
  sendHalf(packet: Uint8Array): Promise<() => void>;
  /** Reads from now on. */
  read(): void;
  /** How many bytes it has read. */
  readonly bytesRead: number;
  readonly isOver: boolean;
}

async function stranger(transport: TransportName, server: ServerProcess): Promise<Stranger> {
  return transport === "websocket" ? websocketStranger(server) : streamStranger(server);
}

async function streamStranger({ address: { address, port, family } }: ServerProcess): Promise<Stranger> {
  const socket: Socket = family === "unix" ? connect(address) : connect(port, address);
  socket.on("error", () => undefined);
  cleanUp.push(() => socket.destroy());
  await once(socket, "connect");
  socket.pause();
  return {
    send: (packet) => void socket.write(encodeFrame(packet, "1.0")),
    sendHalf: async (packet) => {
      const frame = encodeFrame(packet, "1.0");
      const half = frame.length >> 1;
      await new Promise<void>((resolve) => socket.write(frame.subarray(0, half), () => resolve()));
      return () => void socket.write(frame.subarray(half));
    },
    read: () => void socket.resume(),
    get bytesRead() {
      return socket.bytesRead;
    },
    get isOver() {
      return socket.closed;
    },
  };
}

async function websocketStranger({ address: { address, port } }: ServerProcess): Promise<Stranger> {
  const socket = new WebSocket(`ws://${address}:${port}`);
  socket.on("error", () => undefined);
  cleanUp.push(() => socket.terminate());
  await once(socket, "open");
  socket.pause();
  let bytesRead = 0;
  socket.on("message", (data: Buffer) => (bytesRead += data.length));
  return {
    send: (packet) => socket.send(packet),
    sendHalf: async (packet) => {
      const half = packet.length >> 1;
      await new Promise<void>((resolve) => socket.send(packet.subarray(0, half), { fin: false, binary: true }, () => resolve()));
      return () => socket.send(packet.subarray(half), { fin: true, binary: true });
    },
    read: () => socket.resume(),
    get bytesRead() {
      return bytesRead;
    },
    get isOver() {
      return socket.readyState === WebSocket.CLOSED;
    },
  };
}

// Windows has no Unix sockets with a path of their own choice.
const STREAMS: readonly TransportName[] = process.platform === "win32" ? ["tcp-1.0"] : ["tcp-1.0", "unix"];
const grid: { readonly kind: Kind; readonly transport: TransportName }[] = [
  ...KINDS.flatMap((kind) => STREAMS.map((transport) => ({ kind, transport }))),
  { kind: "async", transport: "websocket" },
];

describe.each(grid)("unread replies of the $kind server over $transport", ({ kind, transport }) => {
  test("cost the client that leaves the most its connection, and no other", async () => {
    const server = await start(kind, transport, { maxMemory: 8 * MIB, maxBuffered: 64 * MIB, maxReports: 1000 });
    const polite = await server.connect();
    // Each holds some 400 kB, because the server has half a packet of it.
    const modest = await Promise.all(Array.from({ length: 8 }, () => stranger(transport, server)));
    const half = encode(new OscMessage("/size", [new Uint8Array(400_000)])).slice();
    const finish = await Promise.all(modest.map((client) => client.sendHalf(half)));
    const greedy = await stranger(transport, server);
    for (let asked = 0; asked < 4; asked += 1) greedy.send(encode(new OscMessage("/bytes", [400_000, 16])).slice());
    await server.until(() => server.errors.some(({ limit }) => limit === "maxMemory"));
    expect(await polite.ask("/echo", 1)).toEqual(["/echoed", 1]);
    for (const client of modest) client.read();
    for (const rest of finish) rest();
    await expect.poll(() => modest.map(({ bytesRead }) => bytesRead > 400_000), { timeout: 20_000 }).toEqual(modest.map(() => true));
    const evictions = server.errors.filter(({ limit }) => limit === "maxMemory");
    expect(evictions).toMatchObject([{ code: "OSC_DROPPED", client: { family: transport === "unix" ? "unix" : "IPv4" } }]);
    // What it had asked for before is still answered, to nobody.
    const { evicted, connectionsEnded } = await server.account(polite);
    expect([evicted, connectionsEnded]).toEqual([1, 1]);
    expect(await server.quit(polite)).toSatisfy(isEven);
  }, 40_000);
});

/** The servers' `maxMemory`, in MiB. */
const MAX_MIB = 24;
/**
 * In MiB: how much more than that may be held by garbage and by replies under way, in the thread or process of a handler and in the one
 * that owns the sockets. test/transport/held-memory.test.ts measures the others.
 */
const BEYOND = { blocking: 200, forking: 300 } as const;

describe.runIf(canSample).each(["blocking", "forking"] as const)("the %s server beside 30 clients that don't read", (kind) => {
  test("holds no more than maxMemory and a fixed part, ends the greediest, and answers others", async () => {
    const server = await start(kind, "tcp-1.0", {
      maxMemory: MAX_MIB * MIB,
      maxReports: 1000,
      ...(kind === "forking" ? { maxChildren: 4 } : {}),
    });
    const pid = server.child.pid as number;
    const polite = await server.connect();
    expect(await polite.ask("/echo", 0)).toEqual(["/echoed", 0]);
    const before = memoryHeld(pid);
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, memoryHeld(pid))), 100);
    cleanUp.push(() => clearInterval(timer));
    // 240 MB of replies, of which the buffers of the kernel take a part. A fork takes longer than many replies.
    const [asks, replies] = kind === "forking" ? [1, 40] : [40, 1];
    const greedy = await Promise.all(Array.from({ length: 30 }, () => stranger("tcp-1.0", server)));
    const ask = encode(new OscMessage("/bytes", [200_000, replies])).slice();
    for (const client of greedy) for (let asked = 0; asked < asks; asked += 1) client.send(ask);
    await server.until(() => server.errors.some(({ limit }) => limit === "maxMemory"));
    for (let asked = 1; asked <= 3; asked += 1) expect(await polite.ask("/echo", asked)).toEqual(["/echoed", asked]);
    await expect.poll(async () => (await server.account(polite)).inProgress, { timeout: 60_000, interval: 200 }).toBe(0);
    const { evicted, connectionsEnded } = await server.account(polite);
    expect([evicted, connectionsEnded]).toEqual([evictions(server), evictions(server)]);
    expect(peak - before).toBeLessThan(MAX_MIB + BEYOND[kind]);
    expect(await server.quit(polite)).toSatisfy(isEven);
  }, 100_000);
});

function evictions({ errors }: ServerProcess): number {
  return errors.filter(({ limit }) => limit === "maxMemory").length;
}
