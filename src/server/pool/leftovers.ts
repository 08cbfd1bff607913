import { createHook } from "node:async_hooks";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Resources that need no callback in this process: a started process and its pipes, and cleanup work. */
const HARMLESS = new Set(["PROCESSWRAP", "PIPEWRAP", "PIPESERVERWRAP", "SIGNALWRAP", "TTYWRAP", "MESSAGEPORT", "FILEHANDLE", "DIRHANDLE"]);
/** Created for synchronous calls too, such as `randomUUID()` and `gzipSync()`. Only asynchronous ones get a callback, just after creation. */
const MAYBE_SYNCHRONOUS = /^(?!HTTP).*REQUEST$|^ZLIB$/;
const TIMERS = new Set(["Timeout", "Immediate"]);
/** Callers of `process.nextTick` that mean a stream was opened or is being read. Most other ticks of Node only clean up. */
const TICK_OF_STREAM = /^ {4}at (?:\w+\.)?(?:construct|resume|emitReadable) \(node:internal\/streams\//;
const MAX_FRAMES = 40;

/** Something asynchronous that a handler started in a thread or process that won't continue it. */
export interface Leftover {
  readonly what: string;
  /** Location in the program, as in a stack trace. */
  readonly where: string;
}

/** Detects asynchronous work that handlers start and don't return: promises, timers, requests. */
export class LeftoverWatch {
  #isWatching = false;
  #found: Leftover | null = null;
  #undecided: { readonly leftover: Leftover; readonly resource: object } | null = null;

  constructor() {
    createHook({
      init: (_id, type, _trigger, resource) => {
        if (!this.#isWatching || HARMLESS.has(type)) return;
        const isTick = type === "TickObject";
        // An undecided resource queues ticks before it gets its callback.
        if (!isTick) this.#decide();
        if (this.#found !== null) return;
        this.#isWatching = false;
        const frames = currentFrames();
        this.#isWatching = true;
        const where = placeInProgram(frames);
        const what = isTick ? describeTick(frames, where) : describe(type);
        // Without a location, Oscine itself started it.
        if (where === "" || what === null) return;
        const leftover = { what, where };
        if (MAYBE_SYNCHRONOUS.test(type)) this.#undecided = { leftover, resource };
        else this.#found = leftover;
      },
    }).enable();
  }

  /** Called before a packet's handlers run. */
  begin(): void {
    this.#found = null;
    this.#undecided = null;
    this.#isWatching = true;
  }

  /** Called after they have run. @returns the first leftover */
  end(): Leftover | null {
    this.#isWatching = false;
    this.#decide();
    return this.#found;
  }

  #decide(): void {
    const undecided = this.#undecided;
    if (undecided === null) return;
    this.#undecided = null;
    const { ondone, cb } = undecided.resource as { readonly ondone?: unknown; readonly cb?: unknown };
    if (typeof ondone === "function" || typeof cb === "function") this.#found = undecided.leftover;
  }
}

/** Resources that handlers may leave pending. File requests don't count, because loaders may read files at any time. */
const PENDING = new Set(["Timeout", "TCPSocketWrap", "TLSWrap", "UDPWrap"]);

/** Detects work still pending when a worker with async handlers ends. Resources that existed when it started don't count. */
export class PendingWatch {
  readonly #before = activeResources();

  /** Something that handlers started and that is still pending; null if nothing is. */
  get found(): string | null {
    for (const [type, count] of activeResources()) {
      if (PENDING.has(type) && count > (this.#before.get(type) ?? 0)) return describe(type);
    }
    return null;
  }
}

/** Number of resources of each type that keep the event loop alive. */
function activeResources(): Map<string, number> {
  const counts = new Map<string, number>();
  // Not available in every runtime.
  const types = (process.getActiveResourcesInfo as typeof process.getActiveResourcesInfo | undefined)?.() ?? [];
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

function describe(type: string): string {
  if (type === "PROMISE") return "a promise that it did not return";
  if (TIMERS.has(type)) return "a timer";
  if (type === "Microtask") return "a microtask";
  return type === "WORKER" ? "a thread" : `an asynchronous operation (${type})`;
}

/** What a call of `process.nextTick` is for; null if it only cleans up. */
function describeTick(frames: readonly string[], where: string): string | null {
  const caller = frames[frames.findIndex((frame) => frame.includes("at process.nextTick ")) + 1] ?? "";
  if (caller.includes(where)) return "a callback of process.nextTick";
  return TICK_OF_STREAM.test(caller) ? "a stream" : null;
}

function currentFrames(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = MAX_FRAMES;
  const { stack = "" } = new Error("where");
  Error.stackTraceLimit = stackTraceLimit;
  return stack.split("\n").filter((line) => line.startsWith("    at "));
}

/** Location of the handler's innermost frame outside Node and Oscine. */
function placeInProgram(frames: readonly string[]): string {
  const ours = dirname(fileURLToPath(import.meta.url));
  // Callers of the handler, such as the server's constructor, aren't part of it.
  const end = frames.findIndex((line) => line.includes("PacketExecution."));
  const frame = frames.slice(0, end < 0 ? frames.length : end).find((line) => !/\(?node:|<anonymous>/.test(line) && !line.includes(ours));
  return /\(?([^()\s]+:\d+:\d+)\)?$/.exec(frame ?? "")?.[1] ?? "";
}
