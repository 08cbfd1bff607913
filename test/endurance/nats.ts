/**
 * Packets with numbers through two front ends and four workers, at least once, of which two are killed on the way and the servers of NATS are away for a while:
 * what was accepted has to be handled. Everything but the sender is a process of its own.
 */
import { fileURLToPath } from "node:url";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { OscMessage, encode, int } from "../../src/codec/index.ts";
import { encodeFrame } from "../../src/framing/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { connect } from "node:net";
import { RunningProgram } from "../interop/programs.ts";
import type { NatsServer } from "../nats/nats-server.ts";

const FRONT = fileURLToPath(new URL("../nats/programs/front.mjs", import.meta.url));
const WORKER = fileURLToPath(new URL("../nats/programs/worker.mjs", import.meta.url));

export interface EnduranceOptions {
  readonly packets: number;
  readonly servers: NatsServer;
  /** How long NATS is away in the middle, in milliseconds; 0: not at all. */
  readonly outage: number;
  readonly ackWait: number;
}

export interface EnduranceAccount {
  /** Counters of the two front ends. */
  readonly fronts: readonly ServerStats[];
  /** How many different numbers were handled. */
  readonly handled: number;
  /** How often a number was handled that had been handled before. */
  readonly duplicates: number;
  /** Numbers that were accepted by a stream and never handled. */
  readonly lost: readonly number[];
  readonly milliseconds: number;
}

/** Runs it to its end. */
export async function endure({ packets, servers, outage, ackWait }: EnduranceOptions): Promise<EnduranceAccount> {
  const options = JSON.stringify({
    servers: servers.url,
    delivery: "at-least-once",
    stream: { maxBytes: 2 ** 28 },
    ackWait,
    reconnectDelay: 100,
    // Over TCP nothing is dropped, for the sender is held up.
    concurrency: 64,
  });
  const begun = performance.now();
  const start = (program: string): RunningProgram => new RunningProgram(process.execPath, [program, options]);
  const fronts = [start(FRONT), start(FRONT)];
  const workers = [start(WORKER), start(WORKER), start(WORKER), start(WORKER)];
  const all = [...fronts, ...workers];
  try {
    await Promise.all(workers.map((worker) => worker.line(/^ready/)));
    const addresses = await Promise.all(fronts.map(async (front) => JSON.parse((await front.line(/^ready (.*)/))[1] ?? "") as NetAddress));
    const seen = new Seen(workers);
    const sending = Promise.all(addresses.map((address, index) => send(address, index, packets)));
    for (const [index, part] of [0.25, 0.5].entries()) {
      await seen.reaches(packets * part);
      workers[index]?.kill("SIGKILL");
    }
    if (outage > 0) {
      await seen.reaches(packets * 0.7);
      await servers.stop();
      await sleep(outage);
      await servers.restart();
    }
    await sending;
    await seen.reaches(packets);
    for (const front of fronts) front.kill("SIGTERM");
    const stats = await Promise.all(fronts.map(async (front) => JSON.parse((await front.line(/^stats (.*)/))[1] ?? "") as ServerStats));
    return {
      fronts: stats,
      handled: seen.numbers.size,
      duplicates: seen.count - seen.numbers.size,
      lost: seen.missing(packets),
      milliseconds: performance.now() - begun,
    };
  } finally {
    for (const program of all) program.kill("SIGKILL");
    await Promise.all(all.map((program) => program.ended));
  }
}

/** Every second number to each front end, as fast as it takes them. */
async function send(address: NetAddress, first: number, packets: number): Promise<void> {
  const socket = connect(address.port, address.address);
  await once(socket, "connect");
  socket.resume();
  for (let number = first; number < packets; number += 2) {
    if (!socket.write(encodeFrame(encode(new OscMessage("/n", [int(number)])), "1.0"))) await once(socket, "drain");
  }
  socket.end();
  await once(socket, "close");
}

/** What the workers say that they have handled. */
class Seen {
  readonly numbers = new Set<number>();
  count = 0;
  readonly #workers: readonly RunningProgram[];
  readonly #read: number[];

  constructor(workers: readonly RunningProgram[]) {
    this.#workers = workers;
    this.#read = workers.map(() => 0);
  }

  /** Waits until so many different numbers have been handled. */
  async reaches(wanted: number): Promise<void> {
    for (this.#look(); this.numbers.size < wanted; this.#look()) await sleep(20);
  }

  missing(packets: number): number[] {
    return Array.from({ length: packets }, (_, number) => number).filter((number) => !this.numbers.has(number));
  }

  #look(): void {
    for (const [index, { lines }] of this.#workers.entries()) {
      for (let line = this.#read[index] ?? 0; line < lines.length; line++) {
        const number = /^end (\d+)$/.exec(lines[line] ?? "")?.[1];
        if (number === undefined) continue;
        this.count += 1;
        this.numbers.add(Number(number));
      }
      this.#read[index] = lines.length;
    }
  }
}
