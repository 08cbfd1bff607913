/**
 * How long does serving a tree of 10,000 methods take, and what do 1,000 listeners cost?
 *
 *     npm run bench -- oscquery [--json] [--quick]
 *
 * The tree: all values change, then a client reads `/` over HTTP, from its request to the last byte. npm's `oscquery`, which has no
 * WebSocket, is in the table after `npm install --prefix bench`. The listeners: 100 connections listen to ten methods each; ten of them to
 * each of 100 methods. Every value that a connection receives must be one more than the previous one, and all must arrive. Server and
 * clients are two processes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type IncomingMessage, get } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { cpuSeconds } from "./suite/cpu-time.ts";
import { benchOptions } from "./suite/options.ts";
import { type Cell, type Goal, finish, median } from "./suite/report.ts";

const options = benchOptions();
const METHODS = 10_000;
const TREES = options.quick ? 10 : 40;
/** Requests until the server's code is compiled. */
const WARM_UP = 5;
const CONNECTIONS = 100;
const LISTENED = 100;
const LISTENS = 10;
const RATES = [5000, 10_000];
const SECONDS = options.quick ? 2 : 10;

interface ServerProcess extends AsyncDisposable {
  readonly port: number;
  readonly pid: number | undefined;
  /** Sends a command, and waits for the response. */
  ask(command: string): Promise<Readonly<Record<string, number>>>;
}

async function start(kind: "ours" | "theirs", methods: number): Promise<ServerProcess> {
  const script = fileURLToPath(new URL("oscquery/server.mjs", import.meta.url));
  const server = spawn(process.execPath, [script, kind, String(methods)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error("The server exited.");
    return value;
  };
  const port = Number(await line());
  return {
    port,
    pid: server.pid,
    ask: async (command) => {
      server.stdin.write(`${command}\n`);
      return JSON.parse(await line()) as Readonly<Record<string, number>>;
    },
    [Symbol.asyncDispose]: async () => {
      server.kill("SIGKILL");
      await once(server, "exit");
    },
  };
}

/** The median time for the tree and the mean of the server's CPU time for it, in ms, and its size in MB. */
async function measureTree(kind: "ours" | "theirs"): Promise<[wall: number, cpu: number, size: number]> {
  await using server = await start(kind, METHODS);
  const times: number[] = [];
  let size = 0;
  let cpu = 0;
  for (let round = 0; round < WARM_UP + TREES; round += 1) {
    await server.ask(`set ${round}`);
    const cpuBefore = cpuSeconds(server.pid);
    const started = performance.now();
    size = await read(server.port);
    if (round < WARM_UP) continue;
    times.push(performance.now() - started);
    cpu += cpuSeconds(server.pid) - cpuBefore;
  }
  return [median(times), (cpu * 1000) / TREES, size / 1e6];
}

async function read(port: number): Promise<number> {
  const [response] = (await once(get({ host: "127.0.0.1", port, path: "/" }), "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`The server answered with ${response.statusCode}.`);
  let size = 0;
  for await (const piece of response) size += (piece as Buffer).length;
  return size;
}

/** Connects, listens to ten methods, and resolves when each has sent its value. */
async function listen(port: number, index: number, counts: { got: number; wrong: number }): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  const last = new Int32Array(LISTENED).fill(-1);
  let greeted = 0;
  const ready = new Promise<void>((resolve) => {
    socket.on("message", (data: Buffer) => {
      // "/group42/method00042": the number is at the end of the address, and the value at the end of the message.
      const end = data.indexOf(0);
      const method = Number(data.toString("latin1", end - 5, end));
      const value = data.readInt32BE(data.length - 4);
      if (value !== (last[method] ?? Number.NaN) + 1) counts.wrong += 1;
      last[method] = value;
      if (value > 0) counts.got += 1;
      else if ((greeted += 1) === LISTENS) resolve();
    });
  });
  await once(socket, "open");
  for (let count = 0; count < LISTENS; count += 1) {
    const method = (index % (LISTENED / LISTENS)) * LISTENS + count;
    socket.send(JSON.stringify({ COMMAND: "LISTEN", DATA: `/group${method}/method${String(method).padStart(5, "0")}` }));
  }
  await ready;
  return socket;
}

interface Delivery {
  readonly rate: number;
  readonly lost: number;
  readonly cpu: number;
  readonly growth: number;
}

async function measureListeners(rate: number): Promise<Delivery> {
  await using server = await start("ours", LISTENED);
  const counts = { got: 0, wrong: 0 };
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => listen(server.port, index, counts)));
  const total = (rate * SECONDS * CONNECTIONS * LISTENS) / LISTENED;
  const cpuBefore = cpuSeconds(server.pid);
  const { seconds = 0, growth = 0 } = await server.ask(`change ${rate} ${SECONDS}`);
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  // Wait for messages in flight.
  for (let before = -1; counts.got > before && counts.got < total; await new Promise((resolve) => setTimeout(resolve, 500)))
    before = counts.got;
  for (const socket of sockets) socket.terminate();
  return { rate: total / seconds, lost: total - counts.got + counts.wrong, cpu: (cpu * 1e6) / total, growth: growth / 2 ** 20 };
}

const ours = await measureTree("ours");
const isTheirsThere = existsSync(new URL("node_modules/oscquery/", import.meta.url));
const theirs = isTheirsThere ? await measureTree("theirs") : null;
const deliveries: Delivery[] = [];
for (const rate of RATES) deliveries.push(await measureListeners(rate));
const tenth = (figure: number): number => Math.round(figure * 10) / 10;
const [first] = deliveries;
const goals: Goal[] = [
  { goal: "the whole tree of 10,000 methods served in under 100 ms", measured: `${tenth(ours[0])} ms`, met: ours[0] < 100 },
  {
    goal: "1,000 listeners on 100 connections get all of 5,000 changes/s, with less than 200 MiB",
    measured: `${first?.lost} of ${5000 * LISTENS * SECONDS} lost, ${tenth(first?.growth ?? Number.NaN)} MiB`,
    met: first?.lost === 0 && first.growth < 200,
  },
];
finish(
  {
    benchmark: "oscquery",
    tables: [
      {
        title: "The tree of 10,000 methods over HTTP, after all values have changed",
        columns: ["ms", "CPU ms of the server", "MB"],
        rows: [
          { name: "oscine", cells: ours.map(tenth) },
          ...(theirs === null ? [] : [{ name: "oscquery 1.1.1 of npm", cells: theirs.map(tenth) }]),
        ],
      },
      {
        title: "1,000 listeners on 100 connections",
        note: "Each change is sent to ten connections.",
        columns: ["messages/s", "lost", "CPU µs per message", "memory, MiB"],
        rows: deliveries.map(({ rate, lost, cpu, growth }, index) => ({
          name: `${RATES[index]?.toLocaleString("en")} changes/s`,
          cells: [Math.round(rate), lost, Math.round(cpu * 100) / 100, tenth(growth)] satisfies Cell[],
        })),
      },
    ],
    goals,
  },
  options,
);
