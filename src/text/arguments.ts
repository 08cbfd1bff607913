import { type OscArgument, OscBundle, OscMessage, type OscPacket, type OscValue } from "../codec/index.ts";
import { packetFromJson } from "./json.ts";
import { UsageError } from "./usage-error.ts";
import { constantOf, isNumber, readTime, readValue, type ReadValueOptions, takesWord } from "./values.ts";

/** How the words of a message are parsed. */
export interface ReadOptions extends ReadValueOptions {
  /** The type of numbers without a type tag: `1` is an int and `1.0` a float ("auto", the default), or always float ("float"). */
  readonly numbers?: "auto" | "float" | undefined;
}

/**
 * Reads `ADDRESS [,types] [arguments…]`.
 *
 * With `,types` each tag takes one word, except `T F N I [ ]`, which take none. Without it, types are inferred from the words: see
 * docs/text-formats.md.
 *
 * @throws UsageError that quotes the word and says what is expected
 */
export function readMessage(words: readonly Word[], options: ReadOptions = {}): OscMessage {
  const [address, first] = words;
  if (address === undefined) throw new UsageError("Missing OSC address. Write it before the arguments, as in /mixer/gain 0.5");
  if (!address.text.startsWith("/")) throw new UsageError(`An OSC address begins with a slash; got "${address.text}".`);
  if (first !== undefined && !first.quoted && first.text.startsWith(",")) {
    return readTyped(address.text, first.text.slice(1), words.slice(2), options);
  }
  return readInferred(address.text, words.slice(1), options);
}

/** Number of words for the arguments of a type tag string. */
export function countWords(types: string): number {
  return [...types].filter((tag) => takesWord(tag)).length;
}

function readTyped(address: string, types: string, words: readonly Word[], options: ReadOptions): OscMessage {
  const enclosing: OscArgument[][] = [];
  let list: OscArgument[] = [];
  let next = 0;
  for (const tag of types) {
    const constant = constantOf(tag);
    if (constant !== undefined) list.push(constant);
    else if (tag === "[") {
      enclosing.push(list);
      list = [];
    } else if (tag === "]") {
      const outer = enclosing.pop() ?? failToPair(types);
      outer.push(list);
      list = outer;
    } else {
      const word = words[next++];
      // Report an unknown tag first, because it makes the count wrong.
      if (word === undefined && takesWord(tag)) throw new UsageError(countMessage(address, types, words.length));
      list.push(readValue(tag, word?.text ?? "", options));
    }
  }
  if (enclosing.length > 0) failToPair(types);
  if (next < words.length) throw new UsageError(countMessage(address, types, words.length));
  return new OscMessage(address, list, types);
}

function readInferred(address: string, words: readonly Word[], options: ReadOptions): OscMessage {
  const inferred = words.map((word) => inferArgument(word, options));
  const types = inferred.map(({ tag }) => tag).join("");
  return new OscMessage(
    address,
    inferred.map(({ value }) => value),
    types,
  );
}

function inferArgument({ text, quoted }: Word, { numbers = "auto" }: ReadOptions): { tag: string; value: OscValue } {
  if (quoted) return { tag: "s", value: text };
  if (/^".*"$/s.test(text) && text.length > 1) return { tag: "s", value: unquote(text) };
  if (text === "true") return { tag: "T", value: true };
  if (text === "false") return { tag: "F", value: false };
  if (text === "nil" || text === "null") return { tag: "N", value: null };
  if (!isNumber(text)) return { tag: "s", value: text };
  if (numbers === "float" || !/^[+-]?\d+$/.test(text)) return { tag: "f", value: readValue("f", text) };
  const fitsInt = Math.trunc(Number(text)) === (Number(text) | 0);
  return fitsInt ? { tag: "i", value: Number(text) | 0 } : { tag: "h", value: readValue("h", text) };
}

function failToPair(types: string): never {
  throw new UsageError(`The brackets in ,${types} do not pair up.`);
}

function countMessage(address: string, types: string, given: number): string {
  const needed = countWords(types);
  return `${address} ,${types} needs ${needed} ${needed === 1 ? "value" : "values"}, one for each type tag except T F N I [ ]; got ${given}.`;
}

/** The time of day at the beginning of a line of readable output. The next word is the sender. */
const TIME_OF_DAY = /^\d\d:\d\d:\d\d\.\d+$/;

/**
 * Reads one line: a packet as written by `dump --json`, or a message in the readable format, with or without its time and sender. Returns
 * null for an empty line or a comment (`#`).
 *
 * @throws UsageError
 */
export function readLine(line: string, options: ReadOptions = {}): OscPacket | null {
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return null;
  return text.startsWith("{") ? packetFromJson(text) : readReadable(text, options);
}

function readReadable(text: string, options: ReadOptions): OscPacket {
  const all = splitWords(text);
  const words = TIME_OF_DAY.test(all[0]?.text ?? "") ? all.slice(2) : all;
  const last = words.at(-1);
  if (last === undefined || !isTimeTag(last, words)) return readMessage(words, options);
  return new OscBundle(readMessage(words.slice(0, -1), options), readTime(last.text.slice(1)));
}

/** True for an unquoted `@time` that isn't the value of the last type tag. */
function isTimeTag(last: Word, words: readonly Word[]): boolean {
  if (last.quoted || !last.text.startsWith("@")) return false;
  const [, types] = words;
  return types?.text.startsWith(",") !== true || types.quoted || words.length - 2 > countWords(types.text);
}

/** One word of a command line or of a line of text. */
export interface Word {
  readonly text: string;
  /** True if it was in double quotes, which makes it text, never a number. */
  readonly quoted: boolean;
}

/** Splits a line into words at white space. A word that begins with a double quote is a JSON string. */
export function splitWords(line: string): Word[] {
  const words: Word[] = [];
  const pattern = /\s*(?:("(?:[^"\\]|\\.)*")(?=\s|$)|(\S+))/gsy;
  for (const [, quoted, bare] of line.matchAll(pattern)) {
    words.push(quoted === undefined ? bareWord(bare ?? "") : { text: unquote(quoted), quoted: true });
  }
  return words;
}

/** The words that a shell has already separated. */
export function shellWords(words: readonly string[]): Word[] {
  return words.map((text) => ({ text, quoted: false }));
}

/** The text of a word in double quotes. */
function unquote(quoted: string): string {
  try {
    const text: unknown = JSON.parse(quoted);
    if (typeof text === "string") return text;
  } catch {
    // Reported below.
  }
  throw new UsageError(`${quoted} is not a quoted string. Inside quotes write \\" for a quote and \\\\ for a backslash.`);
}

function bareWord(text: string): Word {
  if (text.startsWith('"')) {
    throw new UsageError(
      `${text} begins with a quote that does not end before a space. Inside quotes write \\" for a quote and \\\\ for a backslash.`,
    );
  }
  return { text, quoted: false };
}
