/**
 * How many messages a second does a TCP server take, over one connection and over a hundred, in both framings? Ours beside osc.js,
 * python-osc and liblo:
 *
 *     npm run bench -- tcp [--json] [--quick]
 *
 * osc.js comes with `npm install --prefix bench`; python-osc is in the table where PYTHONPATH leads to a checkout of it, liblo where there
 * are `cc` and liblo-dev. Sender and server are two processes. All take turns in every round, and the median counts: read ratios within one
 * run. The sender waits for the server to have handled the last message of every connection.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { OscMessage, encode } from "../src/codec/index.ts";
import { type Framing, encodeFrame, encodeFrames } from "../src/framing/index.ts";
import { compileProgram } from "./suite/c-program.ts";
import { cpuSeconds } from "./suite/cpu-time.ts";
import { benchOptions } from "./suite/options.ts";
import { hasNpmPeers, hasPythonOsc } from "./suite/peers.ts";
import { finish, type Goal, type Table } from "./suite/report.ts";

const options = benchOptions();
/** Ours serve more than a million in a second: with fewer, most of the time would be that in which their code is still being compiled. */
const MESSAGES = options.quick ? 200_000 : 1_000_000;
const ROUNDS = options.quick ? 1 : 3;
const FRAMINGS = ["1.1", "1.0"] as const satisfies readonly Framing[];
const CONNECTIONS = [1, 100];
/** So many messages are written at once. */
const BATCH = 500;
/** A server that takes longer is taken to have stopped. */
const LIMIT_MS = 60_000;

const file = (name: string): string => fileURLToPath(new URL(`tcp/${name}`, import.meta.url));

interface Contestant {
  readonly name: string;
  readonly framings: readonly Framing[];
  /** The most connections that it serves at once. */
  readonly most: number;
  /** Of so many messages it is sent one, so that a slow one does not take all day. */
  readonly share: number;
  command(framing: Framing, connections: number): readonly [program: string, ...args: string[]];
}

interface Result {
  readonly server: string;
  readonly framing: Framing;
  readonly connections: number;
  /** Messages a second, the median of all rounds; null where the server stopped or lost some. */
  readonly rate: number | null;
  /** Processor time of the server for a message, in microseconds, as {@link rate}: whatever else the machine does, it changes little. */
  readonly cpu: number | null;
}

type Sample = Pick<Result, "rate" | "cpu">;

const FAILED: Sample = { rate: null, cpu: null };

const contestants: Contestant[] = ["async", "blocking"].map((kind) => ({
  name: `oscine ${kind}`,
  framings: FRAMINGS,
  most: Infinity,
  share: 1,
  command: (_framing, connections) => [process.execPath, file("oscine.mjs"), kind, String(connections)],
}));
addPeers();

const samples = new Map<string, Sample[]>();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const connections of CONNECTIONS) {
    for (const framing of FRAMINGS) {
      for (const contestant of contestants) {
        if (!contestant.framings.includes(framing) || connections > contestant.most) continue;
        const key = JSON.stringify([contestant.name, framing, connections]);
        samples.set(key, [...(samples.get(key) ?? []), await measure(contestant, framing, connections)]);
      }
    }
  }
}
report([...samples].map(([key, all]) => resultOf(key, all)));

function addPeers(): void {
  if (hasNpmPeers()) {
    contestants.push({
      name: "osc.js",
      framings: ["1.1"],
      most: Infinity,
      share: 1,
      command: (_framing, connections) => [process.execPath, file("osc-js.mjs"), String(connections)],
    });
  }
  if (hasPythonOsc()) {
    for (const kind of ["async", "blocking", "threading"]) {
      contestants.push({
        name: `python-osc ${kind}`,
        framings: FRAMINGS,
        // Its blocking server serves one client until that has gone.
        most: kind === "blocking" ? 1 : Infinity,
        share: 10,
        command: (framing, connections) => ["python3", file("python-osc.py"), kind, framing, String(connections)],
      });
    }
  }
  const liblo = compileProgram("liblo-tcp.c", ["lo"], "apt install gcc liblo-dev");
  if (liblo !== undefined) {
    contestants.push({
      name: "liblo (C)",
      framings: FRAMINGS,
      most: Infinity,
      share: 1,
      command: (_framing, connections) => [liblo, String(connections)],
    });
  }
}

