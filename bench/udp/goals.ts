/** The floors of the UDP servers of bench/udp.ts. */
import { type Goal, median } from "../suite/report.ts";
import type { Burst, Echoes, Sent } from "./load.ts";

/** The results of one server. */
export interface Row {
  readonly name: string;
  readonly echo: { readonly p50: number; readonly p99: number; readonly p999: number; readonly lost: number };
  readonly lost: (number | null)[];
  /** Messages actually sent per second, at each rate. */
  readonly reached: number[];
  readonly most: number;
  readonly cpu: number;
  readonly cpuFlood: number;
  readonly flood: number;
  readonly served: number;
  readonly memory: number;
  /** Messages sent and handled in a burst while a handler was busy, in the worst round. */
  readonly burst: Burst;
  /** For each round. */
  readonly echoes: readonly Echoes[];
  readonly floods: readonly Sent[];
}

const cpuOf = ({ cpu }: Sent): number => cpu;
const halfOf = ({ p50 }: Echoes): number => p50;
export const handledASecond = ({ handled, sent, rate }: Sent): number => (handled / sent) * rate;

/** The median of the ratios of each round, because load in a round affects both. */
function ratio<Figure>(ours: readonly Figure[], theirs: readonly Figure[], of: (figure: Figure) => number): number {
  return median(ours.flatMap((figure, round) => (theirs[round] === undefined ? [] : [of(figure) / of(theirs[round])])));
}

/** @param paced the rates, in messages per second, to which `lost` and `reached` of each row belong */
export function goals(rows: readonly Row[], paced: readonly number[]): Goal[] {
  const row = (name: string): Row | undefined => rows.find((one) => one.name === name);
  const [bare, async, blocking, threading] = ["bare dgram", "oscine async", "oscine blocking", "oscine threading"].map(row);
  const list: Goal[] = [];
  if (bare && async) {
    const flood = ratio(async.floods, bare.floods, handledASecond);
    list.push({
      goal: "async: handles at least 0.9 of what a bare dgram socket does in a flood",
      measured: flood.toFixed(2),
      met: flood >= 0.9,
    });
    const cpu = ratio(async.floods, bare.floods, cpuOf);
    list.push({ goal: "async: CPU per packet at most 1.25 of a bare dgram socket", measured: cpu.toFixed(2), met: cpu <= 1.25 });
    const echo = ratio(async.echoes, bare.echoes, halfOf);
    list.push({ goal: "async: echo p50 at most 1.2 of a bare dgram socket", measured: echo.toFixed(2), met: echo <= 1.2 });
  }
  if (blocking) {
    list.push(...fasterEcho("blocking", blocking, row("python-osc blocking")), lossless("blocking", blocking, 150_000, paced));
    const { sent, handled } = blocking.burst;
    const goal = "blocking: loses nothing of a burst of 10,000 while a handler is busy for 100 ms";
    list.push({ goal, measured: `${sent - handled} of ${sent.toLocaleString("en")} lost`, met: sent >= 10_000 && handled >= sent });
  }
  if (threading)
    list.push(lossless("threading", threading, 50_000, paced), ...fasterEcho("threading", threading, row("python-osc threading")));
  return list;
}

function lossless(name: string, { lost, reached }: Row, rate: number, paced: readonly number[]): Goal {
  const loss = lost[paced.indexOf(rate)] ?? null;
  const sent = reached[paced.indexOf(rate)] ?? 0;
  const measured = loss === null ? "most lost at less" : `${loss.toFixed(3)} % lost of ${Math.round(sent).toLocaleString("en")}/s`;
  // A rate that the sender didn't reach proves nothing.
  return {
    goal: `${name}: lossless at ${rate.toLocaleString("en")} small messages per second`,
    measured,
    met: loss === 0 && sent >= 0.95 * rate,
  };
}

function fasterEcho(name: string, ours: Row, theirs: Row | undefined): Goal[] {
  if (theirs === undefined) return [];
  const measured = `${ours.echo.p50.toFixed(0)} µs, python-osc ${theirs.echo.p50.toFixed(0)} µs`;
  return [{ goal: `${name}: echo p50 ahead of python-osc's`, measured, met: ours.echo.p50 < theirs.echo.p50 }];
}
