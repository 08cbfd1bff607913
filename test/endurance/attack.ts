/**
 * Attacks a server at the full speed of the loopback interface, with a well-behaved client beside it:
 *
 *     npm run attack -- --seconds 60 [--scenario mixed] [--kind async] [--transport udp]
 *
 * Exit code 1 if the server takes more memory than it may, leaves the client without answers, or has an account that is not even.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { OscBundle, OscMessage, TimeTag } from "../../src/codec/index.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { type Kind, ServerProcess, isEven } from "../shared/server-process.ts";
import type { Correspondent, TransportName } from "../shared/wire.ts";
import { canSample, sample } from "./process-tree.ts";

const ATTACKER = fileURLToPath(new URL("attacker.mjs", import.meta.url));

/** A short attack goes on until the client has been answered so often; a process for each packet takes its time. */
const FEWEST_ANSWERS = 4;
/** How long the client waits for an answer before it asks again, and rests after one. */
const PATIENCE_MS = 250;
const REST_MS = 50;
/** How far ahead the client dates what it asks while the attacker has bundles waiting. */
const AHEAD_MS = 100;

/** Which attack, and the transports that it is for. */
export const SCENARIOS = {
  /** Garbage, malformed packets, bundles dated ahead, unmapped addresses and huge arrays; over TCP from 50 connections that break and don't read. */
  mixed: ["udp", "tcp-1.0"],
  /** The same from 250 addresses. */
  sources: ["udp"],
  /** 400 connections that announce 1 MiB and stop short. */
  "stop-short": ["tcp-1.0"],
  /** 100 connections, each with a message in fragments of one byte between pongs. */
  fragments: ["websocket"],
  /** Bundles dated five minutes ahead; the client's are dated 100 ms ahead. */
  bundles: ["udp"],
  /** Messages as fast as possible for the handler that answers the client, too; over TCP from four connections, two of which don't read. */
  greedy: ["udp", "tcp-1.0"],
} as const satisfies Readonly<Record<string, readonly TransportName[]>>;

export type Scenario = keyof typeof SCENARIOS;

/** WebSocket servers are of one kind only. */
export const kindsOf = (transport: TransportName): readonly Kind[] =>
  transport === "websocket" ? ["async"] : ["async", "blocking", "threading", "forking"];

/** What came of an attack. */
export interface AttackAccount {
  readonly scenario: Scenario;
  readonly kind: Kind;
  readonly transport: TransportName;
  /** Packets, and connections, that the attacker sent. */
  readonly sent: number;
  readonly connections: number;
  readonly stats: ServerStats;
  /** What the client asked, and was answered; `/quit` counts as asked. */
  readonly asked: number;
  readonly answered: number;
  /** Of 100 answers the slowest but one, in milliseconds. */
  readonly p99: number;
  /** The longest time without an answer, in milliseconds. */
  readonly longestSilence: number;
  /** The most memory that the server and all its processes took, in MiB; 0 if that is not known. */
  readonly rss: number;
}

/** Attacks one server. */
export async function attack(
  scenario: Scenario,
  kind: Kind,
  transport: TransportName,
  milliseconds: number,
  options: object = {},
): Promise<AttackAccount> {
  const server = await ServerProcess.start(kind, transport, transport === "tcp-1.0" ? { framing: "auto", ...options } : options);
  const client = new PoliteClient(await server.connect(), scenario === "bundles" ? AHEAD_MS : 0);
  let attacker: Attacker | null = null;
  let rss = 0;
  try {
    await client.ask();
    attacker = new Attacker(scenario, transport, server.address.port);
    const end = performance.now() + milliseconds;
    while (performance.now() < end || client.account().answered < FEWEST_ANSWERS) {
      await client.ask();
      if (canSample) rss = Math.max(rss, sample(server.child.pid as number).rss);
    }
    const { sent, connections } = await attacker.end();
    const stats = await client.quit(server, transport);
    return { scenario, kind, transport, sent, connections, stats, ...client.account(), rss };
  } finally {
    attacker?.kill();
    await server.dispose();
  }
}

