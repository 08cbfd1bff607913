/**
 * What does it cost to get from a packet's bytes to its handler, and does it grow with the number of mapped addresses?
 *
 *     npm run bench -- dispatch [--json] [--quick]
 *
 * Oscine, node-osc, osc-js, liblo and python-osc handle the same packets: decode, find the handlers, call them. Messages go to ten of the
 * mapped addresses in turn. "1,000 in turn" goes to 1,000 of them in random order, like real traffic; "cold" runs right after other work
 * that has filled the CPU caches, so that it mostly waits for memory. All handlers count their calls, and the counts are checked. See
 * bench/dispatch-address.ts for the parts of the search.
 */
import type * as Codec from "../src/codec/index.ts";
import type * as Dispatch from "../src/dispatch/index.ts";
import { measure, type Subject } from "./codec/measure.ts";
import { addressesOf, chosenOf } from "./dispatch/addresses.ts";
import { type Contestant, contestants, DESCRIBED, type Mapped, NOBODY, OSCINE, programs } from "./dispatch/contestants.ts";
import { compiled } from "./suite/compiled.ts";
import { benchOptions } from "./suite/options.ts";
import { finish, type Goal, median, type Plot, type Table } from "./suite/report.ts";

const options = benchOptions();
const { encode, float, OscMessage } = await compiled<typeof Codec>("codec.js");
const { Dispatcher } = await compiled<typeof Dispatch>("core.js");

const COUNTS = options.quick ? [10, 1000, 100_000] : [10, 100, 1000, 10_000, 100_000];
const GOAL_COUNTS = [10, 1000, 100_000];
const ROUNDS = options.quick ? 15 : 30;
const TEN = 10;
const MANY = "oscine, 1,000 in turn";
const COLD = "oscine, 1,000 in turn, cold";
const heading = GOAL_COUNTS.map((count) => count.toLocaleString("en"));

/** The cost of a row, by number of mapped addresses. */
type Costs = Map<number, number>;

const packetTo = (address: string): Buffer => Buffer.from(encode(new OscMessage(address, float(1))).slice());
const packetsOf = (count: number, most: number): Buffer[] => {
  const addresses = addressesOf(count);
  return chosenOf(count, most).map((index) => packetTo(addresses[index] ?? "/"));
};
const patternPackets = (count: number): Buffer[] =>
  chosenOf(Math.ceil(count / 8), TEN).map((channel) => packetTo(`/mixer/channel/${channel}/{gain,pan}`));

const all = await contestants();
const others = programs();
const literal = new Map<string, Costs>();
const pattern = new Map<string, Costs>();
const found = new Map<string, Costs>();

for (const count of COUNTS) compareAt(count);
const mapping = mapAndUnmap();
finish({ benchmark: "dispatch", tables: tables(), goals: goals(), plots: [plot()] }, options);

function compareAt(count: number): void {
  const addresses = addressesOf(count);
  const packets = packetsOf(count, TEN);
  const many = packetsOf(count, 1000);
  const patterns = patternPackets(count);
  const subjects: Subject[] = [];
  const into: Costs[] = [];
  const add = (rows: Map<string, Costs>, name: string, run: (index: number) => unknown): void => {
    subjects.push({ name, run, cold: name === COLD });
    into.push(costsOf(rows, name));
  };
  for (const contestant of all) {
    const mapped = checked(contestant, addresses, packets);
    add(literal, contestant.name, (index) => mapped.handle(packets[index % packets.length]!) ?? 0);
    if (contestant.name === OSCINE)
      for (const name of [MANY, COLD]) add(literal, name, (index) => mapped.handle(many[index % many.length]!) ?? 0);
    if (contestant.patterns) add(pattern, contestant.name, (index) => mapped.handle(patterns[index % patterns.length]!) ?? 0);
  }
  const dispatcher = new Dispatcher();
  for (const address of addresses) dispatcher.map(address, () => undefined);
  for (const packet of [...packets, ...many]) dispatcher.callHandlersForPacket(packet, NOBODY);
  add(found, OSCINE, (index) => dispatcher.matchBytes(packets[index % packets.length]!)!.found);
  for (const name of [MANY, COLD]) add(found, name, (index) => dispatcher.matchBytes(many[index % many.length]!)!.found);
  for (const [index, ns] of measure(subjects, ROUNDS).entries()) into[index]!.set(count, ns);
  for (const program of others) {
    const times = Array.from({ length: options.quick ? 1 : 3 }, () => program.time(count, packets));
    costsOf(literal, program.name).set(count, median(times));
    costsOf(pattern, program.name).set(count, program.time(count, patterns));
  }
}

