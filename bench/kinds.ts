/**
 * What does each kind of server cost, and what does it keep going? Our four kinds beside a bare socket and python-osc's four, in one run:
 *
 *     npm run bench -- kinds [--json] [--quick]
 *
 * - echo: one message there and back, one after another;
 * - sleep: handlers that sleep 20 ms, at 200 and at 1,000 messages a second;
 * - burn: handlers that compute for 5 ms, at 200 messages a second.
 *
 * Set PYTHONPATH to a checkout of python-osc to have it in the table. Server and client are two processes; read ratios within one run.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { OscMessage, decode, encode, int } from "../src/codec/index.ts";
import { benchOptions } from "./suite/options.ts";
import { hasPythonOsc } from "./suite/peers.ts";
import { finish, type Goal } from "./suite/report.ts";

const values = benchOptions();

const file = (name: string): string => fileURLToPath(new URL(`kinds/${name}`, import.meta.url));
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
  /** Seconds of processor time that the server took, children included. */
  readonly cpu: number;
}

const contestants: Contestant[] = [{ name: "bare dgram", command: process.execPath, args: [file("bare.mjs")] }];
for (const kind of KINDS) contestants.push({ name: `oscine ${kind}`, command: process.execPath, args: [file("server.mjs"), kind] });
// A process for each packet waits for Node to start; these two do not.
contestants.push(
  { name: "oscine forking, reused", command: process.execPath, args: [file("server.mjs"), "forking", '{"requestsPerChild":1000}'] },
  { name: "oscine forking, native", command: process.execPath, args: [file("server.mjs"), "forking", '{"strategy":"auto"}'] },
);
if (hasPythonOsc()) {
  for (const kind of KINDS) contestants.push({ name: `python-osc ${kind}`, command: "python3", args: [file("server.py"), kind] });
}

class Client {
  readonly socket: Socket;
  readonly #sent = new Map<number, number>();
  readonly times: number[] = [];
  #arrived: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("message", (data) => {
      const packet = decode(data);
      const id = packet instanceof OscMessage ? (packet.args[0] as number) : -1;
      const at = this.#sent.get(id);
      if (at === undefined) return;
      this.#sent.delete(id);
      this.times.push(performance.now() - at);
      this.#arrived?.();
    });
  }

  static async to(port: number): Promise<Client> {
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
    await new Promise<void>((resolve) => socket.connect(port, "127.0.0.1", resolve));
    return new Client(socket);
  }

  send(address: string, id: number): void {
    this.#sent.set(id, performance.now());
    this.socket.send(encode(new OscMessage(address, [int(id)])));
  }

  /** One after another. What is lost costs a second. */
  async echo(rounds: number): Promise<void> {
    for (let id = 0; id < rounds; id += 1) {
      await new Promise<void>((resolve) => {
        const patience = setTimeout(resolve, 1000);
        this.#arrived = () => {
          clearTimeout(patience);
          resolve();
        };
        this.send("/echo", id);
      });
    }
  }

  /** So many a second for so long, and then a second for the stragglers. */
  async pace(address: string, rate: number, seconds: number): Promise<number> {
    const started = performance.now();
    let sent = 0;
    while (sent < rate * seconds) {
      const due = Math.min(rate * seconds, Math.floor(((performance.now() - started) * rate) / 1000) + 1);
      for (; sent < due; sent += 1) this.send(address, sent);
      await delay(1);
    }
    const deadline = performance.now() + 1000;
    while (this.#sent.size > 0 && performance.now() < deadline) await delay(10);
    return sent;
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, "close");
  }
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

/** Processor time of a process and of its children that have ended, from /proc; NaN where there is none. */
function cpuOf(pid: number | undefined): number {
  const result = spawnSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" });
  const fields = result.stdout.slice(result.stdout.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

async function measure(contestant: Contestant, load: string, run: (client: Client) => Promise<number>): Promise<Result> {
  const { child, port } = await start(contestant);
  const client = await Client.to(port);
  await client.echo(contestant.name.includes("forking") ? 5 : 200); // warm
  if (contestant.name.includes("forking")) await delay(500); // spares are made again
  client.times.length = 0;
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
  for (const contestant of contestants.slice(1))
    results.push(await measure(contestant, load, (client) => client.pace(address, rate, seconds)));
}

const loads = [...new Set(results.map((result) => result.load))];
finish(
  {
    benchmark: "kinds",
    tables: loads.map((load) => ({
      title: load,
      columns: ["sent", "answered %", "p50 ms", "p99 ms", "CPU s"],
      rows: results
        .filter((result) => result.load === load)
        .map(({ server, sent, answered, p50, p99, cpu }) => ({ name: server, cells: [sent, (answered / sent) * 100, p50, p99, cpu] })),
    })),
    goals: goals(),
  },
  values,
);

/** Threads and processes are for handlers that take their time; there they are to be ahead of python-osc's. */
function goals(): Goal[] {
  const of = (server: string, load: string): Result | undefined => results.find((one) => one.server === server && one.load === load);
  return loads.slice(1).flatMap((load) =>
    ["threading", "forking"].flatMap((kind): Goal[] => {
      const ours = of(`oscine ${kind}`, load);
      const theirs = of(`python-osc ${kind}`, load);
      if (ours === undefined || theirs === undefined) return [];
      const figures = ({ answered, sent, p50 }: Result): string =>
        `${((answered / sent) * 100).toFixed(1)} % answered, p50 ${p50.toFixed(1)} ms`;
      const share = ours.answered / ours.sent - theirs.answered / theirs.sent;
      const met = share > 0.001 || (share > -0.001 && ours.p50 <= theirs.p50);
      return [{ goal: `${kind} ahead of python-osc's: ${load}`, measured: `${figures(ours)}, beside ${figures(theirs)}`, met }];
    }),
  );
}
