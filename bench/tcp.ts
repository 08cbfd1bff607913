/**
 * How many messages per second does a TCP server handle, over one connection and over a hundred, with both framings? Compares ours with
 * osc.js, python-osc and liblo:
 *
 *     npm run bench -- tcp [--json] [--quick]
 *
 * osc.js is installed by `npm install --prefix bench`; python-osc is included if PYTHONPATH points to a checkout of it, liblo if `cc` and
 * liblo-dev are installed. Sender and server are two processes. All servers alternate in every round, one connection and a hundred right
 * after each other, and the median counts: compare ratios within one run. Each server gets everything twice, and only the second time
 * counts, because ours takes half a second until its code is compiled. The sender waits for the server to have handled the last message of
 * every connection. If a server exits, loses messages or takes longer than a minute for a step, that is reported, and its row says
 * "stopped".
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { createInterface } from "node:readline";
import { OscMessage, encode } from "../src/codec/index.ts";
import { type Framing, encodeFrame, encodeFrames } from "../src/framing/index.ts";
import { cpuSeconds } from "./suite/cpu-time.ts";
import { benchOptions } from "./suite/options.ts";
import { finish, type Goal, type Table } from "./suite/report.ts";
import { allContestants, type Contestant, FRAMINGS } from "./tcp/contestants.ts";

const options = benchOptions();
/** About what ours handle in a second, so that each of a hundred connections is served many times. */
const MESSAGES = options.quick ? 400_000 : 2_000_000;
const ROUNDS = options.quick ? 1 : 3;
const CONNECTIONS = [1, 100];
/** Number of messages per write. */
const BATCH = 500;
/** A server that takes longer for a step (starting, a connection, all messages) has failed. */
const LIMIT_MS = 60_000;

interface Result {
  readonly server: string;
  readonly framing: Framing;
  readonly connections: number;
  /** Messages per second, the median of all rounds; null if the server stopped or lost some. */
  readonly rate: number | null;
  /** The server's CPU time per message, in microseconds, aggregated like {@link rate}. Hardly affected by other load. */
  readonly cpu: number | null;
  /** Messages per second of each round. */
  readonly rates: readonly (number | null)[];
}

type Sample = Pick<Result, "rate" | "cpu">;

const FAILED: Sample = { rate: null, cpu: null };

const contestants = allContestants();
const samples = new Map<string, Sample[]>();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const contestant of contestants) {
    for (const framing of contestant.framings) {
      for (const connections of CONNECTIONS) {
        if (connections > contestant.most) continue;
        const key = JSON.stringify([contestant.name, framing, connections]);
        const before = samples.get(key) ?? [];
        // Don't wait again for a server that has stopped once.
        if (!before.includes(FAILED)) samples.set(key, [...before, await measure(contestant, framing, connections)]);
      }
    }
  }
}
report([...samples].map(([key, all]) => resultOf(key, all)));

async function measure(contestant: Contestant, framing: Framing, connections: number): Promise<Sample> {
  const [program, ...args] = contestant.command(framing, connections);
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()).once("error", () => resolve()));
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const sockets: Socket[] = [];
  try {
    const port = Number(await lineOf(lines));
    for (let index = 0; index < connections; index += 1) sockets.push(await connected(port));
    const each = Math.ceil(MESSAGES / contestant.share / connections / BATCH) * BATCH;
    const count = each * connections;
    let sample = FAILED;
    for (const time of [1, 2]) {
      const cpuBefore = cpuSeconds(server.pid);
      const started = performance.now();
      for (const socket of sockets) void send(socket, framing, each);
      const [, sum] = (await lineOf(lines)).split(" ");
      if (Number(sum) !== (time * count) / 2) throw new Error(`it handled ${2 * Number(sum)} of ${time * count} messages`);
      const seconds = (performance.now() - started) / 1000;
      sample = { rate: count / seconds, cpu: ((cpuSeconds(server.pid) - cpuBefore) * 1e6) / count };
    }
    return sample;
  } catch (error) {
    console.error(`${contestant.name}, framing ${framing}, ${connections} connections: FAILED, ${(error as Error).message}.`);
    return FAILED;
  } finally {
    for (const socket of sockets) socket.destroy();
    server.kill("SIGKILL");
    await ended;
  }
}

