/**
 * Measures one contestant with fresh packets: every packet is built from new values and read once. Prints nanoseconds of CPU time for each
 * workload and direction, and bytes allocated on the heap, as JSON. `bench/codec.ts` starts a process for each contestant in turn.
 *
 *     node --expose-gc --import tsx bench/codec/fresh.ts "oscine, float(v)" [rounds]
 *
 * Garbage from building the input is collected before each round, so that no contestant pays for it.
 */
import { median } from "../suite/report.ts";
import { CONTESTANTS } from "./fresh-contestants.ts";
import { type FreshPacket, freshWorkloads } from "./fresh-workloads.ts";

const [, , name = "", rounds = "7"] = process.argv;
const make = CONTESTANTS[name];
if (make === undefined)
  throw new Error(`Unknown contestant ${JSON.stringify(name)}. The contestants are ${Object.keys(CONTESTANTS).join(", ")}.`);
const contestant = await make();
/** Warm-up rounds, in which the code is compiled. */
const WARM_UP = 2;

/** Few enough packets that no garbage collection runs while their memory is measured. */
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
      if (!Number.isFinite(sum) || sum === 0) throw new Error(`${name} read nothing from ${workload}.`);
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

/** New packets or their bytes, promoted out of the young generation. */
function inputOf(makePacket: () => FreshPacket, count: number, direction: "encode" | "decode"): readonly (FreshPacket | Buffer)[] {
  const packets = Array.from({ length: count }, makePacket);
  const input = direction === "decode" ? packets.map((packet) => ownMemory(contestant.encode(packet))) : packets;
  // Twice, because objects that survive once are still in the young generation.
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

/** The bytes as received from a socket. */
function ownMemory(view: ArrayBufferView): Buffer {
  const copy = Buffer.alloc(view.byteLength);
  Buffer.from(view.buffer, view.byteOffset, view.byteLength).copy(copy);
  return copy;
}
