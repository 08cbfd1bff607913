import { createHook } from "node:async_hooks";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** What goes on by itself: a process that was started, its pipes, and what only tidies up. */
const HARMLESS = new Set([
  "PROCESSWRAP",
  "PIPEWRAP",
  "PIPESERVERWRAP",
  "TickObject",
  "SIGNALWRAP",
  "TTYWRAP",
  "MESSAGEPORT",
  "FILEHANDLE",
  "DIRHANDLE",
]);
/** Node makes these for synchronous calls too, such as `randomUUID()` and `gzipSync()`. Only the others get a callback, right after they are made. */
const MAYBE_SYNCHRONOUS = /^(?!HTTP).*REQUEST$|^ZLIB$/;
const TIMERS = new Set(["Timeout", "Immediate"]);
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
        this.#decide();
        if (this.#found !== null) return;
        this.#isWatching = false;
        const where = placeInProgram();
        this.#isWatching = true;
        // Without one it is a matter of ours.
        if (where === "") return;
        const leftover = { what: describe(type), where };
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
  return type === "WORKER" ? "a thread" : `an asynchronous operation (${type})`;
}

/** The innermost frame of the handler that is neither Node's nor ours. */
function placeInProgram(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = MAX_FRAMES;
  const { stack = "" } = new Error("where");
  Error.stackTraceLimit = stackTraceLimit;
  const ours = dirname(fileURLToPath(import.meta.url));
  const frames = stack.split("\n").filter((line) => line.startsWith("    at "));
  // What called the handler, such as the constructor of the server, isn't the handler's.
  const end = frames.findIndex((line) => line.includes("PacketExecution."));
  const frame = frames.slice(0, end < 0 ? frames.length : end).find((line) => !/\(?node:|<anonymous>/.test(line) && !line.includes(ours));
  return /\(?([^()\s]+:\d+:\d+)\)?$/.exec(frame ?? "")?.[1] ?? "";
}