class Attacker {
  readonly #child: ChildProcess;
  #said = "";

  constructor(scenario: Scenario, transport: TransportName, port: number) {
    this.#child = spawn(process.execPath, [ATTACKER, scenario, transport, "127.0.0.1", String(port)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdout?.on("data", (text) => (this.#said += String(text)));
  }

  async end(): Promise<{ sent: number; connections: number }> {
    const closed = once(this.#child, "close");
    this.#child.stdin?.end();
    await closed;
    return JSON.parse(this.#said) as { sent: number; connections: number };
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** A client that asks again and again, about twenty times per second, and waits for each answer, though not forever. */
class PoliteClient {
  readonly #client: Correspondent;
  readonly #ahead: number;
  /** When each question was asked that has no answer yet, or is to be answered. */
  readonly #askedAt = new Map<unknown, number>();
  readonly #latencies: number[] = [];
  #asked = 0;
  #lastAnswer = performance.now();
  #longestSilence = 0;
  #onAnswer = (): void => undefined;

  constructor(client: Correspondent, ahead: number) {
    this.#client = client;
    this.#ahead = ahead;
    void this.#listen();
  }

  async ask(): Promise<void> {
    const number = (this.#asked += 1);
    const message = new OscMessage("/echo", [number]);
    this.#askedAt.set(number, performance.now() + this.#ahead);
    this.#client.send(this.#ahead === 0 ? message : new OscBundle([message], TimeTag.in(this.#ahead)));
    const isAnswered = await Promise.race([
      new Promise<true>((resolve) => (this.#onAnswer = () => resolve(true))),
      new Promise<false>((resolve) => setTimeout(() => resolve(false), this.#ahead + PATIENCE_MS)),
    ]);
    this.#longestSilence = Math.max(this.#longestSilence, performance.now() - this.#lastAnswer);
    if (isAnswered) await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }

  /** Ends the server. A datagram that the kernel has no room for would be lost, so a question is answered first. */
  async quit(server: ServerProcess, transport: TransportName): Promise<ServerStats> {
    const before = this.#latencies.length;
    if (transport === "udp") while (this.#latencies.length === before) await this.ask();
    this.#asked += 1;
    return server.quit(this.#client);
  }

  account(): { asked: number; answered: number; p99: number; longestSilence: number } {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Infinity;
    return { asked: this.#asked, answered: sorted.length, p99, longestSilence: this.#longestSilence };
  }

  async #listen(): Promise<void> {
    for (;;) {
      const answer = await this.#client.next();
      const askedAt = answer instanceof OscMessage ? this.#askedAt.get(answer.args[0]) : undefined;
      if (askedAt === undefined || !(answer instanceof OscMessage)) continue;
      this.#askedAt.delete(answer.args[0]);
      this.#lastAnswer = performance.now();
      this.#latencies.push(this.#lastAnswer - askedAt);
      this.#onAnswer();
    }
  }
}

/** What a server may take in MiB, and how long it may leave the client without an answer, in milliseconds. */
export interface Bounds {
  readonly rss: number;
  readonly silence: number;
}

/** What an account fails to keep of what is promised. */
export function broken(
  { transport, stats, sent, connections, asked, answered, longestSilence, rss }: AttackAccount,
  bounds: Bounds,
): string[] {
  const faults: string[] = [];
  if (!isEven(stats)) faults.push("its account is not even");
  if (stats.inProgress !== 0 || stats.waiting !== 0) faults.push("packets were left");
  if (sent + connections === 0) faults.push("there was no attack");
  const missing = sent + asked - stats.received - (stats.kernelDropped ?? 0);
  if (transport === "udp" && missing !== 0) faults.push(`${missing} packets are in no counter`);
  if (answered < FEWEST_ANSWERS) faults.push("the client was not answered");
  if (longestSilence > bounds.silence) faults.push(`the client was left without an answer for ${Math.round(longestSilence)} ms`);
  if (rss > bounds.rss) faults.push(`it took ${Math.round(rss)} MiB, and may take ${bounds.rss}`);
  return faults;
}
