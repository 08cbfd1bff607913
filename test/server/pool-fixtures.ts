/** A pool whose workers do what a test says. */
import type { OscError } from "../../src/errors.ts";
import type { PacketResult } from "../../src/packet-result.ts";
import type { ExecutorEvents, Packet } from "../../src/server/executor.ts";
import type { PacketOrder } from "../../src/server/fair-queue.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { READY, encodeHandled, encodeJson } from "../../src/server/pool/records.ts";
import { WorkerPool } from "../../src/server/pool/worker-pool.ts";
import type { InFlightPacket, PoolWorker, PoolWorkerEvents, WorkerKind } from "../../src/server/pool/worker.ts";
import { RecordingPeer, THREAD_KIND, limits, packetOf } from "./fixtures.ts";

/** A worker that does what the test says. It begins with the first packet that it has, and with the next when that has ended. */
export class FakeWorker implements PoolWorker {
  readonly events: PoolWorkerEvents;
  given: InFlightPacket[] = [];
  retired = false;
  killed = false;
  /** What it says to {@link takeBack}; null for one that may have begun with all. */
  claims = true;
  #lastEnded = 0;

  constructor(events: PoolWorkerEvents) {
    this.events = events;
  }

  get ports(): number[] {
    return this.given.map(({ packet }) => packet.peer.address.port);
  }

  assign(packets: readonly InFlightPacket[]): void {
    this.given.push(...packets);
  }

  takeBack(): number | null {
    if (!this.claims) return null;
    const begun = this.given[0]?.id ?? this.#lastEnded;
    this.given = this.given.slice(0, 1);
    return begun;
  }

  retire(): void {
    this.retired = true;
  }

  kill(): void {
    this.killed = true;
  }

  /** The end of the packet that it has begun. @param tookMs how long the handlers ran, as the worker says */
  async settle(tookMs = 0): Promise<void> {
    const next = this.given.shift();
    if (next === undefined) throw new Error("It has no packet.");
    this.#lastEnded = next.id;
    this.say(encodeHandled(next.id, 0, tookMs));
    await settled();
  }

  ready(): void {
    this.say(encodeJson(READY, 0, { strictTiming: true }));
  }

  /** @param record with its size before it */
  say(record: Uint8Array): void {
    this.events.record(record.subarray(4));
  }

  /** It has handled so many, one after another, but has not told of them. */
  handleUntold(count: number): void {
    this.given = this.given.slice(count);
  }
}

class Account implements ExecutorEvents {
  readonly handled: number[] = [];
  readonly rejected: OscError[] = [];
  readonly dropped: OscError[] = [];
  readonly droppedPorts: number[] = [];
  readonly replies: string[] = [];
  readonly reports: OscError[] = [];
  readonly reportedPorts: (number | undefined)[] = [];
  shutdowns = 0;

  end({ peer }: Packet, result: PacketResult): void {
    if (result.kind === "handled") {
      this.handled.push(peer.address.port);
    } else if (result.kind === "rejected") {
      this.rejected.push(result.explain());
    } else if (result.kind === "dropped") {
      this.dropped.push(result.error);
      this.droppedPorts.push(peer.address.port);
    }
  }
  reply(packet: Packet, data: Uint8Array): void {
    this.replies.push(`${packet.peer.address.port} ${data.length}`);
  }
  send(data: Uint8Array, to: { readonly port: number }): void {
    this.replies.push(`${to.port} ${data.length}`);
  }
  report(error: OscError, client?: { readonly port: number }): void {
    this.reports.push(error);
    this.reportedPorts.push(client?.port);
  }
  shutdown(): void {
    this.shutdowns += 1;
  }
}

/** What comes in one turn of the event loop is handed over at its end. */
export const settled = (): Promise<void> => Promise.resolve();

export interface Given {
  readonly kind?: Partial<WorkerKind>;
  readonly options?: ServerOptions;
  readonly order?: PacketOrder;
  readonly serving?: boolean;
  readonly begun?: boolean;
}

export function setUp({ kind = {}, options = {}, order = "none", serving = true, begun = true }: Given = {}) {
  const account = new Account();
  const workers: FakeWorker[] = [];
  let refusal: Error | null = null;
  const whole: WorkerKind = {
    ...THREAD_KIND,
    ...kind,
    start: (workerEvents) => {
      if (refusal !== null) throw refusal;
      const worker = new FakeWorker(workerEvents);
      workers.push(worker);
      return worker;
    },
  };
  const { max, packetsAtOnce } = whole;
  const changes: string[] = [];
  const pool = new WorkerPool({
    limits: limits(options),
    order,
    max,
    packetsAtOnce,
    source: { kind: () => whole },
    events: account,
    onServeOne: (change) => changes.push(change),
    onValue: () => undefined,
  });
  if (serving) pool.resume();
  const started = begun ? pool.begin().then(({ failure }) => failure) : null;
  const send = async (...ports: number[]): Promise<void> => {
    for (const port of ports) pool.execute(packetOf(new Uint8Array(4), new RecordingPeer(port)));
    await settled();
  };
  return {
    pool,
    started,
    changes,
    account,
    workers,
    send,
    worker: (index: number) => workers[index] as FakeWorker,
    ready: async (...indices: number[]) => {
      for (const index of indices) workers[index]?.ready();
      await settled();
    },
    refuseToStart: (error: Error) => {
      refusal = error;
    },
    sendFrom: async (host: string, ...ports: number[]) => {
      for (const port of ports) pool.execute(packetOf(new Uint8Array(4), new RecordingPeer(port, host)));
      await settled();
    },
  };
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
export const two = { max: 2, min: 2 } satisfies Partial<WorkerKind>;
