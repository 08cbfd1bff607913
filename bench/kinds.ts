/**
 * What does each kind of server cost, and what load can it sustain? Our four kinds, a bare socket and python-osc's four kinds, in one run:
 *
 *     npm run bench -- kinds [--json] [--quick]
 *
 * - echo: one round trip at a time;
 * - sleep: handlers that sleep 20 ms, at 200 and at 1,000 messages per second, after two seconds of warm-up;
 * - burn: handlers that compute for 5 ms, at 200 messages per second;
 * - busy: the sleeping handlers again, while another process keeps a core busy;
 * - cold start: the sleeping handlers again, with the first message right after the server reports that it is ready;
 * - trivial: the throughput of servers with one process per message, with 16 messages in flight, in alternating rounds.
 *
 * Set PYTHONPATH to a checkout of python-osc to include it in the table. Server and client are two processes; compare ratios within one
 * run.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "./kinds/client.ts";
import { benchOptions } from "./suite/options.ts";
import { hasPythonOsc } from "./suite/peers.ts";
import { finish, type Goal } from "./suite/report.ts";

const values = benchOptions();

const file = (name: string): string => fileURLToPath(new URL(`kinds/${name}`, import.meta.url));
const FORKING = "oscine forking";
const PYTHON_FORKING = "python-osc forking";
const KINDS = ["async", "blocking", "threading", "forking"];

interface Contestant {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

interface Result {
  readonly server: string;
  readonly load: string;
  readonly sent: number;
  readonly answered: number;
  readonly p50: number;
  readonly p99: number;
  /** The server's CPU time in seconds, including children. */
  readonly cpu: number;
}

const contestants: Contestant[] = [{ name: "bare dgram", command: process.execPath, args: [file("bare.mjs")] }];
for (const kind of KINDS) contestants.push({ name: `oscine ${kind}`, command: process.execPath, args: [file("server.mjs"), kind] });
// Without native fork: each packet waits for Node to start, or processes handle several packets.
contestants.push(
  { name: "oscine forking, spawned", command: process.execPath, args: [file("server.mjs"), "forking", '{"strategy":"spawn"}'] },
  { name: "oscine forking, reused", command: process.execPath, args: [file("server.mjs"), "forking", '{"requestsPerChild":1000}'] },
);
if (hasPythonOsc()) {
  for (const kind of KINDS) contestants.push({ name: `python-osc ${kind}`, command: "python3", args: [file("server.py"), kind] });
}

async function start({ command, args }: Contestant): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, "line")) as [string];
  return { child, port: Number(line) };
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

