import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** How a tool ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command line tool in a process of its own. */
export class Tool implements AsyncDisposable {
  /** Resolves when it has ended and all its output was read. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #out = "";
  #err = "";

  constructor(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const { NO_COLOR: _no, FORCE_COLOR: _force, COLUMNS: _columns, ...inherited } = process.env;
    this.#child = spawn(process.execPath, [MAIN, ...words], { env: { ...inherited, ...environment } });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#out += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#err += text));
    // A tool that ends before it has read its input is no fault of the test.
    this.#child.stdin?.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      this.#child.once("close", (code) => resolve({ code, out: this.#out, err: this.#err }));
    });
  }

  /** Gives it its standard input, and ends that. */
  input(text: string): this {
    this.#child.stdin?.end(text);
    return this;
  }

  signal(signal: NodeJS.Signals): this {
    this.#child.kill(signal);
    return this;
  }

  /** Stops reading its standard output, as `head -1` does. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  /** Resolves with the match when the output has it. */
  saysOut(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#says(pattern, () => this.#out);
  }

  /** Resolves with the match when the standard error has it. */
  saysErr(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#says(pattern, () => this.#err);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  #says(pattern: RegExp, text: () => string): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const streams = [this.#child.stdout, this.#child.stderr];
      const look = (): void => {
        const match = pattern.exec(text());
        if (match === null) return;
        for (const stream of streams) stream?.off("data", look);
        resolve(match);
      };
      for (const stream of streams) stream?.on("data", look);
      look();
      void this.ended.then(({ code, out, err }) => reject(new Error(`ended with ${code} before it said ${pattern}: ${out}${err}`)));
    });
  }
}

/** Runs the tool to its end. */
export function runTool(...words: readonly string[]): Promise<Ended> {
  return new Tool(words).input("").ended;
}

/** The port that a listening tool says it has. */
export async function portOf(tool: Tool): Promise<string> {
  const [, port = ""] = await tool.saysErr(/Listening on \S+:(\d+)\//);
  return port;
}
