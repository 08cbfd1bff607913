/** What the UDP servers of bench/udp.ts are to reach, and whether they do. */
import { type Goal, median } from "../suite/report.ts";
import type { Echoes, Sent } from "./load.ts";

/** What was found of one server. */
export interface Row {
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
  /** Of each round. */
  readonly echoes: readonly Echoes[];
  readonly floods: readonly Sent[];
}

const cpuOf = ({ cpu }: Sent): number => cpu;
const halfOf = ({ p50 }: Echoes): number => p50;
export const handledASecond = ({ handled, sent, rate }: Sent): number => (handled / sent) * rate;

/** The median of the ratios of each round: what the machine did in a round, it did to both. */
function ratio<Figure>(ours: readonly Figure[], theirs: readonly Figure[], of: (figure: Figure) => number): number {
  return median(ours.flatMap((figure, round) => (theirs[round] === undefined ? [] : [of(figure) / of(theirs[round])])));
}

/** @param paced the rates, in messages a second, to which `lost` and `reached` of each row belong */
export function goals(rows: readonly Row[], paced: readonly number[]): Goal[] {
  const row = (name: string): Row | undefined => rows.find((one) => one.name === name);
  const list: Goal[] = [];
  const judge = (goal: string, measured: string, met: boolean, because: string): void => {
    list.push(met ? { goal, measured, met } : { goal, measured, met, because });
  };
  const times = (goal: string, figure: number, most: number, because: string): void =>
    judge(goal, `${figure.toFixed(2)} times`, figure <= most, because);
  const lossless = (name: string, { lost, reached }: Row, rate: number, because: string): void => {
    const index = paced.indexOf(rate);
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
  const dgram =
    "Of the time that a packet takes, dgram itself has some nine tenths: decoding, finding the handler and calling it are the rest";
  const shared = "The sender and the server share two cores with everything else that runs there";
  if (bare && portable) {
    const share = ratio(portable.floods, bare.floods, handledASecond);
    judge("async, portable: at least 0.9 of what a bare dgram socket serves in a flood", `${share.toFixed(2)} of it`, share >= 0.9, dgram);
    times(
      "async, portable: at most 1.2 times the processor time of a bare dgram socket for a packet",
      ratio(portable.floods, bare.floods, cpuOf),
      1.2,
      dgram,
    );
    times(
      "async, portable: echo p50 at most 1.15 times that of a bare dgram socket",
      ratio(portable.echoes, bare.echoes, halfOf),
      1.15,
      dgram,
    );
    lossless("async, portable, with default options", portable, 100_000, dgram);
  }
  const natives = [
    ["async, native", async, "A turn of the event loop takes some 5 µs, and brings but few packets where they come one by one"],
    ["blocking, native", blocking, shared],
    ["threading, native", threading, "A packet goes to another thread, and word of it comes back"],
  ] as const;
  for (const [name, one, costly] of natives) {
    if (one === undefined) continue;
    lossless(name, one, 300_000, shared);
    judge(`${name}: of a flood of 400,000/s at least 95 % served`, `${(one.served * 100).toFixed(1)} % served`, one.served >= 0.95, shared);
    if (liblo)
      times(
        `${name}: at most 1.5 times the processor time of liblo's server for a packet`,
        ratio(one.floods, liblo.floods, cpuOf),
        1.5,
        costly,
      );
  }
  if (blocking && inC) {
    times(
      "blocking, native: echo p50 at most 1.3 times that of recvfrom and sendto in C",
      ratio(blocking.echoes, inC.echoes, halfOf),
      1.3,
      "Where the system has the program in C and its client on one processor, it answers in some 13 µs, else in some 50: one run shows this, another that",
    );
  }
  return list;
}
