import { writeSync } from "node:fs";
import { isatty } from "node:tty";

/** How text can look on a terminal: SGR codes. */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Style = keyof typeof STYLES;

/** How long to wait for the reader of a pipe that is full and does not block. */
const FULL_PIPE_MS = 5;

/**
 * Standard output or standard error. What is written is with the system when `write` returns, so that nothing is lost when the process ends,
 * and a reader that goes away (`| head -1`) is a quiet end.
 */
export class Output {
  /** True where text may have colours. */
  readonly hasColor: boolean;
  readonly #descriptor: number;
  readonly #onClosed: (error: NodeJS.ErrnoException) => void;
  #isClosed = false;

  /**
   * @param descriptor 1 or 2
   * @param environment where `NO_COLOR` and `FORCE_COLOR` are looked up
   * @param onClosed called once when nothing can be written any more, with the system's error
   */
  constructor(
    descriptor: number,
    environment: Readonly<Record<string, string | undefined>>,
    onClosed: (error: NodeJS.ErrnoException) => void,
  ) {
    this.#descriptor = descriptor;
    this.#onClosed = onClosed;
    this.hasColor = wantsColor(environment) ?? isatty(descriptor);
  }

  /** Writes a line, which may itself hold line ends. */
  line(text: string): void {
    if (!this.#isClosed) this.#write(new TextEncoder().encode(`${text}\n`));
  }

  /** Text in a style, where colours are wanted. */
  styled(style: Style, text: string): string {
    return this.hasColor && text !== "" ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
  }

  #write(bytes: Uint8Array): void {
    let written = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(this.#descriptor, bytes, written);
      } catch (error) {
        if (isFull(error)) {
          pause(FULL_PIPE_MS);
          continue;
        }
        this.#isClosed = true;
        this.#onClosed(error as NodeJS.ErrnoException);
        return;
      }
    }
  }
}

/** What https://no-color.org and Node's own rules say; undefined where they leave it to the terminal. */
function wantsColor({ FORCE_COLOR, NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>): boolean | undefined {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  if ((NO_COLOR !== undefined && NO_COLOR !== "") || TERM === "dumb") return false;
  return undefined;
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EAGAIN" || code === "EINTR";
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
