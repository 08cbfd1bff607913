import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Correspondent, openWire } from "../shared/wire.ts";

/** A program of test/server/programs, running, with a UDP client of the server that it makes. */
export class Program {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  /** Resolves when it has ended and all its output has come: with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  #hasEnded = false;
  readonly #clients: Correspondent[] = [];
  #changed = (): void => undefined;

  constructor(name: string, ...parameters: string[]) {
    const path = fileURLToPath(new URL(`programs/${name}`, import.meta.url));
    const flags = parameters.filter((word) => word.startsWith("--node-")).map((word) => word.replace("--node-", "--"));
    const words = parameters.filter((word) => !word.startsWith("--node-"));
    this.child = spawn(process.execPath, [...flags, path, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (text) => this.#take("stdout", String(text)));
    this.child.stderr?.on("data", (text) => this.#take("stderr", String(text)));
    this.ended = once(this.child, "close").then(([code, signal]) => {
      this.#hasEnded = true;
      this.#changed();
      return (code ?? signal) as number | string;
    });
  }

  /** Waits until the program has printed that to stdout, or to stderr; gives back the match. */
  async printed(pattern: RegExp, where: "stdout" | "stderr" = "stdout"): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[where]);
      if (match !== null) return match;
      if (this.#hasEnded) throw new Error(`The program ended without printing ${pattern}:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** A client of the server that the program has printed to be ready, as `ready PORT`. */
  async client(): Promise<Correspondent> {
    const [, port] = await this.printed(/ready (\d+)\n/);
    const client = new Correspondent(await openWire("udp", { address: "127.0.0.1", port: Number(port), family: "IPv4" }));
    this.#clients.push(client);
    return client;
  }

  /** The lines of stdout. */
  get lines(): string[] {
    return this.stdout.split("\n").slice(0, -1);
  }

  /** What the program printed after that word, as JSON, on a line of its own. */
  async told<Value>(word: string): Promise<Value> {
    const [, json = ""] = await this.printed(new RegExp(`^${word} (.*)\n`, "m"));
    return JSON.parse(json) as Value;
  }

  async dispose(): Promise<void> {
    for (const { wire } of this.#clients) await wire.close();
    this.child.kill("SIGKILL");
    await this.ended;
  }

  #take(where: "stdout" | "stderr", text: string): void {
    this[where] += text;
    this.#changed();
  }
}
