import { createHook } from "node:async_hooks";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** What goes on by itself: a process that was started, its pipes, and what only tidies up. */
const HARMLESS = new Set(["PROCESSWRAP", "PIPEWRAP", "PIPESERVERWRAP", "SIGNALWRAP", "TTYWRAP", "MESSAGEPORT", "FILEHANDLE", "DIRHANDLE"]);
/** Node makes these for synchronous calls too, such as `randomUUID()` and `gzipSync()`. Only the others get a callback, right after they are made. */
const MAYBE_SYNCHRONOUS = /^(?!HTTP).*REQUEST$|^ZLIB$/;
const TIMERS = new Set(["Timeout", "Immediate"]);
/** What calls `process.nextTick` if something was opened or is to be read. Most other ticks of Node only tidy up. */
const TICK_OF_STREAM = /^ {4}at (?:\w+\.)?(?:construct|resume|emitReadable) \(node:internal\/streams\//;
const MAX_FRAMES = 40;

/** Something asynchronous that a handler has begun in a thread or process that doesn't go on with it. */
export interface Leftover {
  readonly what: string;
  /** The place in the program, as in a stack trace. */
  readonly where: string;
}

/** Notices what handlers begin and don't return: a promise, a timer, a request. */
export class LeftoverWatch {
  #isWatching = false;
  #found: Leftover | null = null;
  #undecided: { readonly leftover: Leftover; readonly resource: object } | null = null;

  constructor() {
    createHook({
      init: (_id, type, _trigger, resource) => {
        if (!this.#isWatching || HARMLESS.has(type)) return;
        const isTick = type === "TickObject";
        // Those of what is undecided come before it is known.
        if (!isTick) this.#decide();
        if (this.#found !== null) return;
        this.#isWatching = false;
        const frames = currentFrames();
        this.#isWatching = true;
        const where = placeInProgram(frames);
        const what = isTick ? describeTick(frames, where) : describe(type);
        // Without a place it is a matter of ours.
        if (where === "" || what === null) return;
        const leftover = { what, where };
        if (MAYBE_SYNCHRONOUS.test(type)) this.#undecided = { leftover, resource };
        else this.#found = leftover;
      },
    }).enable();
  }

  /** A handler begins. */
  begin(): void {
    this.#found = null;
    this.#undecided = null;
    this.#isWatching = true;
  }

  /** The handler has ended. @returns the first thing that it has left behind */
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

/** What handlers may have left pending when a worker ends. Loaders also read files at any time, so requests for files don't count. */
const PENDING = new Set(["Timeout", "TCPSocketWrap", "TLSWrap", "UDPWrap"]);

/** Notices what is under way when a worker ends whose handlers may be asynchronous, and was not when it began. */
export class PendingWatch {
  readonly #before = activeResources();

  /** What is under way now; null if nothing is that handlers have begun. */
  get found(): string | null {
    for (const [type, count] of activeResources()) {
      if (PENDING.has(type) && count > (this.#before.get(type) ?? 0)) return describe(type);
    }
    return null;
  }
}

/** How many there are of each kind of thing that keeps the event loop alive. */
function activeResources(): Map<string, number> {
  const counts = new Map<string, number>();
  // Not every runtime tells.
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

/** What a call of `process.nextTick` is for; null if nothing is lost without it. */
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

/** The innermost frame of the handler that is neither Node's nor ours. */
function placeInProgram(frames: readonly string[]): string {
  const ours = dirname(fileURLToPath(import.meta.url));
  // What called the handler, such as the constructor of the server, isn't the handler's.
  const end = frames.findIndex((line) => line.includes("PacketExecution."));
  const frame = frames.slice(0, end < 0 ? frames.length : end).find((line) => !/\(?node:|<anonymous>/.test(line) && !line.includes(ours));
  return /\(?([^()\s]+:\d+:\d+)\)?$/.exec(frame ?? "")?.[1] ?? "";
}
