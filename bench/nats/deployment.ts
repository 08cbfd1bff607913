import { setTimeout as delay } from "node:timers/promises";
import { NatsServer } from "../../test/nats/nats-server.ts";
import { Client } from "../kinds/client.ts";
import { cpuSeconds } from "../suite/cpu-time.ts";
import { BenchProcess, type Counted } from "./process.ts";

/** The options of front ends and workers that the benchmark sets. */
export interface DeploymentOptions {
  readonly delivery: "at-most-once" | "at-least-once";
  readonly stream?: { readonly storage: "file" | "memory" };
  /** Of each worker. */
  readonly concurrency?: number;
}

/** CPU time in seconds. */
export interface Cpu {
  readonly front: number;
  readonly nats: number;
  readonly workers: number;
}

/** A nats-server, a front end and workers, each a separate process, and a client. */
export class Deployment implements AsyncDisposable {
  readonly #nats: NatsServer;
  readonly #front: BenchProcess;
  readonly #options: object;
  readonly #workers: BenchProcess[] = [];
  readonly client: Client;

  private constructor(nats: NatsServer, front: BenchProcess, options: object, client: Client) {
    this.#nats = nats;
    this.#front = front;
    this.#options = options;
    this.client = client;
  }

  static async start(options: DeploymentOptions, workers: number): Promise<Deployment> {
    const nats = await NatsServer.start();
    const all = { ...options, servers: nats.url };
    const front = await BenchProcess.start("front", all);
    const deployment = new Deployment(nats, front, all, await Client.to(front.port));
    await deployment.growTo(workers);
    await verify(deployment);
    return deployment;
  }

  get port(): number {
    return this.#front.port;
  }

  /** Starts workers until there are this many. */
  async growTo(workers: number): Promise<void> {
    while (this.#workers.length < workers) this.#workers.push(await BenchProcess.start("worker", this.#options));
  }

  /** The sum of all workers' counts. */
  async counted(): Promise<Counted> {
    let [count, sum] = [0, 0];
    for (const worker of this.#workers) {
      const one = await worker.counted();
      count += one.count;
      sum += one.sum;
    }
    return { count, sum };
  }

  get cpu(): Cpu {
    const workers = this.#workers.reduce((sum, { cpu }) => sum + cpu, 0);
    return { front: this.#front.cpu, nats: cpuSeconds(this.#nats.pid), workers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    for (const one of [...this.#workers, this.#front, this.#nats]) await one[Symbol.asyncDispose]();
  }
}

const VERIFIED = 5;
const PATIENCE_MS = 10_000;

/**
 * Checks that replies are right before timing: a client accepts only the reply with the number that it sent, and every reply must arrive.
 */
export async function verify({ client }: { readonly client: Client }): Promise<void> {
  await client.echo(VERIFIED);
  const deadline = performance.now() + PATIENCE_MS;
  while (client.times.length < VERIFIED && performance.now() < deadline) await delay(10);
  if (client.times.length !== VERIFIED)
    throw new Error(`Of ${VERIFIED} echoes ${client.times.length} were answered: nothing was measured.`);
  client.times.length = 0;
}
