/**
 * What does a UDP server take, and what does it cost? Ours beside a bare socket of Node, the npm packages, liblo, a program in C and python-osc:
 *
 *     npm run bench -- udp [--json] [--quick]
 *
 * - echo: one message there and back, one after another;
 * - paced: small messages at even rates, decoded, dispatched and counted: how many are lost, and processor time for each;
 * - sending: how many small messages a client sends in a second, one by one and many at once;
 * - flood: 400,000 a second, of which no server can lose what it serves.
 *
 * A program in C sends (bench/c/udp-load.c), so that it is never the bottleneck; it needs Linux and cc. All servers take turns in every
 * round, and the median counts. PYTHONPATH leads to a checkout of python-osc, if it is to be in the table.
 */
import { fileURLToPath } from "node:url";
import { compileProgram } from "./suite/c-program.ts";
import { benchOptions } from "./suite/options.ts";
import { hasNpmPeers, hasPythonOsc } from "./suite/peers.ts";
import { finish, type Goal, median } from "./suite/report.ts";
import { sending } from "./udp/sending.ts";
import { type Echoes, loadProgram, type Sent, ServerProcess } from "./udp/load.ts";

const options = benchOptions();
const PACED = options.quick ? [20_000, 100_000, 300_000] : [20_000, 100_000, 200_000, 300_000];
const FLOOD = 400_000;
const ROUNDS = options.quick ? 1 : 3;
const SECONDS = options.quick ? 1 : 2;
const ECHOES = options.quick ? 2000 : 10_000;
/** A rate counts as taken where fewer than one in a thousand are lost. */
const BEARABLE = 0.001;

interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
}

interface Findings {
  readonly echoes: Echoes[];
  readonly sent: Map<number, Sent[]>;
}

const program = loadProgram();
if (program === undefined) {
  console.error("The benchmark of UDP needs its sender: nothing was measured.");
  process.exitCode = 1;
} else {
  await compare(program, contestants());
}

function contestants(): Contestant[] {
  const file = (name: string): string => fileURLToPath(new URL(`udp/${name}`, import.meta.url));
  const inNode = (name: string, ...args: string[]): Contestant => ({ name, command: [process.execPath, file("server.mjs"), ...args] });
  const ours = (name: string, kind: string, settings: object = {}): Contestant => inNode(name, "oscine", kind, JSON.stringify(settings));
  const list = [
    inNode("bare dgram", "bare"),
    ours("oscine async", "Async"),
    ours("oscine async, receiver thread", "Async", { receiver: "thread" }),
    ours("oscine async, portable", "Async", { native: false }),
    ours("oscine blocking", "Blocking"),
    ours("oscine blocking, portable", "Blocking", { native: false }),
    ours("oscine threading", "Threading"),
    ours("oscine threading, portable", "Threading", { native: false }),
  ];
  if (hasNpmPeers()) list.push(inNode("node-osc", "node-osc"), inNode("osc.js", "osc"), inNode("osc-js", "osc-js"));
  const echo = compileProgram("echo-udp.c", [], "apt install gcc; Linux only");
  if (echo !== undefined) list.push({ name: "recvfrom, sendto (C)", command: [echo] });
  const liblo = compileProgram("liblo-udp.c", ["lo"], "apt install gcc liblo-dev");
  if (liblo !== undefined) list.push({ name: "liblo (C)", command: [liblo] });
  if (hasPythonOsc()) {
    for (const kind of ["blocking", "asyncio", "threading"])
      list.push({ name: `python-osc ${kind}`, command: ["python3", file("python-osc.py"), kind] });
  }
  return list;
}

async function compare(load: string, servers: readonly Contestant[]): Promise<void> {
  const findings = servers.map((): Findings => ({ echoes: [], sent: new Map() }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, { name, command }] of servers.entries()) {
      const { echoes, sent } = findings[index]!;
      const server = await ServerProcess.start(load, command);
      echoes.push(await server.echo(ECHOES, 0));
      for (const rate of [...PACED, FLOOD]) {
        // What has long lost most need not be asked for more.
        const last = sent.get(PACED.findLast((before) => before < rate) ?? 0)?.at(-1);
        if (rate !== FLOOD && last !== undefined && last.handled < last.sent / 2) break;
        sent.set(rate, [...(sent.get(rate) ?? []), await server.send(rate, SECONDS)]);
      }
      await server.end();
      console.error(`round ${round + 1}: ${name}`);
    }
  }
  const rows = servers.map(({ name }, index) => ({ name, ...summary(findings[index]!) }));
  finish(
    {
      benchmark: "udp",
      tables: [
        await sending(),
        {
          title: "Echo: one message there and back, one after another",
          note: "µs.",
          columns: ["p50", "p99", "p99.9", "lost"],
          rows: rows.map(({ name, echo }) => ({ name, cells: [echo.p50, echo.p99, echo.p999, echo.lost] })),
        },
        {
          title: "Small messages, decoded, dispatched and counted",
          note: `Lost in percent at so many a second; the most a second with less than 0.1 % lost; processor time in µs for a message that was handled, at 20,000/s and in the flood of ${FLOOD.toLocaleString("en")}/s; how many a second were handled in the flood; memory after it in MB.`,
          columns: [...PACED.map((rate) => `${rate / 1000}k`), "most", "CPU 20k", "CPU flood", "flood handled", "MB"],
          rows: rows.map(({ name, lost, most, cpu, cpuFlood, flood, memory }) => ({
            name,
            cells: [...lost, most, cpu, cpuFlood, flood, memory],
          })),
        },
      ],
      goals: goals(rows),
    },
    options,
  );
}

