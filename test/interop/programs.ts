import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";

/** A program of others that ours is compared with. */
export interface Program {
  readonly name: string;
  /** How to get it, as one would type it. */
  readonly install: string;
  /** For what is more than a file to run: whether it is there. */
  readonly isPresent?: () => boolean;
  /** True for what cannot be had from Debian: it may be missing in continuous integration, too. */
  readonly isOptional?: boolean;
}

/** A network of our own, in which nobody else is; needs rights that not every machine gives. */
export const NETWORK_NAMESPACE: Program = {
  name: "a network namespace",
  install: "apt-get install util-linux, and rights to make one",
  isOptional: true,
  isPresent: () => spawnSync("unshare", ["--net", "true"]).status === 0,
};

export const LIBLO_TOOLS = "apt-get install liblo-tools";

/**
 * A suite that needs programs of others. Where one is missing the suite is skipped with a line that says so; in continuous integration
 * (`CI=true`) it fails instead, so that no one believes in a comparison that never ran. `OSCINE_INTEROP` set to `required` or `optional`
 * decides by itself.
 */
export function describeWith(programs: readonly Program[], name: string, suite: () => void): void {
  const missing = programs.filter(({ name: file, isPresent }) =>
    isPresent === undefined ? findProgram(file) === undefined : !isPresent(),
  );
  if (missing.length === 0) {
    describe(name, suite);
    return;
  }
  const reason = missing.map((program) => `${program.name} is not installed (${program.install})`).join("; ");
  if (isRequired() && missing.some(({ isOptional = false }) => !isOptional)) {
    test(name, () => expect.fail(`${name} cannot run: ${reason}`));
    return;
  }
  process.stderr.write(`\n*** SKIPPED: ${name}: ${reason}\n\n`);
  // oxlint-disable-next-line vitest/no-disabled-tests -- the line above has said why
  describe.skip(name, suite);
}

function isRequired(): boolean {
  const wish = process.env["OSCINE_INTEROP"];
  return wish === "required" || (wish !== "optional" && process.env["CI"] === "true");
}

/** The path of a program that can be run, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** True where C programs can be compiled that include a header. */
export function compilesWith(header: string): boolean {
  const { status } = spawnSync("gcc", ["-fsyntax-only", "-include", header, "-x", "c", "-"], { input: "", timeout: 30_000 });
  return status === 0;
}

/** Runs a program to its end and gives what it printed; throws where it fails. */
export function run(command: string, args: readonly string[], input = ""): string {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: 30_000, input });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${signal ?? status}:\n${stdout}${stderr}`);
  return stdout;
}

/** A program that runs beside the test, and the lines that it has printed. */
export class RunningProgram implements AsyncDisposable {
  /** What it printed so far, of both streams, without ends of lines. */
  readonly lines: string[] = [];
  readonly #child;
  readonly #ended: Promise<void>;
  #hasEnded = false;
  #waiting: (() => void)[] = [];

  /** @param environment variables besides those of this process */
  constructor(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
    this.#ended = new Promise((resolve) => {
      const end = (problem?: Error): void => {
        if (problem !== undefined) this.lines.push(problem.message);
        this.#hasEnded = true;
        this.#wake();
        resolve();
      };
      this.#child.once("close", () => end());
      this.#child.once("error", end);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        this.lines.push(...lines);
        this.#wake();
      });
    }
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves with all lines so far as soon as they are what is wanted; rejects where the program ends before. The test's own time is the limit. */
  async until(wanted: (lines: readonly string[]) => boolean): Promise<readonly string[]> {
    while (!wanted(this.lines)) {
      if (this.#hasEnded) throw new Error(`The program ended before it printed what was awaited:\n${this.lines.join("\n")}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.lines;
  }

  /** The first line that matches. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const lines = await this.until((all) => all.some((line) => pattern.test(line)));
    const found = lines.map((line) => pattern.exec(line)).find((match) => match !== null);
    if (found === undefined || found === null) throw new Error("unreachable: until() has seen the line");
    return found;
  }

  /** Resolves when it has ended by itself, or is ended. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#ended;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
