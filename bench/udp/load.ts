import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { encode, OscMessage } from "../../src/codec/index.ts";
import { compileProgram } from "../suite/c-program.ts";
import { cpuSeconds } from "../suite/cpu-time.ts";

const run = promisify(execFile);

/** Echo times, in microseconds. */
export interface Echoes {
  readonly answered: number;
  readonly lost: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
}

/** The result of sending messages at an even rate. */
export interface Sent {
  readonly sent: number;
  /** Messages actually sent per second. */
  readonly rate: number;
  readonly handled: number;
  /** The server's CPU time per handled message, in microseconds. */
  readonly cpu: number;
  /** Memory of the server process at the end, in MB. */
  readonly memory: number;
}

/** Messages sent in a burst, and how many were eventually handled. */
export interface Burst {
  readonly sent: number;
  readonly handled: number;
}

/** The sender program; undefined if it can't be compiled. */
export function loadProgram(): string | undefined {
  return compileProgram("udp-load.c", ["pthread"], "apt install gcc; Linux only");
}

/** A server in a separate process, which prints its port. */
export class ServerProcess {
  readonly #program: string;
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly port: number;

  private constructor(program: string, child: ChildProcess, lines: Interface, port: number) {
    this.#program = program;
    this.#child = child;
    this.#lines = lines;
    this.port = port;
  }

  static async start(program: string, [command = "", ...args]: readonly string[]): Promise<ServerProcess> {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, "line"), once(lines, "close")])) as [string?];
    if (line === undefined) throw new Error(`${command} ${args.join(" ")} exited before it was ready.`);
    return new ServerProcess(program, child, lines, Number(line));
  }

  async echo(rounds: number, beside: number): Promise<Echoes> {
    const { stdout } = await run(this.#program, [String(this.port), "echo", String(rounds), String(beside)]);
    const [answered = 0, lost = 0, p50 = -1, p99 = -1, p999 = -1, most = -1] = stdout.split(" ").map(Number);
    return { answered, lost, p50, p99, p999, most };
  }

  async send(rate: number, seconds: number): Promise<Sent> {
    const before = await this.counted();
    const cpuBefore = cpuSeconds(this.#child.pid);
    const { stdout } = await run(this.#program, [String(this.port), "send", String(rate), String(seconds)]);
    const [sent = 0, reached = 0] = stdout.split(" ").map(Number);
    const handled = (await this.counted()) - before;
    return { sent, rate: reached, handled, cpu: ((cpuSeconds(this.#child.pid) - cpuBefore) * 1e6) / handled, memory: this.memory() };
  }

  /** Some 12,000 messages within 60 ms, right after one whose handler is busy for 100 ms. */
  async burst(): Promise<Burst> {
    const before = await this.counted();
    const socket = createSocket("udp4");
    await new Promise((resolve) => socket.send(encode(new OscMessage("/busy")), this.port, "127.0.0.1", resolve));
    socket.close();
    const { stdout } = await run(this.#program, [String(this.port), "send", "200000", "0.06"]);
    const [sent = 0] = stdout.split(" ").map(Number);
    return { sent, handled: (await this.counted()) - before };
  }

  /** The server's message count, after it has handled what is in its buffer. */
  async counted(): Promise<number> {
    const socket = createSocket("udp4");
    const message = encode(new OscMessage("/report"));
    let counted = Number.NaN;
    let unanswered = 0;
    try {
      // The request may be lost like any other message. If it was only delayed, every request is answered eventually.
      for (let attempt = 0; attempt < 20 && (Number.isNaN(counted) || unanswered > 0); attempt += 1) {
        const answer = once(this.#lines, "line") as Promise<[string]>;
        if (Number.isNaN(counted)) {
          unanswered += 1;
          socket.send(message, this.port, "127.0.0.1");
        }
        const line = await Promise.race([answer, delay(1000, null)]);
        if (line !== null) {
          counted = Number(line[0]);
          unanswered -= 1;
        } else if (!Number.isNaN(counted)) {
          unanswered = 0;
        }
      }
      return counted;
    } finally {
      socket.close();
    }
  }

  memory(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  async end(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