interface Row {
  readonly name: string;
  readonly echo: { readonly p50: number; readonly p99: number; readonly p999: number; readonly lost: number };
  readonly lost: (number | null)[];
  /** How many a second the sender sent, at each rate. */
  readonly reached: number[];
  readonly most: number;
  readonly cpu: number;
  readonly cpuFlood: number;
  readonly flood: number;
  readonly served: number;
  readonly memory: number;
}

function summary({ echoes, sent }: Findings): Omit<Row, "name"> {
  const of = (values: readonly number[]): number => median(values);
  const at = (rate: number): Sent[] => sent.get(rate) ?? [];
  const lossAt = (rate: number): number | null =>
    sent.has(rate) ? of(at(rate).map((one) => Math.max(0, 1 - one.handled / one.sent))) : null;
  const most = PACED.findLast((rate) => (lossAt(rate) ?? 1) < BEARABLE) ?? 0;
  return {
    echo: {
      p50: of(echoes.map(({ p50 }) => p50)),
      p99: of(echoes.map(({ p99 }) => p99)),
      p999: of(echoes.map(({ p999 }) => p999)),
      lost: echoes.reduce((sum, { lost }) => sum + lost, 0),
    },
    lost: PACED.map((rate) => {
      const loss = lossAt(rate);
      return loss === null ? null : loss * 100;
    }),
    reached: PACED.map((rate) => of(at(rate).map((one) => one.rate))),
    most,
    cpu: of(at(PACED[0] ?? 0).map(({ cpu }) => cpu)),
    cpuFlood: of(at(FLOOD).map(({ cpu }) => cpu)),
    flood: Math.round(of(at(FLOOD).map(({ handled, sent: all, rate }) => (handled / all) * rate))),
    served: of(at(FLOOD).map(({ handled, sent: all }) => handled / all)),
    memory: of(at(FLOOD).map(({ memory }) => memory)),
  };
}

function goals(rows: readonly Row[]): Goal[] {
  const row = (name: string): Row | undefined => rows.find((one) => one.name === name);
  const list: Goal[] = [];
  const judge = (goal: string, measured: string, met: boolean, because: string): void => {
    list.push(met ? { goal, measured, met } : { goal, measured, met, because });
  };
  const times = (goal: string, figure: number, most: number, because: string): void =>
    judge(goal, `${figure.toFixed(2)} times`, figure <= most, because);
  const lossless = (name: string, { lost, reached }: Row, rate: number, because: string): void => {
    const index = PACED.indexOf(rate);
    const loss = lost[index] ?? null;
    // A rate that the sender did not reach shows nothing.
    const isReached = (reached[index] ?? 0) >= 0.95 * rate;
    const measured =
      loss === null ? "most lost at less" : `${loss.toFixed(3)} % lost of ${Math.round(reached[index] ?? 0).toLocaleString("en")}/s`;
    const goal = `${name}: lossless at ${rate.toLocaleString("en")} small messages a second, decoded and dispatched`;
    judge(
      goal,
      measured,
      loss === 0 && isReached,
      // What lost packets before the sender was at its limit says why itself.
      isReached || loss !== 0 ? because : "The sender did not reach the rate, for the server and the system took both cores",
    );
  };

  const bare = row("bare dgram");
  const portable = row("oscine async, portable");
  const async = row("oscine async");
  const blocking = row("oscine blocking");
  const threading = row("oscine threading");
  const liblo = row("liblo (C)");
  const inC = row("recvfrom, sendto (C)");
  const dgram = "Both run at the limit of Node's own dgram; what is left is the decoding and the handler";
  const shared = "The sender and the server share two cores with everything else that runs there";
  if (bare && portable) {
    const share = portable.flood / bare.flood;
    judge("async, portable: at least 0.9 of what a bare dgram socket serves in a flood", `${share.toFixed(2)} of it`, share >= 0.9, dgram);
    times(
      "async, portable: at most 1.2 times the processor time of a bare dgram socket for a packet",
      portable.cpuFlood / bare.cpuFlood,
      1.2,
      dgram,
    );
    times("async, portable: echo p50 at most 1.15 times that of a bare dgram socket", portable.echo.p50 / bare.echo.p50, 1.15, dgram);
    lossless("async, portable, with default options", portable, 100_000, dgram);
  }
  const natives = [
    ["async, native", async],
    ["async, receiver thread", row("oscine async, receiver thread")],
    ["blocking, native", blocking],
  ] as const;
  for (const [name, one] of natives) {
    if (one === undefined) continue;
    lossless(name, one, 300_000, shared);
    judge(`${name}: of a flood of 400,000/s at least 95 % served`, `${(one.served * 100).toFixed(1)} % served`, one.served >= 0.95, shared);
    if (liblo)
      times(`${name}: at most 1.5 times the processor time of liblo's server for a packet`, one.cpuFlood / liblo.cpuFlood, 1.5, shared);
  }
  if (threading) lossless("threading, native", threading, 300_000, "Receiver, handler and sender are three threads on two cores");
  if (blocking && inC) {
    times("blocking, native: echo p50 at most 1.3 times that of recvfrom and sendto in C", blocking.echo.p50 / inC.echo.p50, 1.3, shared);
  }
  return list;
}
