/**
 * What does a UDP server take, and what does it cost? Ours beside a bare socket of Node, the npm packages, liblo and python-osc:
 *
 *     npm run bench -- udp [--json] [--quick]
 *
 * - echo: one message there and back, one after another;
 * - paced: small messages at even rates, decoded, dispatched and counted: how many are lost, and processor time for each;
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
import { type Echoes, loadProgram, type Sent, ServerProcess } from "./udp/load.ts";

const options = benchOptions();
const PACED = options.quick ? [20_000, 100_000] : [20_000, 100_000, 200_000, 300_000];
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
  const list = [
    inNode("bare dgram", "bare"),
    inNode("oscine async", "oscine", "async"),
    inNode("oscine blocking", "oscine", "blocking"),
    inNode("oscine blocking, portable", "oscine", "portable"),
  ];
  if (hasNpmPeers()) list.push(inNode("node-osc", "node-osc"), inNode("osc.js", "osc"), inNode("osc-js", "osc-js"));
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
  const bare = row("bare dgram");
  const ours = row("oscine async");
  const blocking = row("oscine blocking");
  const liblo = row("liblo (C)");
  const list: Goal[] = [];
  const noisy = "Both run at the limit of Node's own dgram; what is left is the decoding and the handler";
  const times = (goal: string, figure: number, most: number, because: string): void => {
    const measured = `${figure.toFixed(2)} times`;
    list.push(figure <= most ? { goal, measured, met: true } : { goal, measured, met: false, because });
  };
  if (bare && ours) {
    const share = ours.flood / bare.flood;
    const measured = `${share.toFixed(2)} of it`;
    const goal = "async: at least 0.9 of what a bare dgram socket serves in a flood";
    list.push(share >= 0.9 ? { goal, measured, met: true } : { goal, measured, met: false, because: noisy });
    times("async: at most 1.2 times the processor time of a bare dgram socket for a packet", ours.cpuFlood / bare.cpuFlood, 1.2, noisy);
    times("async: echo p50 at most 1.15 times that of a bare dgram socket", ours.echo.p50 / bare.echo.p50, 1.15, noisy);
    const lost = ours.lost[PACED.indexOf(100_000)] ?? 100;
    list.push({ goal: "async: no loss at 100,000/s with default options", measured: `${lost.toFixed(3)} % lost`, met: lost === 0 });
  }
  if (blocking && liblo) {
    const because = "The sender and the server share two cores with everything else that runs there";
    const lost = blocking.lost[PACED.indexOf(300_000)];
    if (lost !== undefined)
      list.push({
        goal: "blocking, native: lossless at 300,000/s",
        measured: `${lost === null ? "–" : lost.toFixed(2)} % lost`,
        met: lost === 0,
        because,
      });
    const served = `${(blocking.served * 100).toFixed(1)} % served`;
    list.push({
      goal: "blocking, native: of a flood of 400,000/s at least 95 % served",
      measured: served,
      met: blocking.served >= 0.95,
      because,
    });
    times(
      "blocking, native: at most 1.5 times the processor time of liblo's server for a packet",
      blocking.cpuFlood / liblo.cpuFlood,
      1.5,
      because,
    );
  }
  return list.map(({ goal, measured, met, because }) =>
    met || because === undefined ? { goal, measured, met } : { goal, measured, met, because },
  );
}
