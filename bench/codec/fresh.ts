/**
 * Measures one contestant with packets that nobody has seen before: every packet is built from new values and read once. Prints nanoseconds of
 * processor time for each workload and direction, and bytes allocated on the heap, as JSON. `bench/codec.ts` starts a process for each contestant, in turns.
 *
 *     node --expose-gc --import tsx bench/codec/fresh.ts "oscine, float(v)" [rounds]
 *
 * What building the input leaves behind is collected before each round, so that no contestant pays for it.
 */
import { median } from "../suite/report.ts";
import { CONTESTANTS } from "./fresh-contestants.ts";
import { type FreshPacket, freshWorkloads } from "./fresh-workloads.ts";

const [, , name = "", rounds = "7"] = process.argv;
const make = CONTESTANTS[name];
if (make === undefined)
  throw new Error(`There is no contestant ${JSON.stringify(name)}. There are ${Object.keys(CONTESTANTS).join(", ")}.`);
const contestant = await make();
/** The first rounds, in which the code is compiled. */
const WARM_UP = 2;

/** So few packets that nothing is collected while their memory is measured. */
const FEW = 20;

const figures: Record<string, number> = {};
for (const { name: workload, count, make: makePacket } of freshWorkloads) {
  for (const direction of ["encode", "decode"] as const) {
    const times: number[] = [];
    for (let round = 0; round < Number(rounds); round++) {
      const input = inputOf(makePacket, count, direction);
      const start = process.cpuUsage();
      const sum = run(input, direction);
      const { user, system } = process.cpuUsage(start);
      times.push(((user + system) * 1000) / count);
      if (!Number.isFinite(sum) || sum === 0) throw new Error(`${name} has read nothing of ${workload}.`);
    }
    figures[`${workload} ${direction}`] = median(times.slice(WARM_UP));
    const sizes = Array.from({ length: Number(rounds) }, () => {
      const input = inputOf(makePacket, FEW, direction);
      const before = process.memoryUsage().heapUsed;
      run(input, direction);
      return (process.memoryUsage().heapUsed - before) / FEW;
    });
    figures[`${workload} ${direction} bytes`] = median(sizes);
  }
}
console.log(JSON.stringify(figures));

/** New packets or their bytes, of which nothing is in the young generation any more. */
function inputOf(makePacket: () => FreshPacket, count: number, direction: "encode" | "decode"): readonly (FreshPacket | Buffer)[] {
  const packets = Array.from({ length: count }, makePacket);
  const input = direction === "decode" ? packets.map((packet) => ownMemory(contestant.encode(packet))) : packets;
  // Twice: what survives once is still in the young generation.
  for (let i = 0; i < 2; i++) globalThis.gc!({ type: "minor" });
  return input;
}

function run(input: readonly (FreshPacket | Buffer)[], direction: "encode" | "decode"): number {
  let sum = 0;
  for (const packet of input) {
    const result = direction === "encode" ? contestant.encode(packet as FreshPacket) : contestant.decode(packet as Buffer);
    sum += typeof result === "number" ? result : result.byteLength;
  }
  return sum;
}

/** The bytes as a socket gives them. */
function ownMemory(view: ArrayBufferView): Buffer {
  const copy = Buffer.alloc(view.byteLength);
  Buffer.from(view.buffer, view.byteOffset, view.byteLength).copy(copy);
  return copy;
}
