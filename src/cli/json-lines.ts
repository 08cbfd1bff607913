/** A syntax error in a JSON text, with its line, counted from 1. */
export class JsonError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** A parsed JSON text. */
export interface ReadJson {
  readonly value: unknown;
  /** The first line of each object and array. */
  readonly lines: ReadonlyMap<unknown, number>;
}

/** A string, a punctuation mark, or anything else up to the next of these. */
const TOKEN = /"(?:[^"\\\n]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+|"/g;

/**
 * Parses a JSON text and keeps line numbers, which `JSON.parse` doesn't.
 *
 * @throws JsonError
 */
export function readJson(text: string): ReadJson {
  const lines = new Map<unknown, number>();
  return { value: new JsonReader(text, lines).readAll(), lines };
}

interface Token {
  readonly text: string;
  readonly line: number;
}

class JsonReader {
  readonly #tokens: readonly Token[];
  readonly #lines: Map<unknown, number>;
  #at = 0;

  constructor(text: string, lines: Map<unknown, number>) {
    let line = 1;
    let from = 0;
    this.#tokens = Array.from(text.matchAll(TOKEN), (match) => {
      line += text.slice(from, match.index).split("\n").length - 1;
      from = match.index;
      return { text: match[0], line };
    });
    this.#lines = lines;
  }

  readAll(): unknown {
    const value = this.#value();
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new JsonError(rest.line, `the text must end after its value; got ${rest.text}`);
    return value;
  }

  #value(): unknown {
    const token = this.#next("a value");
    if (token.text === "{") return this.#object(token.line);
    if (token.text === "[") return this.#array(token.line);
    return scalar(token, "a value");
  }

  #object(line: number): unknown {
    const object: Record<string, unknown> = {};
    this.#lines.set(object, line);
    this.#list("}", () => {
      const key = this.#next('a name in double quotes, or "}"');
      const name = scalar(key, 'a name in double quotes, or "}"');
      if (typeof name !== "string") throw unexpected(key, "a name in double quotes");
      const colon = this.#next('":"');
      if (colon.text !== ":") throw unexpected(colon, `":" after ${key.text}`);
      Object.defineProperty(object, name, { value: this.#value(), enumerable: true, configurable: true, writable: true });
    });
    return object;
  }

  #array(line: number): unknown {
    const array: unknown[] = [];
    this.#lines.set(array, line);
    this.#list("]", () => array.push(this.#value()));
    return array;
  }

  #list(end: string, readEntry: () => void): void {
    if (this.#tokens[this.#at]?.text === end) {
      this.#at += 1;
      return;
    }
    for (;;) {
      readEntry();
      const mark = this.#next(`"," or "${end}"`);
      if (mark.text === end) return;
      if (mark.text !== ",") throw unexpected(mark, `"," or "${end}"`);
    }
  }

  #next(expected: string): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new JsonError(this.#tokens.at(-1)?.line ?? 1, `the text ends where ${expected} must follow`);
    this.#at += 1;
    return token;
  }
}

function scalar(token: Token, expected: string): unknown {
  try {
    return JSON.parse(token.text);
  } catch {
    throw unexpected(token, expected);
  }
}

function unexpected({ line, text }: Token, expected: string): JsonError {
  return new JsonError(line, `this isn't JSON: expected ${expected}; got ${text}`);
}