/** The next line of the server. Rejects if the server exits or takes too long. */
async function lineOf(lines: AsyncIterator<string>): Promise<string> {
  const { done, value } = await within(lines.next());
  if (done === true) throw new Error("the server exited");
  return value;
}

/** @throws Error if the step takes longer than the limit */
async function within<Result>(step: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened for ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  try {
    return await Promise.race([step, limit]);
  } finally {
    clearTimeout(timer);
  }
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await within(once(socket, "connect"));
  socket.on("error", () => undefined);
  socket.resume();
  return socket;
}

async function send(socket: Socket, framing: Framing, count: number): Promise<void> {
  const message = encode(new OscMessage("/mixer/channel/12/gain", [0.5]));
  const batch = encodeFrames(
    Array.from({ length: BATCH }, () => message),
    framing,
  );
  let wake = (): void => undefined;
  socket.on("drain", () => wake()).on("close", () => wake());
  for (let sent = 0; sent < count && !socket.destroyed; sent += BATCH) {
    if (socket.write(batch)) continue;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  socket.write(encodeFrame(encode(new OscMessage("/done")), framing));
}

function resultOf(key: string, all: readonly Sample[]): Result {
  const [server, framing, connections] = JSON.parse(key) as [string, Framing, number];
  const rates = all.map(({ rate }) => rate);
  return { server, framing, connections, rates, rate: median(rates), cpu: median(all.map(({ cpu }) => cpu)) };
}

/** Null if one is missing. */
function median(all: readonly (number | null)[]): number | null {
  const there = all.filter((one) => one !== null).toSorted((a, b) => a - b);
  return there.length < all.length ? null : (there[Math.floor(there.length / 2)] ?? null);
}

function report(results: readonly Result[]): void {
  const columns = CONNECTIONS.flatMap((connections) => FRAMINGS.map((framing) => ({ connections, framing })));
  const of = (server: string, connections: number, framing: Framing): Result | undefined =>
    results.find((result) => result.server === server && result.connections === connections && result.framing === framing);
  const table = (title: string, note: string, cell: (result: Result) => number | null): Table => ({
    title,
    note,
    columns: columns.map(({ connections, framing }) => `${framing === "1.1" ? "SLIP" : "size prefix"}, ${connections}`),
    rows: contestants.map(({ name }) => ({
      name,
      cells: columns.map(({ connections, framing }) => {
        const result = of(name, connections, framing);
        const value = result === undefined ? Number.NaN : cell(result);
        return Number.isNaN(value) ? null : (value ?? "stopped");
      }),
    })),
  });
  const hundredths = (figure: number): number => Math.round(figure * 100) / 100;
  finish(
    {
      benchmark: "tcp",
      tables: [
        table("Messages per second over TCP", "A word if the server stopped or lost some.", ({ rate }) => rate && Math.round(rate)),
        table(
          "Processor time of the server for a message, in microseconds",
          "Of all its threads together.",
          ({ cpu }) => cpu && hundredths(cpu),
        ),
      ],
      goals: goals(of),
    },
    options,
  );
}

function goals(of: (server: string, connections: number, framing: Framing) => Result | undefined): Goal[] {
  const rate = (server: string, framing: Framing): number => of(server, 1, framing)?.rate ?? Number.NaN;
  const prefix = rate("oscine async", "1.0");
  const list: Goal[] = [
    { goal: "size prefix: at least 1,000,000 messages/s over one connection", measured: shown(prefix), met: prefix >= 1_000_000 },
  ];
  const [slip, theirs] = [rate("oscine async", "1.1"), rate("osc.js", "1.1")];
  if (!Number.isNaN(theirs)) {
    const measured = `${(slip / theirs).toFixed(1)}x: ${shown(slip)}, osc.js ${shown(theirs)}`;
    list.push({ goal: "SLIP: at least 3x osc.js over one connection", measured, met: slip >= 3 * theirs });
  }
  return list;
}

function shown(rate: number): string {
  return `${Math.round(rate / 1000)}k/s`;
}
