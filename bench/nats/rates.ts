import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { encode, int, OscMessage } from "../../src/codec/index.ts";
import { median, type Table } from "../suite/report.ts";
import type { Costs } from "./capacity.ts";
import { type Cpu, Deployment, type DeploymentOptions } from "./deployment.ts";
import { BenchProcess, type Counted } from "./process.ts";

/** All messages must be handled within this time after the last was sent: otherwise they pile up in the stream. */
const SETTLE_MS = 200;
/** Messages in flight if replies are requested. */
const OUTSTANDING = 256;

const DEPLOYMENTS: readonly { readonly name: string; readonly options: DeploymentOptions }[] = [
  { name: "at-most-once", options: { delivery: "at-most-once" } },
  { name: "at-least-once, in a file", options: { delivery: "at-least-once", stream: { storage: "file" } } },
  { name: "at-least-once, in memory", options: { delivery: "at-least-once", stream: { storage: "memory" } } },
];

interface Paced {
  readonly rate: number;
  readonly cost: Costs;
}

/** The throughput and cost of one kind of delivery. */
export interface DeliveryCosts {
  readonly name: string;
  /** The highest rate per second without loss; null if even the lowest rate lost some. */
  readonly most: number | null;
  /** At the lowest rate, and at {@link most}, without replies. */
  readonly low: Paced | undefined;
  readonly high: Paced | undefined;
  /** With replies; as fast as possible with {@link OUTSTANDING} in flight. */
  readonly answered: Paced;
}

export interface RateOptions {
  /** The rates per second to try, until one is too high. */
  readonly ladder: readonly number[];
  /** Duration of each try. */
  readonly seconds: number;
  readonly rounds: number;
}

interface Receiver {
  readonly port: number;
  counted(): Promise<Counted>;
  readonly cpu: Cpu;
}

export async function measureRates(rateOptions: RateOptions): Promise<DeliveryCosts[]> {
  const { seconds, rounds } = rateOptions;
  const found: DeliveryCosts[] = [];
  for (const { name, options } of DEPLOYMENTS) {
    await using deployment = await Deployment.start(options, 1);
    await deployment.client.keep("/echo", OUTSTANDING, seconds / 2); // warm
    const climbed = await climb(deployment, rateOptions);
    const answered: Paced[] = [];
    for (let round = 0; round < rounds; round += 1) answered.push(await answering(deployment, seconds / 2));
    const most = climbed.at(-1)?.rate ?? null;
    found.push({ name, most, low: climbed[0], high: climbed.at(-1), answered: middle(answered) });
    console.error(`rates: ${name}`);
  }
  return found;
}

/** The same for an async server with its handlers in its own event loop. */
export async function localRate(rateOptions: RateOptions): Promise<number | null> {
  await using server = await BenchProcess.start("local");
  const receiver: Receiver = {
    port: server.port,
    counted: () => server.counted(),
    get cpu(): Cpu {
      return { front: server.cpu, nats: 0, workers: 0 };
    },
  };
  return (await climb(receiver, rateOptions)).at(-1)?.rate ?? null;
}

/** Tries increasing rates while none is lost, and returns the results. Retries a failed rate once, because of other load on the machine. */
async function climb(receiver: Receiver, { ladder, seconds }: RateOptions): Promise<Paced[]> {
  const done: Paced[] = [];
  for (const rate of ladder) {
    const paced = (await quietly(receiver, rate, seconds)) ?? (await quietly(receiver, rate, seconds));
    if (paced === null) break;
    done.push(paced);
  }
  return done;
}

/** Like {@link pace}, but waits until an overload has passed before the next measurement. */
async function quietly(receiver: Receiver, rate: number, seconds: number): Promise<Paced | null> {
  const paced = await pace(receiver, rate, seconds);
  if (paced === null) await quiet(receiver);
  return paced;
}

