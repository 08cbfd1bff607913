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
/** How long to wait for the end of a pipe after its process has ended: another process may hold it open. */
const PIPE_MS = 1000;

/** If two names share a number, like SIGABRT and SIGIOT, the first counts. */
const SIGNALS: ReadonlyMap<number, NodeJS.Signals> = new Map(
  Object.entries(constants.signals)
    .map(([name, number]) => [number, name as NodeJS.Signals] as const)
    .toReversed(),
);

/** The pool's side of a spawned Node process and its pipes: a worker, or the fork server. */
export class WorkerProcess implements PoolWorker {
  readonly #process: ChildProcess;
  readonly #packets: Writable;
  readonly #reaper: OrphanReaper | null;
  #hasEnded = false;
  #reason: string | null = null;

  /**
   * Starts the process. May throw.
   *
   * @param reaper null if the process always dies with the server
   * @param events `ended` is called after everything that the process wrote has been read
   * @param flags of Node, which override those of the program
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
      // Its own process group, so that processes started by a handler are killed with it, and Ctrl-C reaches only the server.
      detached: isPosix,
      windowsHide: true,
      env: { ...process.env, [PROCESS_KEY]: JSON.stringify(init) },
    });
    this.#process = child;
    const stdio = child.stdio as ChildProcess["stdio"] | undefined;
    if (stdio === undefined) throw neverStarted(child);
    this.#packets = stdio[PACKETS_FD] as Writable;
    // The process has ended, which is reported separately.
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

  /** Closes the pipe: the process ends when it has handled everything in it. */
  retire(): void {
    this.#packets.end();
  }

  /** Like {@link kill}. @param reason reported as the reason of its end */
  killBecause(reason: string): void {
    this.#reason ??= reason;
    this.kill();
  }

  /** Kills the process and everything that it has started. */
  kill(): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      if (isPosix) process.kill(-pid, "SIGKILL");
      else this.#process.kill("SIGKILL");
    } catch {
      // Already ended.
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

  /** Record boundaries are lost from here on. */
  #readNonsense(what: string): void {
    this.killBecause(`something wrote to its file descriptor ${RESULTS_FD}, which is reserved for the server: ${what}`);
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

/** Describes a status from `waitpid`. */
export function describeStatus(status: number, childMemory: number | null): string {
  return describeEnd((status >> 8) & 0xff, SIGNALS.get(status & 0x7f) ?? null, childMemory);
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null, childMemory: number | null): string {
  if (signal === null) return `exit code ${code}`;
  const memory = childMemory === null ? "" : `, childMemory (${childMemory} MiB)`;
  // Node aborts when its heap is full.
  return signal === "SIGABRT" ? `signal SIGABRT, perhaps because it needed more memory than it may have${memory}` : `signal ${signal}`;
}

/** Without free file descriptors Node doesn't create the pipes. It then emits an error, which would end this thread if unhandled. */
function neverStarted(child: ChildProcess): Error {
  child.on("error", () => undefined);
  return new Error("this process or the system has no file descriptors left (EMFILE, ENFILE): raise the limit (ulimit -n)");
}

/** Only one process can open the inspector's port. */
function withoutInspector(flags: readonly string[]): string[] {
  return flags.filter((flag) => !/^--inspect(-brk|-wait|-port)?(=|$)/.test(flag));
}
