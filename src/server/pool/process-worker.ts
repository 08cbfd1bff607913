import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import type { OrphanReaper } from "./orphan-reaper.ts";
import type { ChildPoolDescription } from "./pool-options.ts";
import { encodePackets } from "./records.ts";
import { MAX_RECORD } from "./worker-channel.ts";
import { PACKETS_FD, PROCESS_KEY, RESULTS_FD, type WorkerInit } from "./worker-init.ts";
import type { InFlightPacket, PoolWorker, PoolWorkerEvents } from "./worker.ts";

const MODULE_ENTRY = fileURLToPath(new URL("./module-entry.js", import.meta.url));
const PRELOAD = fileURLToPath(new URL("./worker-preload.cjs", import.meta.url));
const isPosix = process.platform !== "win32";
/** How long the end of a pipe is awaited once its process has ended: another process may hold it. */
const PIPE_MS = 1000;

/** If two names have one number, as SIGABRT and SIGIOT, the first counts. */
const SIGNALS: ReadonlyMap<number, NodeJS.Signals> = new Map(
  Object.entries(constants.signals)
    .map(([name, number]) => [number, name as NodeJS.Signals] as const)
    .toReversed(),
);

/** A child process of the pool, a Node of its own, and the pipes to it: one that handles packets, or a fork server. */
export class WorkerProcess implements PoolWorker {
  readonly #process: ChildProcess;
  readonly #packets: Writable;
  readonly #reaper: OrphanReaper | null;
  #hasEnded = false;
  #reason: string | null = null;

  /**
   * Starts it. May throw.
   *
   * @param reaper null if the process dies with the server in any case
   * @param events told that it has ended when all that it wrote has been read
   * @param flags of Node, which hold whatever those of the program say
   */
  constructor(
    { program, childMemory }: ChildPoolDescription,
    init: WorkerInit,
    reaper: OrphanReaper | null,
    events: PoolWorkerEvents,
    flags: readonly string[] = [],
  ) {
    this.#reaper = reaper;
    const memory = childMemory === null ? [] : [`--max-old-space-size=${childMemory}`];
    const script = program.kind === "module" ? MODULE_ENTRY : program.path;
    const args = ["--require", PRELOAD, ...withoutInspector(program.execArgv), ...flags, ...memory, script, ...program.argv];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "inherit", "inherit", "pipe", "pipe"],
      // A process group of its own, so that what a handler has started can be ended with it; and Ctrl-C is for the server to answer.
      detached: isPosix,
      windowsHide: true,
      env: { ...process.env, [PROCESS_KEY]: JSON.stringify(init) },
    });
    this.#process = child;
    const stdio = child.stdio as ChildProcess["stdio"] | undefined;
    if (stdio === undefined) throw neverStarted(child);
    this.#packets = stdio[PACKETS_FD] as Writable;
    // A pipe whose process has ended; its end tells the rest.
    this.#packets.on("error", () => undefined);
    this.#read(stdio[RESULTS_FD] as Readable, events);
    if (child.pid !== undefined && isPosix) reaper?.add(child.pid);
    this.#awaitEnd(childMemory, events);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  write(bytes: Uint8Array): void {
    this.#packets.write(bytes);
  }

  assign(packets: readonly InFlightPacket[]): void {
    this.write(encodePackets(packets));
  }

  takeBack(): null {
    return null;
  }

  /** Sends nothing more: the process ends when it has read all. */
  retire(): void {
    this.#packets.end();
  }

  /** As {@link kill}. @param reason is told as the reason of its end */
  killBecause(reason: string): void {
    this.#reason ??= reason;
    this.kill();
  }

  /** Kills it and what it has started, whatever it does. */
  kill(): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      if (isPosix) process.kill(-pid, "SIGKILL");
      else this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }

  #read(pipe: Readable, events: PoolWorkerEvents): void {
    const records = new LengthPrefixDecoder({
      maxPacketSize: MAX_RECORD,
      onPacket: (record) => events.record(record),
      onError: ({ message }) => this.#readNonsense(message),
    });
    pipe.on("data", (piece: Uint8Array) => {
      try {
        records.push(piece);
      } catch (error) {
        this.#readNonsense(String(error));
      }
    });
    pipe.on("error", () => undefined);
  }

  /** What follows in the pipe can't be told apart any more. */
  #readNonsense(what: string): void {
    this.killBecause(`something wrote to its file descriptor ${RESULTS_FD}, which is the server's: ${what}`);
  }

  #awaitEnd(childMemory: number | null, events: PoolWorkerEvents): void {
    const child = this.#process;
    const { pid } = child;
    const tell = (how: string): void => {
      if (this.#hasEnded) return;
      this.#hasEnded = true;
      if (pid !== undefined) this.#reaper?.remove(pid);
      events.ended(this.#reason ?? how);
    };
    child.on("error", (error) => {
      if (pid === undefined) tell(error.message);
    });
    child.on("exit", (code, signal) => {
      const how = describeEnd(code, signal, childMemory);
      const timer = setTimeout(() => tell(how), PIPE_MS);
      child.on("close", () => {
        clearTimeout(timer);
        tell(how);
      });
    });
  }
}

/** How a process ended whose status `waitpid` gave. */
export function describeStatus(status: number, childMemory: number | null): string {
  return describeEnd((status >> 8) & 0xff, SIGNALS.get(status & 0x7f) ?? null, childMemory);
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null, childMemory: number | null): string {
  if (signal === null) return `exit code ${code}`;
  const memory = childMemory === null ? "" : `, childMemory (${childMemory} MiB)`;
  // That is how Node ends when its heap is full.
  return signal === "SIGABRT" ? `signal SIGABRT, perhaps because it needed more memory than it may have${memory}` : `signal ${signal}`;
}

/** Without file descriptors Node doesn't even make the pipes, and says why only in an event, which would end this thread if nobody heard it. */
function neverStarted(child: ChildProcess): Error {
  child.on("error", () => undefined);
  return new Error("this process, or the system, has no file descriptors left (EMFILE, ENFILE): raise the limit (ulimit -n)");
}

/** A port of the inspector can be opened by one process only. */
function withoutInspector(flags: readonly string[]): string[] {
  return flags.filter((flag) => !/^--inspect(-brk|-wait|-port)?(=|$)/.test(flag));
}
