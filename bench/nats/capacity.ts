/** Calculates the capacity of machines from the cost of a packet. */
import type { Table } from "../suite/report.ts";

/** CPU time per packet, in microseconds. */
export interface Costs {
  readonly front: number;
  readonly nats: number;
  readonly worker: number;
}

/** The capacity of a hundred machines for one kind of handler. */
interface Capacity {
  /** Packets per second. */
  readonly packets: number;
  /** Number of processes needed, each with its own core. */
  readonly fronts: number;
  readonly natsCores: number;
  readonly workers: number;
  /** The first part that needs more than one instance, and from which rate on; below that only workers are added. */
  readonly breaks: string;
}

/** Planned utilization of a core: the rest is for bursts and other load. */
const USE = 0.6;
const MACHINES = 100;
const CORES = 4;
const SECOND = 1e6;

/** Packets per second that a part can handle on one core. */
function perCore(microseconds: number): number {
  return (USE * SECOND) / microseconds;
}

/** @param handler CPU time of the handler, in microseconds */
function capacityOf({ front, nats, worker }: Costs, handler: number): Capacity {
  const packets = (USE * SECOND * MACHINES * CORES) / (front + nats + worker + handler);
  const cores = (microseconds: number): number => Math.ceil(packets / perCore(microseconds));
  const [name, most] = front > nats ? ["one front end", perCore(front)] : ["one nats-server or stream", perCore(nats)];
  const breaks = most < packets ? `${name}, at ${Math.round(most).toLocaleString("en")}/s` : "the workers";
  return { packets, fronts: cores(front), natsCores: cores(nats), workers: cores(worker + handler), breaks };
}

/** The calculation of docs/nats.md, for each delivery with replies. */
export function capacityTable(costs: readonly { readonly name: string; readonly cost: Costs }[]): Table {
  return {
    title: `What ${MACHINES} machines of ${CORES} cores carry: calculated`,
    note: `From the processor time with a reply to each, each core used for ${USE * 100} %; at-least-once there are as many streams as cores for nats-server. Not measured: docs/nats.md has the formula, and says what else sets bounds.`,
    columns: ["packets/s", "front ends", "cores for nats-server", "workers", "breaks first"],
    rows: costs.flatMap(({ name, cost }) =>
      [0, 1000, 5000, 50_000].map((handler) => {
        const { packets, fronts, natsCores, workers, breaks } = capacityOf(cost, handler);
        const what = handler === 0 ? "handlers that do nothing" : `handlers of ${handler / 1000} ms`;
        return { name: `${name}, ${what}`, cells: [Math.round(packets), fronts, natsCores, workers, breaks] };
      }),
    ),
  };
}

/** The capacity of each part on one core, independent of the number of machines. */
export function boundTable(costs: readonly { readonly name: string; readonly cost: Costs }[]): Table {
  return {
    title: "What one core of each part carries: calculated",
    note: `Packets per second with a reply to each, at ${USE * 100} % of one core.`,
    columns: ["front end", "nats-server", "worker, handler does nothing", "worker, handler of 5 ms"],
    rows: costs.map(({ name, cost }) => ({
      name,
      cells: [cost.front, cost.nats, cost.worker, cost.worker + 5000].map((microseconds) => Math.round(perCore(microseconds))),
    })),
  };
}
