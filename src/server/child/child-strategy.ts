import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { ANSWERS_FD, CHILD_KEY, type ChildInit, PACKETS_FD } from "./child-frames.ts";
import type { ChildPoolDescription } from "./child-pool-options.ts";
import { Warden } from "./warden.ts";

/** A child process: it reads packets from one pipe and writes answers to the other. */
export interface Child {
  readonly packets: Writable;
  readonly answers: Readable;
  /** Ends it and what it has started, whatever it does. */
  kill(): void;
}

const ENTRY = fileURLToPath(new URL("./child-entry.js", import.meta.url));
const PRELOAD = fileURLToPath(new URL("./child-preload.cjs", import.meta.url));

/** How long the end of a pipe is awaited once its process has ended: another process may hold it. */
const PIPE_MS = 1000;

/** Each child is a Node of its own, started from the program's files. Works everywhere, and takes Node's boot time. */
export class SpawnStrategy {
  readonly #command: readonly string[];
  readonly #init: string;
  readonly #childMemory: number | null;
  readonly #warden: Warden;

  /** @param onFault told of what makes children less well looked after */
  constructor(description: ChildPoolDescription, limits: ChildInit["limits"], onFault: (reason: string) => void) {
    const { program, childMemory } = description;
    this.#command = childCommand(description);
    this.#init = JSON.stringify({ program, limits, forking: null } satisfies ChildInit);
    this.#childMemory = childMemory;
    this.#warden = new Warden((reason) =>
      onFault(`No shell to end children with, should the server be killed while they are in an endless loop: ${reason}.`),
    );
  }

  /**
   * Starts a process. May throw.
   *
   * @param onEnd called once, when the process has ended and all that it wrote has been read
   */
  start(onEnd: (how: string) => void): Child {
    const isPosix = process.platform !== "win32";
    const child = spawn(process.execPath, this.#command, {
      stdio: ["ignore", "inherit", "inherit", "pipe", "pipe"],
      // A process group of its own, so that what a handler has started can be ended with it; and Ctrl-C is for the server to answer.
      detached: isPosix,
      windowsHide: true,
      env: { ...process.env, [CHILD_KEY]: this.#init },
    });
    const stdio = child.stdio as ChildProcess["stdio"] | undefined;
    if (stdio === undefined) throw neverStarted(child);
    const packets = stdio[PACKETS_FD] as Writable;
    const answers = stdio[ANSWERS_FD] as Readable;
    // A pipe whose process has ended; its end tells the rest.
    packets.on("error", () => undefined);
    const { pid } = child;
    if (pid !== undefined && isPosix) this.#warden.add(pid);
    this.#awaitEnd(child, (how) => {
      if (pid !== undefined) this.#warden.remove(pid);
      onEnd(how);
    });
    return { packets, answers, kill: () => kill(child, isPosix) };
  }

  /** Called when no child is left. */
  close(): Promise<void> {
    return this.#warden.close();
  }

  #awaitEnd(child: ChildProcess, onEnd: (how: string) => void): void {
    let told = false;
    const tell = (how: string): void => {
      if (told) return;
      told = true;
      onEnd(how);
    };
    child.on("error", (error) => {
      if (child.pid === undefined) tell(error.message);
    });
    child.on("exit", (code, signal) => {
      const how = describeEnd(code, signal, this.#childMemory);
      const timer = setTimeout(() => tell(how), PIPE_MS);
      child.on("close", () => {
        clearTimeout(timer);
        tell(how);
      });
    });
  }
}

/** What a child is started with, behind the name of Node. */
export function childCommand({ program, childMemory }: ChildPoolDescription): string[] {
  const memory = childMemory === null ? [] : [`--max-old-space-size=${childMemory}`];
  const flags = [...withoutInspector(program.execArgv), ...memory];
  if (program.kind === "module") return [...flags, ENTRY, ...program.argv];
  return ["--require", PRELOAD, ...flags, program.path, ...program.argv];
}

/** How a child ended, for a report. */
export function describeEnd(code: number | null, signal: NodeJS.Signals | null, childMemory: number | null): string {
  if (signal === null) return `exit code ${code}`;
  const memory = childMemory === null ? "" : `, childMemory (${childMemory} MiB)`;
  // That is how Node ends where its heap is full.
  return signal === "SIGABRT" ? `signal SIGABRT, perhaps for it needed more memory than it may have${memory}` : `signal ${signal}`;
}

function kill(child: ChildProcess, isPosix: boolean): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (isPosix) process.kill(-child.pid, "SIGKILL");
    else child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Without file descriptors Node does not even make the pipes, and says why only in an event, which would end this thread if nobody heard it. */
function neverStarted(child: ChildProcess): Error {
  child.on("error", () => undefined);
  return new Error("this process, or the system, has no file descriptors left (EMFILE, ENFILE): raise the limit (ulimit -n)");
}

/** A port of the inspector can be opened by one process only. */
function withoutInspector(flags: readonly string[]): string[] {
  return flags.filter((flag) => !/^--inspect(-brk|-wait|-port)?(=|$)/.test(flag));
}
