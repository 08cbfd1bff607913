import { type ChildProcess, spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type * as Client from "../../src/client/index.ts";
import type * as Codec from "../../src/codec/index.ts";
import { compiled } from "../suite/compiled.ts";
import { type Goal, median, type Table } from "../suite/report.ts";

const AT_ONCE = 64;
const ROUNDS = 5;
const MESSAGES = 20_000;
const READY_MADE = `bare dgram, ready-made bytes, ${AT_ONCE} awaited together`;
const FROM_VALUES = `oscine sendMessage(address, value), ${AT_ONCE} awaited together`;
/** Maximum CPU time of a message from new values, relative to ready-made bytes on a bare socket. */
const MOST = 1.25;

interface Sender {
  readonly name: string;
  /** Sends this many messages, and waits until the system has accepted them. */
  readonly send: (count: number) => Promise<void>;
}

/** How fast small messages are sent, including encoding, to a socket that nobody reads. All contestants alternate. */
export async function sending(): Promise<{ readonly table: Table; readonly goal: Goal }> {
  const { UDPClient } = await compiled<typeof Client>("index.js");
  const { encode, float, OscMessage } = await compiled<typeof Codec>("codec.js");
  const { sink, port } = await openSink();
  const message = new OscMessage("/mixer/channel/12/gain", float(0.5));
  const bytes = encode(message).slice();
  let value = 0.5;
  const bare = createSocket("udp4");
  const unconnected = createSocket("udp4");
  await new Promise<void>((resolve) => bare.connect(port, "127.0.0.1", resolve));
  const client = new UDPClient("127.0.0.1", port);
  const portable = new UDPClient("127.0.0.1", port, { native: false });
  const inBatches = (send: () => Promise<unknown>) => async (count: number) => {
    for (let left = count; left > 0; left -= AT_ONCE) await send();
  };
  const batch = Array.from({ length: AT_ONCE }, () => message);
  const senders: Sender[] = [
    { name: READY_MADE, send: inBatches(() => Promise.all(batch.map(() => sendBareTo(unconnected, bytes, port)))) },
    {
      name: FROM_VALUES,
      send: inBatches(() => Promise.all(batch.map(() => client.sendMessage("/mixer/channel/12/gain", (value += 1e-6))))),
    },
    { name: "bare dgram, connected", send: inBatches(() => Promise.all(batch.map((one) => sendBare(bare, encode(one))))) },
    {
      name: "oscine send, each awaited",
      send: async (count) => {
        for (let left = count; left > 0; left -= 1) await client.send(message);
      },
    },
    { name: `oscine send, ${AT_ONCE} awaited together`, send: inBatches(() => Promise.all(batch.map((one) => client.send(one)))) },
    { name: `oscine sendBatch of ${AT_ONCE}`, send: inBatches(() => client.sendBatch(batch)) },
    { name: `oscine sendBatch of ${AT_ONCE}, portable`, send: inBatches(() => portable.sendBatch(batch)) },
  ];
  const rates = senders.map((): number[] => []);
  const cpu = senders.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, { send }] of senders.entries()) {
      const before = process.cpuUsage();
      const started = performance.now();
      await send(MESSAGES);
      const { user, system } = process.cpuUsage(before);
      rates[index]!.push(MESSAGES / ((performance.now() - started) / 1000));
      cpu[index]!.push((user + system) / MESSAGES);
    }
  }
  await Promise.all([client.close(), portable.close(), closed(bare), closed(unconnected)]);
  sink.kill("SIGKILL");
  const cpuOf = (name: string): number => median(cpu[senders.findIndex((sender) => sender.name === name)]!);
  const ratio = cpuOf(FROM_VALUES) / cpuOf(READY_MADE);
  return {
    table: {
      title: "Sending small messages, encoded and given to the system",
      note: "Messages per second, and CPU time in µs per message, including the system's work for the receiving socket, which nobody reads.",
      columns: ["a second", "CPU"],
      rows: senders.map(({ name }, index) => ({ name, cells: [Math.round(median(rates[index]!)), median(cpu[index]!)] })),
    },
    goal: {
      goal: `sending: CPU of sendMessage(address, value) at most ${MOST} of dgram.send with ready-made bytes`,
      measured: ratio.toFixed(2),
      met: ratio <= MOST,
    },
  };
}

function sendBare(socket: Socket, packet: Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.send(packet, () => resolve()));
}

function sendBareTo(socket: Socket, packet: Uint8Array, port: number): Promise<void> {
  return new Promise((resolve) => socket.send(packet, port, "127.0.0.1", () => resolve()));
}

/** A socket of another process that prints its port and then sleeps. The system drops whatever doesn't fit into its buffer. */
async function openSink(): Promise<{ sink: ChildProcess; port: number }> {
  const program = `const socket = require("node:dgram").createSocket("udp4");
    socket.bind(0, "127.0.0.1", () => {
      require("node:fs").writeSync(1, String(socket.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const sink = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(sink.stdout, "data")) as [Buffer];
  return { sink, port: Number(port) };
}

async function closed(socket: Socket): Promise<void> {
  socket.close();
  await once(socket, "close");
}