/** Checks before timing that every packet reaches one handler. */
function checked(contestant: Contestant, addresses: readonly string[], packets: readonly Buffer[]): Mapped {
  const mapped = contestant.mapped(addresses);
  const some = packets.slice(0, TEN);
  for (const packet of some) mapped.handle(packet);
  if (mapped.calls() !== some.length) throw new Error(`${contestant.name} called ${mapped.calls()} handlers for ${some.length} packets.`);
  return mapped;
}

/** Milliseconds to map and unmap 100,000 addresses, the median of five runs. */
function mapAndUnmap(): number {
  const addresses = addressesOf(100_000);
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now();
    const dispatcher = new Dispatcher();
    const handlers = addresses.map((address) => dispatcher.map(address, () => undefined));
    for (const [index, address] of addresses.entries()) dispatcher.unmap(address, handlers[index]!);
    return performance.now() - started;
  });
  return median(times);
}

function tables(): Table[] {
  const tableOf = (title: string, note: string, rows: Map<string, Costs>): Table => ({
    title,
    note,
    columns: heading,
    rows: [...rows].map(([name, costs]) => ({ name, cells: GOAL_COUNTS.map((count) => costs.get(count) ?? null) })),
  });
  const at = "by number of mapped addresses";
  return [
    tableOf("From a packet's bytes to its handler, called: literal addresses", `ns for a packet, ${at}.`, literal),
    tableOf("The same for patterns that were seen before, with two matches each", `ns for a packet, ${at}. node-osc knows none.`, pattern),
    tableOf("Of that, to find the handlers of a literal address from the packet's bytes", `ns, ${at}.`, found),
    { title: "To map 100,000 addresses and unmap them again", columns: ["ms"], rows: [{ name: "oscine", cells: [mapping] }] },
  ];
}

function goals(): Goal[] {
  const shownOf = (costs: Costs): string => GOAL_COUNTS.map((count) => `${Math.round(costs.get(count) ?? Number.NaN)} ns`).join(", ");
  const within = (goal: string, rows: Map<string, Costs>, most: number): Goal => {
    const shown = [OSCINE, MANY, COLD].map((name) => shownOf(rows.get(name)!));
    const met = [OSCINE, MANY].every((name) => GOAL_COUNTS.every((count) => (rows.get(name)!.get(count) ?? Infinity) <= most));
    return { goal, measured: `ten of them ${shown[0]}; 1,000 in turn ${shown[1]}; out of a cold cache ${shown[2]}`, met };
  };
  return [
    within(
      "the handlers of a literal address from the packet's bytes in at most 200 ns, alike at 10, 1,000 and 100,000 addresses",
      found,
      200,
    ),
    within("decode, dispatch and call of a small message in at most 400 ns, alike at 10, 1,000 and 100,000 addresses", literal, 400),
    beside(),
    { goal: "mapping and unmapping 100,000 addresses in less than a second", measured: `${Math.round(mapping)} ms`, met: mapping < 1000 },
  ];
}

/** The cost of a description: its types and range are checked, and the last value is stored. */
function beside(): Goal {
  const ratios = GOAL_COUNTS.map((count) => (literal.get(DESCRIBED)!.get(count) ?? Infinity) / (literal.get(OSCINE)!.get(count) ?? 0));
  const measured = ratios.map((ratio) => ratio.toFixed(2)).join(", ");
  return {
    goal: "a described method in at most 1.5 times an undescribed one, at 10, 1,000 and 100,000 addresses",
    measured,
    met: ratios.every((ratio) => ratio <= 1.5),
  };
}

function plot(): Plot {
  const lines = [...literal].map(([name, costs]) => ({ name, points: [...costs] }));
  return { file: "dispatch", title: "From a packet's bytes to its handler, called", x: "mapped addresses", y: "ns", lines };
}

function costsOf(rows: Map<string, Costs>, name: string): Costs {
  const costs = rows.get(name) ?? new Map<number, number>();
  rows.set(name, costs);
  return costs;
}
