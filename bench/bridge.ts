/**
 * How much latency does a bridge add? One message at a time over loopback, from one UDP socket to another: directly, through one bridge
 * (UDP to UDP), and through two (UDP to WebSocket, WebSocket to UDP). Each bridge is a separate process.
 *
 *     npm run build && npx tsx bench/bridge.ts [messages]
 *
 * The routes alternate message by message, so that other load on the machine affects them equally.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { OscMessage, encode } from "../src/index.ts";

const [total = 5000] = process.argv.slice(2).map(Number);
const WARM_UP = 500;
const PAUSE_MS = 0.2;
const program = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const children: ChildProcess[] = [];

interface Way {
  readonly name: string;
  readonly port: number;
  readonly microseconds: number[];
}

const receiver = await bound();
const sender = await bound();
const target = `osc.udp://127.0.0.1:${receiver.address().port}`;
const udp = await startBridge("osc.udp://127.0.0.1:0", target);
const websocket = await startBridge("ws://127.0.0.1:0", target);
const intoWebSocket = await startBridge("osc.udp://127.0.0.1:0", `ws://127.0.0.1:${websocket}`);
const ways: readonly Way[] = [
  { name: "direct", port: receiver.address().port, microseconds: [] },
  { name: "udp → udp", port: udp, microseconds: [] },
  { name: "udp → ws → udp", port: intoWebSocket, microseconds: [] },
];

for (let index = -WARM_UP; index < total; index += 1) {
  for (const way of ways) {
    const took = await timeOf(way.port, index);
    if (index >= 0) way.microseconds.push(took);
    await delay(PAUSE_MS);
  }
}

const [direct] = ways.map(({ microseconds }) => quantile(microseconds, 0.5));
console.log(`${total} messages each way, one at a time; microseconds from send to arrival`);
for (const { name, microseconds } of ways) {
  const [median, high] = [quantile(microseconds, 0.5), quantile(microseconds, 0.99)];
  const added = name === "direct" ? "" : `   added ${(median - (direct ?? 0)).toFixed(0)}`;
  console.log(`${name.padEnd(16)} median ${median.toFixed(0).padStart(5)}   p99 ${high.toFixed(0).padStart(5)}${added}`);
}
for (const child of children) child.kill();
sender.close();
receiver.close();

/** Sends a message to that port, and waits until it arrives at the receiver. */
async function timeOf(port: number, index: number): Promise<number> {
  const packet = encode(new OscMessage("/mixer/channel/12/gain", [index, 0.5]));
  const arrived = once(receiver, "message");
  const started = process.hrtime.bigint();
  sender.send(packet, port, "127.0.0.1");
  await arrived;
  return Number(process.hrtime.bigint() - started) / 1000;
}

/** @returns the port where it listens */
async function startBridge(from: string, to: string): Promise<number> {
  const child = spawn(process.execPath, [program, "bridge", from, to], { stdio: ["ignore", "inherit", "pipe"] });
  children.push(child);
  for await (const line of createInterface({ input: child.stderr })) {
    const [, port] = /^Listening on \S+:(\d+) /.exec(line) ?? [];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`The bridge from ${from} to ${to} did not start: run "npm run build" first.`);
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;
}
