import { createHook } from "node:async_hooks";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** What goes on by itself: a process that was started, its pipes, and what only tidies up. */
const HARMLESS = new Set(["PROCESSWRAP", "PIPEWRAP", "PIPESERVERWRAP", "TickObject", "SIGNALWRAP", "TTYWRAP", "MESSAGEPORT", "FILEHANDLE"]);
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

  constructor() {
    createHook({
      init: (_id, type) => {
        if (!this.#isWatching || this.#found !== null || HARMLESS.has(type)) return;
        this.#isWatching = false;
        const where = placeInProgram();
        // Without one it is a matter of ours.
        if (where === "") this.#isWatching = true;
        else this.#found = { what: describe(type), where };
      },
    }).enable();
  }

  /** A handler begins. */
  begin(): void {
    this.#found = null;
    this.#isWatching = true;
  }

  /** The handler has ended. @returns the first thing that it has left behind */
  end(): Leftover | null {
    this.#isWatching = false;
    return this.#found;
  }
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
