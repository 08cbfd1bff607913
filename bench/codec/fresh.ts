/**
 * Measures one contestant with packets that nobody has seen before: every packet is built from new values and read once. Prints nanoseconds for
 * each workload and direction as JSON. `bench/codec.ts` starts a process for each contestant, in turns.
 *
 *     node --import tsx bench/codec/fresh.ts "oscine, float(v)" [rounds]
 */
import { performance } from "node:perf_hooks";
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

const figures: Record<string, number> = {};
for (const { name: workload, count, make: makePacket } of freshWorkloads) {
  for (const direction of ["encode", "decode"] as const) {
    const times: number[] = [];
    for (let round = 0; round < Number(rounds); round++) {
      const packets = Array.from({ length: count }, makePacket);
      const input = direction === "decode" ? packets.map((packet) => ownMemory(contestant.encode(packet))) : packets;
      let sum = 0;
      const start = performance.now();
      for (const packet of input) {
        const result = direction === "encode" ? contestant.encode(packet as FreshPacket) : contestant.decode(packet as Buffer);
        sum += typeof result === "number" ? result : result.byteLength;
      }
      times.push(((performance.now() - start) * 1e6) / count);
      if (!Number.isFinite(sum) || sum === 0) throw new Error(`${name} has read nothing of ${workload}.`);
    }
    figures[`${workload} ${direction}`] = median(times.slice(WARM_UP));
  }
}
console.log(JSON.stringify(figures));

/** The bytes as a socket gives them. */
function ownMemory(view: ArrayBufferView): Buffer {
  const copy = Buffer.alloc(view.byteLength);
  Buffer.from(view.buffer, view.byteOffset, view.byteLength).copy(copy);
  return copy;
}
