import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Interface, createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuSeconds } from "../suite/cpu-time.ts";

const program = fileURLToPath(new URL("program.mjs", import.meta.url));
const kinds = fileURLToPath(new URL("../kinds/server.mjs", import.meta.url));

/** Killed when the benchmark exits, even if it fails. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A process's count of numbered messages. */
export interface Counted {
  readonly count: number;
  readonly sum: number;
}

/** A process of the benchmark. */
export class BenchProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  /** The port on which it receives; 0 for a worker. */
  readonly port: number;

  private constructor(child: ChildProcess, lines: Interface, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.port = port;
  }

  /** Starts program.mjs. */
  static start(role: "local" | "front" | "worker", options: object = {}): Promise<BenchProcess> {
    return BenchProcess.#spawn([program, role, JSON.stringify(options)]);
  }

  /** Starts a server that runs its handlers on this machine. */
  static ofKind(kind: string, options: object = {}): Promise<BenchProcess> {
    return BenchProcess.#spawn([kinds, kind, JSON.stringify(options)]);
  }

  static async #spawn(args: readonly string[]): Promise<BenchProcess> {
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    running.add(child);
    child.once("close", () => running.delete(child));
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, "line"), once(lines, "close")])) as [string?];
    if (line === undefined) throw new Error(`node ${args.join(" ")} exited before it was ready.`);
    return new BenchProcess(child, lines, Number(line));
  }

  /** CPU time so far, in seconds. */
  get cpu(): number {
    return cpuSeconds(this.#child.pid);
  }

  async counted(): Promise<Counted> {
    const answer = once(this.#lines, "line") as Promise<[string]>;
    this.#child.stdin?.write("count\n");
    return JSON.parse((await answer)[0]) as Counted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
