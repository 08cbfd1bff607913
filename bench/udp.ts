/**
 * How much can a UDP server handle, and at what cost? Compares ours with a bare Node socket, npm packages, liblo, a C program and
 * python-osc:
 *
 *     npm run bench -- udp [--json] [--quick]
 *
 * - echo: one round trip at a time;
 * - paced: small messages at even rates, decoded, dispatched and counted: the loss, and CPU time per message;
 * - sending: how many small messages per second a client sends, one by one and in batches;
 * - burst: some 12,000 messages to a blocking server while a handler is busy for 100 ms;
 * - flood: 400,000 per second; the number handled counts.
 *
 * The sender is a C program (bench/c/udp-load.c), so that it is never the bottleneck; it needs Linux and cc. All servers run in every round
 * and alternate at each rate, because the machine's speed changes from minute to minute. The median counts; comparisons use the median of
 * the ratios of each round. To include python-osc, point PYTHONPATH to a checkout of it.
 */
import { fileURLToPath } from "node:url";
import { compileProgram } from "./suite/c-program.ts";
import { benchOptions } from "./suite/options.ts";
import { hasNpmPeers, hasPythonOsc } from "./suite/peers.ts";
import { finish, median } from "./suite/report.ts";
import { goals, handledASecond, type Row } from "./udp/goals.ts";
import { sending } from "./udp/sending.ts";
import { type Burst, type Echoes, loadProgram, type Sent, ServerProcess } from "./udp/load.ts";

const options = benchOptions();
const PACED = [20_000, 50_000, 100_000, 150_000];
const FLOOD = 400_000;
const ROUNDS = options.quick ? 1 : 3;
/** Longer at the lowest rate, because the system counts CPU time in hundredths of seconds. */
const secondsAt = (rate: number): number => (rate === PACED[0] ? 2 : 1);
const ECHOES = options.quick ? 2000 : 5000;
/** Echo runs per round, because the machine's speed changes within a round too. */
const ECHO_TURNS = options.quick ? 1 : 2;
/** A rate counts as handled if less than one message in a thousand is lost. */
const BEARABLE = 0.001;

interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
}

/** The results of one server: its echoes in each round, and what was sent at each rate. */
interface Findings {
  readonly echoes: Echoes[];
  readonly sent: Map<number, Sent[]>;
  readonly bursts: Burst[];
}

const program = loadProgram();
if (program === undefined) {
  console.error("The UDP benchmark needs its sender: nothing was measured.");
  process.exitCode = 1;
} else {
  await compare(program, contestants());
}

function contestants(): Contestant[] {
  const file = (name: string): string => fileURLToPath(new URL(`udp/${name}`, import.meta.url));
  const inNode = (name: string, ...args: string[]): Contestant => ({ name, command: [process.execPath, file("server.mjs"), ...args] });
  const ours = (name: string, kind: string, settings: object = {}): Contestant => inNode(name, "oscine", kind, JSON.stringify(settings));
  const list = [inNode("bare dgram", "bare")];
  const echo = compileProgram("echo-udp.c", [], "apt install gcc; Linux only");
  if (echo !== undefined) list.push({ name: "recvfrom, sendto (C)", command: [echo] });
  const liblo = compileProgram("liblo-udp.c", ["lo"], "apt install gcc liblo-dev");
  if (liblo !== undefined) list.push({ name: "liblo (C)", command: [liblo] });
  list.push(
    ours("oscine async", "Async"),
    ours("oscine async, portable", "Async", { native: false }),
    ours("oscine blocking", "Blocking"),
    ours("oscine blocking, portable", "Blocking", { native: false }),
    ours("oscine threading", "Threading"),
  );
  if (hasNpmPeers()) list.push(inNode("node-osc", "node-osc"), inNode("osc.js", "osc"), inNode("osc-js", "osc-js"));
  if (hasPythonOsc()) {
    for (const kind of ["blocking", "asyncio", "threading"])
      list.push({ name: `python-osc ${kind}`, command: ["python3", file("python-osc.py"), kind] });
  }
  return list;
}

async function compare(load: string, servers: readonly Contestant[]): Promise<void> {
  const findings = servers.map((): Findings => ({ echoes: [], sent: new Map(), bursts: [] }));
  for (let round = 0; round < ROUNDS; round += 1) await takeTurns(load, servers, findings, round);
  const rows = servers.map(({ name }, index) => ({ name, ...summary(findings[index]!) }));
  const sent = await sending();
  finish(
    {
      benchmark: "udp",
      tables: [
        sent.table,
        {
          title: "Echo: one round trip after another",
          note: "µs.",
          columns: ["p50", "p99", "p99.9", "lost"],
          rows: rows.map(({ name, echo }) => ({ name, cells: [echo.p50, echo.p99, echo.p999, echo.lost] })),
        },
        {
          title: "Small messages, decoded, dispatched and counted",
          note: `Percent lost at each rate per second; the highest rate with less than 0.1 % lost; CPU time in µs per handled message, at 20,000/s and in the flood of ${FLOOD.toLocaleString("en")}/s; how many per second were handled in the flood; memory after it in MB.`,
          columns: [...PACED.map((rate) => `${rate / 1000}k`), "most", "CPU 20k", "CPU flood", "flood handled", "MB"],
          rows: rows.map(({ name, lost, most, cpu, cpuFlood, flood, memory }) => ({
            name,
            cells: [...lost, most, cpu, cpuFlood, flood, memory],
          })),
        },
      ],
      goals: [sent.goal, ...goals(rows, PACED)],
    },
    options,
  );
}

async function takeTurns(load: string, contestants: readonly Contestant[], findings: readonly Findings[], round: number): Promise<void> {
  const servers = await Promise.all(contestants.map(({ command }) => ServerProcess.start(load, command)));
  const givenUp = new Set<ServerProcess>();
  try {
    for (let turn = 0; turn < ECHO_TURNS; turn += 1) {
      for (const [index, server] of servers.entries()) findings[index]!.echoes.push(await server.echo(ECHOES, 0));
    }
    for (const [index, { name }] of contestants.entries()) {
      if (name.startsWith("oscine blocking")) findings[index]!.bursts.push(await servers[index]!.burst());
    }
    for (const rate of [...PACED, FLOOD]) {
      for (const [index, server] of servers.entries()) {
        if (givenUp.has(server)) continue;
        const { sent } = findings[index]!;
        const result = await server.send(rate, secondsAt(rate));
        sent.set(rate, [...(sent.get(rate) ?? []), result]);
        // Skip higher rates for a server that already loses most messages.
        if (rate !== PACED.at(-1) && result.handled < result.sent / 2) givenUp.add(server);
      }
      console.error(`round ${round + 1}: ${rate}/s`);
    }
  } finally {
    await Promise.all(servers.map((server) => server.end()));
  }
}

function summary({ echoes, sent, bursts }: Findings): Omit<Row, "name"> {
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
    flood: Math.round(of(at(FLOOD).map(handledASecond))),
    served: of(at(FLOOD).map(({ handled, sent: all }) => handled / all)),
    memory: of(at(FLOOD).map(({ memory }) => memory)),
    burst: bursts.reduce(
      (worst, one) => (one.sent - one.handled > worst.sent - worst.handled ? one : worst),
      bursts[0] ?? { sent: 0, handled: 0 },
    ),
    echoes,
    floods: at(FLOOD),
  };
}
