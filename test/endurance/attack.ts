/**
 * Attacks a server at the full speed of the loopback interface, with a well-behaved client beside it:
 *
 *     npm run attack -- --seconds 60 [--kind async] [--transport udp]
 *
 * Exit code 1 where the server takes more memory than it may, leaves the client without answers, or has an account that is not even.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { OscMessage } from "../../src/codec/index.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { type Kind, ServerProcess, isEven } from "../shared/server-process.ts";
import type { Correspondent, TransportName } from "../shared/wire.ts";
import { canSample, sample } from "./process-tree.ts";

const ATTACKER = fileURLToPath(new URL("attacker.mjs", import.meta.url));
/** Another sender than the client, where the system has a second address of its own. */
const ATTACKER_ADDRESS = process.platform === "linux" ? "127.0.0.2" : "127.0.0.1";

/** A short attack goes on until the client has been answered so often; a process for each packet takes its time. */
const FEWEST_ANSWERS = 4;

/** What came of an attack. */
export interface AttackAccount {
  readonly kind: Kind;
  readonly transport: TransportName;
  /** Packets, and connections, that the attacker sent. */
  readonly sent: number;
  readonly connections: number;
  readonly stats: ServerStats;
  /** What the client asked, and was answered. */
  readonly asked: number;
  readonly answered: number;
  /** The longest time without an answer, in milliseconds. */
  readonly longestSilence: number;
  /** The most memory that the server and all its processes took, in MiB; 0 where that is not known. */
  readonly rss: number;
}

/** Attacks one server. */
export async function attack(kind: Kind, transport: TransportName, milliseconds: number): Promise<AttackAccount> {
  const server = await ServerProcess.start(kind, transport, transport === "udp" ? {} : { framing: "auto" });
  const client = await server.connect();
  const asking = new Asking(client);
  let attacker: Attacker | null = null;
  let rss = 0;
  try {
    await asking.ask();
    attacker = new Attacker(transport, server.address.port);
    const end = performance.now() + milliseconds;
    while (performance.now() < end || asking.account().answered < FEWEST_ANSWERS) {
      await asking.ask();
      if (canSample) rss = Math.max(rss, sample(server.child.pid as number).rss);
    }
    const { sent, connections } = await attacker.end();
    return { kind, transport, sent, connections, stats: await quit(server, client), ...asking.account(), rss };
  } finally {
    attacker?.kill();
    await server.dispose();
  }
}

/** Over UDP the message may be lost, so it is sent until it is heard. */
async function quit(server: ServerProcess, client: Correspondent): Promise<ServerStats> {
  while (!server.ended) {
    client.send(new OscMessage("/quit"));
    await Promise.race([server.closed, new Promise((resolve) => setTimeout(resolve, 500))]);
  }
  if (server.stats === null) throw new Error(`The server ended without an account.\n${server.stderr}`);
  return server.stats;
}

class Attacker {
  readonly #child: ChildProcess;
  #said = "";

  constructor(transport: TransportName, port: number) {
    const parameters = [ATTACKER, transport === "udp" ? "udp" : "tcp", "127.0.0.1", String(port), ATTACKER_ADDRESS];
    this.#child = spawn(process.execPath, parameters, { stdio: ["pipe", "pipe", "inherit"] });
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

/** A client that asks again and again, and waits for each answer, though not for ever. */
class Asking {
  readonly #client: Correspondent;
  #asked = 0;
  #answered = 0;
  #lastAnswer = performance.now();
  #longestSilence = 0;

  constructor(client: Correspondent) {
    this.#client = client;
  }

  async ask(): Promise<void> {
    const number = this.#asked++;
    this.#client.send(new OscMessage("/echo", [number]));
    const timeout = new Promise<null>((resolve) => setTimeout(() => resolve(null), 250));
    const answer = await Promise.race([this.#client.next(), timeout]);
    const now = performance.now();
    this.#longestSilence = Math.max(this.#longestSilence, now - this.#lastAnswer);
    if (answer === null) return;
    this.#answered += 1;
    this.#lastAnswer = now;
    // Twenty a second and not more.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  account(): { asked: number; answered: number; longestSilence: number } {
    return { asked: this.#asked, answered: this.#answered, longestSilence: this.#longestSilence };
  }
}

/** What a server may take in MiB, and how long it may leave the client without an answer, in milliseconds. */
export interface Bounds {
  readonly rss: number;
  readonly silence: number;
}

/** What an account fails to keep of what is promised. */
export function broken({ stats, sent, answered, longestSilence, rss }: AttackAccount, bounds: Bounds): string[] {
  const faults: string[] = [];
  if (!isEven(stats)) faults.push("its account is not even");
  if (stats.inProgress !== 0 || stats.waiting !== 0) faults.push("packets were left");
  if (sent === 0 || stats.received === 0) faults.push("there was no attack");
  if (answered < FEWEST_ANSWERS) faults.push("the client was not answered");
  if (longestSilence > bounds.silence) faults.push(`the client was left without an answer for ${Math.round(longestSilence)} ms`);
  if (rss > bounds.rss) faults.push(`it took ${Math.round(rss)} MiB, and may take ${bounds.rss}`);
  return faults;
}