async function measure(contestant: Contestant, framing: Framing, connections: number): Promise<Sample> {
  const [program, ...args] = contestant.command(framing, connections);
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: server.stdout });
  const next = async (): Promise<string | null> => {
    const [line] = (await Promise.race([once(lines, "line"), once(lines, "close").then(() => [])])) as [string?];
    return line ?? null;
  };
  const sockets: Socket[] = [];
  const over = new AbortController();
  try {
    const port = Number((await next()) ?? Number.NaN);
    for (let index = 0; index < connections; index += 1) sockets.push(await connected(port));
    const each = Math.ceil(MESSAGES / contestant.share / connections / BATCH) * BATCH;
    const cpuBefore = cpuSeconds(server.pid);
    const started = performance.now();
    const done = Promise.race([next(), delay(LIMIT_MS, null, { signal: over.signal })]);
    for (const socket of sockets) void send(socket, framing, each);
    const line = await done;
    if (line === null) return FAILED;
    const seconds = (performance.now() - started) / 1000;
    const cpu = cpuSeconds(server.pid) - cpuBefore;
    const count = each * connections;
    return Number(line.split(" ")[1]) === count / 2 ? { rate: count / seconds, cpu: (cpu * 1e6) / count } : FAILED;
  } finally {
    over.abort();
    for (const socket of sockets) socket.destroy();
    await ended(server);
  }
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
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

async function ended(server: ChildProcess): Promise<void> {
  const end = once(server, "exit");
  server.kill("SIGKILL");
  await end;
}

function resultOf(key: string, all: readonly Sample[]): Result {
  const [server, framing, connections] = JSON.parse(key) as [string, Framing, number];
  return { server, framing, connections, rate: median(all.map(({ rate }) => rate)), cpu: median(all.map(({ cpu }) => cpu)) };
}

/** Null where one is missing. */
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
        table("Messages a second over TCP", "A word where the server stopped, or lost some.", ({ rate }) => rate && Math.round(rate)),
        table(
          "Processor time of the server for a message, in microseconds",
          "Of all its threads together.",
          ({ cpu }) => cpu && hundredths(cpu),
        ),
      ],
      goals: goals((server, connections, framing) => of(server, connections, framing)?.rate ?? Number.NaN),
    },
    options,
  );
}

function goals(rate: (server: string, connections: number, framing: Framing) => number): Goal[] {
  const shown = (figure: number): string => `${Math.round(figure / 1000)}k/s`;
  const slip = rate("oscine async", 1, "1.1");
  const theirs = rate("osc.js", 1, "1.1");
  const prefix = rate("oscine async", 1, "1.0");
  const list: Goal[] = [
    { goal: "at least 500,000 messages/s on the size prefix over one connection", measured: shown(prefix), met: prefix >= 500_000 },
  ];
  if (!Number.isNaN(theirs))
    list.unshift({ goal: "ahead of osc.js on SLIP", measured: `${shown(slip)} beside ${shown(theirs)}`, met: slip > theirs });
  for (const framing of FRAMINGS) {
    const [one, hundred] = [rate("oscine async", 1, framing), rate("oscine async", 100, framing)];
    const goal = {
      goal: `100 connections no slower in sum, ${framing === "1.1" ? "SLIP" : "size prefix"}`,
      measured: `${shown(hundred)} beside ${shown(one)} over one`,
    };
    const because =
      "Each message takes a tenth more processor time then, with the collector and in the system: fed from memory, without sockets, the same code takes as long for 100 connections as for one";
    list.push(hundred >= one ? { ...goal, met: true } : { ...goal, met: false, because });
  }
  return list;
}
