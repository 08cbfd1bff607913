import { type ChildProcess, spawn } from "node:child_process";
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { OscMessage, type OscValue, decode, encode } from "../../src/codec/index.ts";
import { loadKoffi } from "../../src/transport/native/libc.ts";
import type { ServerStats } from "../../src/server/index.ts";

/** An error as a program tells it. */
export interface ToldError {
  readonly code: string;
  readonly reason?: string;
  readonly limit?: string;
  readonly message: string;
  /** The client's. */
  readonly port?: number;
}

/** A reply, as its address and its arguments. */
export type Reply = readonly [address: string, ...args: OscValue[]];

/** One of the programs of the tests, running; and a client of its server. */
export class PoolProgram {
  readonly child: ChildProcess;
  readonly errors: ToldError[] = [];
  readonly replies: Reply[] = [];
  /** What it told, by word. */
  readonly told = new Map<string, unknown[]>();
  readonly lines: string[] = [];
  stderr = "";
  ended = false;
  /** Resolves when it has ended and all its output has come. */
  readonly closed: Promise<void>;
  readonly #socket: Socket = createSocket("udp4");
  readonly #waiting = new Set<() => void>();

  /** @param command a program of `programs/`, and its arguments */
  constructor(
    command: readonly string[],
    { flags = [], cwd, env = {} }: { readonly flags?: readonly string[]; readonly cwd?: string; readonly env?: object } = {},
  ) {
    const [name = "", ...args] = command;
    const path = fileURLToPath(new URL(`programs/${name}`, import.meta.url));
    this.child = spawn(process.execPath, [...flags, path, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      cwd,
      env: { ...process.env, ...env },
    });
    this.child.stderr?.on("data", (text) => (this.stderr += String(text)));
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on("line", (line) => this.#line(line));
    this.closed = once(this.child, "close").then(() => {
      this.ended = true;
      this.#changed();
    });
    this.#socket.on("message", (data) => {
      const { address, args: values } = decode(new Uint8Array(data)) as OscMessage;
      this.replies.push([address, ...values]);
      this.#changed();
    });
  }

  /** Starts a program and waits until its server is there. */
  static async start(...parameters: ConstructorParameters<typeof PoolProgram>): Promise<PoolProgram> {
    const program = new PoolProgram(...parameters);
    await program.until(() => program.told.has("ready"));
    return program;
  }

  get port(): number {
    return this.told.get("ready")?.[0] as number;
  }

  /** The client's. */
  get clientPort(): number {
    return this.#socket.address().port;
  }

  get stats(): ServerStats {
    return this.told.get("stats")?.[0] as ServerStats;
  }

  send(address: string, ...args: OscValue[]): void {
    this.#socket.send(encode(new OscMessage(address, args)), this.port, "127.0.0.1");
  }

  /** Sends a message and waits for the next reply. */
  async ask(address: string, ...args: OscValue[]): Promise<Reply> {
    const before = this.replies.length;
    this.send(address, ...args);
    await this.until(() => this.replies.length > before);
    return this.replies[before] as Reply;
  }

  /** Sends a message and waits for the next error that is told. */
  async fail(address: string, ...args: OscValue[]): Promise<ToldError> {
    const before = this.errors.length;
    this.send(address, ...args);
    await this.until(() => this.errors.length > before);
    return this.errors[before] as ToldError;
  }

  /** Waits until what the program does makes that true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ended)
        throw new Error(`The program ended (${this.child.exitCode ?? this.child.signalCode}).\n${this.lines.join("\n")}\n${this.stderr}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Ends the server by a message, and gives back its counters. */
  async quit(): Promise<ServerStats> {
    this.send("/quit");
    await this.closed;
    return this.stats;
  }

  /** Ends the server by a line on stdin, and gives back its counters. */
  async close(): Promise<ServerStats> {
    this.child.stdin?.write("close\n");
    await this.closed;
    return this.stats;
  }

  async dispose(): Promise<void> {
    this.#socket.close();
    this.child.kill("SIGKILL");
    await this.closed;
  }

  #line(line: string): void {
    this.lines.push(line);
    // As the examples say it.
    const [, port] = /^Listening on port (\d+)$/.exec(line) ?? [];
    if (port !== undefined) this.told.set("ready", [Number(port)]);
    const [, word = "", json = ""] = /^(answer|error|exited|failed|frozen|others|ready|run|stats|turned|value) (.*)$/.exec(line) ?? [];
    if (word === "error") this.errors.push(JSON.parse(json) as ToldError);
    else if (word !== "") this.told.set(word, [...(this.told.get(word) ?? []), JSON.parse(json)]);
    this.#changed();
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** A process, told apart from a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: string;
}

/** All processes that a process has started, and those that these have started. Linux only. */
export function descendants(pid: number): ProcessId[] {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (processAt(Number(name)) ?? []) : []));
  const found: ProcessId[] = [];
  const visit = (parent: number): void => {
    for (const process of all) {
      if (process.parent !== parent) continue;
      found.push(process);
      visit(process.pid);
    }
  };
  visit(pid);
  return found;
}

/** True while the process is there; one that has ended and whose end nobody has looked at is no longer there. */
export function isAlive({ pid, startTime }: ProcessId): boolean {
  const process = processAt(pid);
  return process !== null && process.startTime === startTime && process.state !== "Z";
}

function processAt(pid: number): (ProcessId & { readonly parent: number; readonly state: string }) | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name of the program stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid, state: fields[0] ?? "", parent: Number(fields[1]), startTime: fields[19] ?? "" };
  } catch {
    return null;
  }
}

/** Whether processes can be forked here. */
export function canFork(): boolean {
  try {
    loadKoffi();
    return process.platform === "linux";
  } catch {
    return false;
  }
}
