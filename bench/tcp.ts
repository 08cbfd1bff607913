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
import { benchOptions } from "./suite/options.ts";
import { hasNpmPeers, hasPythonOsc } from "./suite/peers.ts";
import { finish, type Goal } from "./suite/report.ts";

const options = benchOptions();
const MESSAGES = options.quick ? 100_000 : 400_000;
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
}

const contestants: Contestant[] = ["async", "blocking"].map((kind) => ({
  name: `oscine ${kind}`,
  framings: FRAMINGS,
  most: Infinity,
  share: 1,
  command: (_framing, connections) => [process.execPath, file("oscine.mjs"), kind, String(connections)],
}));
addPeers();

const rates = new Map<string, (number | null)[]>();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const connections of CONNECTIONS) {
    for (const framing of FRAMINGS) {
      for (const contestant of contestants) {
        if (!contestant.framings.includes(framing) || connections > contestant.most) continue;
        const key = JSON.stringify([contestant.name, framing, connections]);
        rates.set(key, [...(rates.get(key) ?? []), await measure(contestant, framing, connections)]);
      }
    }
  }
}
report([...rates].map(([key, all]) => resultOf(key, all)));

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
        share: 5,
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

/** Messages a second, or null where the server stops or counts wrong. */
async function measure(contestant: Contestant, framing: Framing, connections: number): Promise<number | null> {
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
    const started = performance.now();
    const done = Promise.race([next(), delay(LIMIT_MS, null, { signal: over.signal })]);
    for (const socket of sockets) void send(socket, framing, each);
    const line = await done;
    if (line === null) return null;
    const seconds = (performance.now() - started) / 1000;
    const count = each * connections;
    return Number(line.split(" ")[1]) === count / 2 ? count / seconds : null;
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
  for (let sent = 0; sent < count && !socket.destroyed; sent += BATCH) {
    if (!socket.write(batch)) await new Promise<void>((resolve) => socket.once("drain", resolve).once("close", resolve));
  }
  socket.write(encodeFrame(encode(new OscMessage("/done")), framing));
}

async function ended(server: ChildProcess): Promise<void> {
  const end = once(server, "exit");
  server.kill("SIGKILL");
  await end;
}

function resultOf(key: string, all: readonly (number | null)[]): Result {
  const [server, framing, connections] = JSON.parse(key) as [string, Framing, number];
  const right = all.filter((rate) => rate !== null).toSorted((a, b) => a - b);
  return { server, framing, connections, rate: right.length < all.length ? null : (right[Math.floor(right.length / 2)] ?? null) };
}

function report(results: readonly Result[]): void {
  const columns = CONNECTIONS.flatMap((connections) => FRAMINGS.map((framing) => ({ connections, framing })));
  const rateOf = (server: string, connections: number, framing: Framing): number | null | undefined =>
    results.find((result) => result.server === server && result.connections === connections && result.framing === framing)?.rate;
  finish(
    {
      benchmark: "tcp",
      tables: [
        {
          title: "Messages a second over TCP",
          note: "A word where the server stopped, or lost some.",
          columns: columns.map(({ connections, framing }) => `${framing === "1.1" ? "SLIP" : "size prefix"}, ${connections}`),
          rows: contestants.map(({ name }) => ({
            name,
            cells: columns.map(({ connections, framing }) => {
              const rate = rateOf(name, connections, framing);
              return rate === undefined ? null : rate === null ? "stopped" : Math.round(rate);
            }),
          })),
        },
      ],
      goals: goals((server, connections, framing) => rateOf(server, connections, framing) ?? Number.NaN),
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
    list.push({
      goal: `100 connections no slower in sum, ${framing === "1.1" ? "SLIP" : "size prefix"}`,
      measured: `${shown(hundred)} beside ${shown(one)} over one`,
      met: hundred >= one,
    });
  }
  return list;
}