/** Sends numbered messages at an even rate; null if not all were handled in time. */
async function pace(receiver: Receiver, rate: number, seconds: number): Promise<Paced | null> {
  const total = rate * seconds;
  const before = await receiver.counted();
  const cpuBefore = receiver.cpu;
  const socket = createSocket({ type: "udp4", sendBufferSize: 4 * 1024 * 1024 });
  await new Promise<void>((resolve) => socket.connect(receiver.port, "127.0.0.1", resolve));
  const started = performance.now();
  await send(socket, rate, total);
  const reached = total / ((performance.now() - started) / 1000);
  await delay(SETTLE_MS);
  const after = await receiver.counted();
  const cost = costs(cpuBefore, receiver.cpu, total);
  socket.close();
  await once(socket, "close");
  if (after.count - before.count !== total || reached < rate * 0.95) return null;
  // With numbers from 0 to total - 1, the right count and sum mean that all arrived.
  if (after.sum - before.sum !== (total * (total - 1)) / 2) throw new Error("Messages arrived with wrong numbers: nothing was measured.");
  return { rate, cost };
}

async function send(socket: Socket, rate: number, total: number): Promise<void> {
  const started = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) * rate) / 1000) + 1);
    for (; sent < due; sent += 1) socket.send(encode(new OscMessage("/count", [int(sent)])));
    await delay(1);
  }
}

/** Waits until the overload has been handled or lost. */
async function quiet(receiver: Receiver): Promise<void> {
  let [last, now] = [-1, 0];
  while (now !== last) {
    await delay(SETTLE_MS);
    [last, now] = [now, (await receiver.counted()).count];
  }
}

async function answering(deployment: Deployment, seconds: number): Promise<Paced> {
  const { client } = deployment;
  client.times.length = 0;
  const before = deployment.cpu;
  const rate = await client.keep("/echo", OUTSTANDING, seconds);
  return { rate, cost: costs(before, deployment.cpu, client.times.length) };
}

function costs(before: Cpu, after: Cpu, packets: number): Costs {
  const each = (part: keyof Cpu): number => ((after[part] - before[part]) * 1e6) / packets;
  return { front: each("front"), nats: each("nats"), worker: each("workers") };
}

function middle(all: readonly Paced[]): Paced {
  const of = (part: keyof Costs): number => median(all.map(({ cost }) => cost[part]));
  return { rate: median(all.map(({ rate }) => rate)), cost: { front: of("front"), nats: of("nats"), worker: of("worker") } };
}

export function rateTable(local: number | null, found: readonly DeliveryCosts[], { ladder }: RateOptions): Table {
  return {
    title: "Small messages per second without loss",
    note: `The highest of ${ladder.map((rate) => rate.toLocaleString("en")).join("; ")} at which every message was handled within ${SETTLE_MS} ms after the last was sent; – if none. Sender, front end, nats-server and worker share the cores of one machine. "Answered": with a reply to each, ${OUTSTANDING} in flight.`,
    columns: ["messages/s", "answered/s"],
    rows: [
      { name: "oscine async, no NATS", cells: [local, null] },
      ...found.map(({ name, most, answered }) => ({ name: `NATS, ${name}`, cells: [most, answered.rate] })),
    ],
  };
}

export function costTable(found: readonly DeliveryCosts[]): Table {
  const row = (name: string, paced: Paced | undefined): Table["rows"][number] => {
    const { front, nats, worker } = paced?.cost ?? { front: Number.NaN, nats: Number.NaN, worker: Number.NaN };
    return { name, cells: [paced?.rate ?? null, front, nats, worker, front + nats + worker] };
  };
  return {
    title: "Processor time for a small message that goes through NATS",
    note: "µs, of all threads of each process, at a low rate, at the highest without loss, and with a reply to each. Busy processes write and read messages in batches, which makes each cheaper.",
    columns: ["messages/s", "front end", "nats-server", "worker", "together"],
    rows: found.flatMap(({ name, low, high, answered }) => [
      row(`${name}: low rate`, low),
      row(`${name}: high rate`, high),
      row(`${name}: answered`, answered),
    ]),
  };
}