/** CPU time of a process and its exited children, from /proc; NaN if there is no /proc. */
function cpuOf(pid: number | undefined): number {
  const result = spawnSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" });
  const fields = result.stdout.slice(result.stdout.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

/** Warms up a server before measuring. */
async function warmUp(contestant: Contestant, client: Client, paced: Paced | null): Promise<void> {
  await client.echo(contestant.name.includes("forking") ? 5 : 200);
  if (paced !== null) await client.pace(paced.address, paced.rate, WARM_SECONDS);
  if (contestant.name.includes("forking")) await delay(500); // spare processes are replaced
  client.forget();
}

interface Paced {
  readonly address: string;
  readonly rate: number;
}

async function measurePaced(contestant: Contestant, load: string, paced: Paced, isWarm = true): Promise<Result> {
  return measure(contestant, load, (client) => client.pace(paced.address, paced.rate, seconds), isWarm ? paced : "cold");
}

async function measure(
  contestant: Contestant,
  load: string,
  run: (client: Client) => Promise<number>,
  warm: Paced | "cold" | null = null,
): Promise<Result> {
  const { child, port } = await start(contestant);
  const client = await Client.to(port);
  if (warm !== "cold") await warmUp(contestant, client, warm);
  const before = cpuOf(child.pid);
  const sent = await run(client);
  const cpu = cpuOf(child.pid) - before;
  await client.close();
  child.kill("SIGKILL");
  await once(child, "exit");
  console.error(`${load}: ${contestant.name}`);
  const sorted = client.times.toSorted((a, b) => a - b);
  return { server: contestant.name, load, sent, answered: sorted.length, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), cpu };
}

const seconds = values.quick ? 2 : 5;
const WARM_SECONDS = 2;
const results: Result[] = [];
for (const contestant of contestants) {
  const rounds = contestant.name.includes("forking") ? 100 : values.quick ? 1000 : 5000;
  results.push(await measure(contestant, "echo", async (client) => (await client.echo(rounds), rounds)));
}
for (const [load, address, rate] of [
  ["sleep 20 ms, 200/s", "/sleep", 200],
  ["sleep 20 ms, 1000/s", "/sleep", 1000],
  ["burn 5 ms, 200/s", "/burn", 200],
] as const) {
  for (const contestant of contestants.slice(1)) results.push(await measurePaced(contestant, load, { address, rate }));
}

const withWorkers = contestants.filter(({ name }) => /(threading|forking)$/.test(name));
for (const rate of [200, 1000]) {
  const paced = { address: "/sleep", rate };
  const busy = spawn(process.execPath, ["-e", "for (;;);"]);
  for (const contestant of withWorkers) results.push(await measurePaced(contestant, `busy: sleep 20 ms, ${rate}/s`, paced));
  busy.kill("SIGKILL");
  await once(busy, "exit");
  for (const contestant of withWorkers) results.push(await measurePaced(contestant, `cold start: sleep 20 ms, ${rate}/s`, paced, false));
}

/** Packets per second of the forking servers, which run simultaneously and alternate; the median of the rounds. */
async function trivialRates(): Promise<{ name: string; rate: number; p50: number; p99: number }[]> {
  const running = [];
  for (const contestant of contestants.filter(({ name }) => name === FORKING || name === PYTHON_FORKING)) {
    const { child, port } = await start(contestant);
    const client = await Client.to(port);
    await client.echo(5);
    client.forget();
    running.push({ name: contestant.name, child, client, rates: [] as number[] });
  }
  for (let round = 0; round < 5; round += 1) {
    for (const { client, rates } of running) rates.push(await client.keep("/echo", 16, seconds / 2));
  }
  for (const { child, client } of running) {
    await client.close();
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  return running.map(({ name, client, rates }) => {
    const times = client.times.toSorted((a, b) => a - b);
    return {
      name,
      rate: quantile(
        rates.toSorted((a, b) => a - b),
        0.5,
      ),
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
    };
  });
}

const trivial = await trivialRates();
const loads = [...new Set(results.map((result) => result.load))];
finish(
  {
    benchmark: "kinds",
    tables: [
      ...loads.map((load) => ({
        title: load,
        columns: ["sent", "answered %", "p50 ms", "p99 ms", "CPU s"],
        rows: results
          .filter((result) => result.load === load)
          .map(({ server, sent, answered, p50, p99, cpu }) => ({ name: server, cells: [sent, (answered / sent) * 100, p50, p99, cpu] })),
      })),
      {
        title: "trivial packets, a process forked for each",
        note: "Most of a fork's time goes to copying the pages that parent and child write to afterwards, which costs far more in some virtual machines.",
        columns: ["packets/s", "p50 ms", "p99 ms"],
        rows: trivial.map(({ name, rate, p50, p99 }) => ({ name, cells: [rate, p50, p99] })),
      },
    ],
    goals: [...goals(), ...trivialGoal()],
  },
  values,
);

/** Threads and processes are meant for slow handlers, where they have to beat python-osc's. */
function goals(): Goal[] {
  const of = (server: string, load: string): Result | undefined => results.find((one) => one.server === server && one.load === load);
  return loads.flatMap((load) =>
    ["threading", "forking"].flatMap((kind): Goal[] => {
      const ours = of(`oscine ${kind}`, load);
      const theirs = of(`python-osc ${kind}`, load);
      if (ours === undefined || theirs === undefined) return [];
      const figures = ({ answered, sent, p50 }: Result): string =>
        answered === 0 ? "nothing answered in time" : `${((answered / sent) * 100).toFixed(1)} % answered, p50 ${p50.toFixed(1)} ms`;
      const share = ours.answered / ours.sent - theirs.answered / theirs.sent;
      const met = share > 0.001 || (share > -0.001 && ours.p50 <= theirs.p50);
      const goal = `${kind} ahead of python-osc's: ${load}`;
      const measured = `${figures(ours)}, beside ${figures(theirs)}`;
      return [met ? { goal, measured, met } : { goal, measured, met, because: reason(share > -0.001, ours.p50 / theirs.p50) }];
    }),
  );
}

/** @param ratio our time relative to theirs */
function reason(isLevel: boolean, ratio: number): string {
  if (!isLevel) return "It answers fewer";
  return ratio <= 1.25
    ? "All were answered by both, in much the same time"
    : `All were answered by both; it takes ${ratio.toFixed(1)} times as long`;
}

function trivialGoal(): Goal[] {
  const [ours, theirs] = [FORKING, PYTHON_FORKING].map((name) => trivial.find((one) => one.name === name)?.rate);
  if (ours === undefined || theirs === undefined) return [];
  const measured = `${ours.toFixed(0)}/s beside ${theirs.toFixed(0)}/s: ${(ours / theirs).toFixed(2)}x`;
  return [{ goal: "more trivial packets per second than python-osc's ForkingOSCUDPServer", measured, met: ours > theirs }];
}
