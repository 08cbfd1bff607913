import { type OscArgument, OscBundle, OscMessage, type OscPacket, type OscValue } from "../codec/index.ts";
import { packetFromJson } from "./json.ts";
import { UsageError } from "./usage-error.ts";
import { constantOf, isNumber, readTime, readValue, type ReadValueOptions, takesWord } from "./values.ts";

/** How the words of a message are read. */
export interface ReadOptions extends ReadValueOptions {
  /** What a number without a type becomes: `1` int and `1.0` float ("auto", the default), or always float ("float"). */
  readonly numbers?: "auto" | "float" | undefined;
}

/**
 * Reads `ADDRESS [,types] [arguments…]`.
 *
 * With `,types` each tag takes one word, except `T F N I [ ]`, which take none. Without, the look of a word decides: see docs/text-formats.md.
 *
 * @throws UsageError that names the word and says what it should be
 */
export function readMessage(words: readonly Word[], options: ReadOptions = {}): OscMessage {
  const [address, first] = words;
  if (address === undefined) throw new UsageError("There is no OSC address. Write it before the arguments, as in /mixer/gain 0.5");
  if (!address.text.startsWith("/")) throw new UsageError(`An OSC address begins with a slash; got "${address.text}".`);
  if (first !== undefined && !first.quoted && first.text.startsWith(",")) {
    return readTyped(address.text, first.text.slice(1), words.slice(2), options);
  }
  return readInferred(address.text, words.slice(1), options);
}

/** How many words the arguments of a type tag string take. */
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
      // Report an unknown tag first, before the count that it makes wrong.
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
  return `${address} ,${types} needs ${needed} ${needed === 1 ? "value" : "values"}, one for each type tag but T F N I [ ]; got ${given}.`;
}

/** The time of day that begins a line of readable output; the sender is the next word. */
const TIME_OF_DAY = /^\d\d:\d\d:\d\d\.\d+$/;

/**
 * Reads one line: a packet as `dump --json` writes it, or a message as the readable output shows it, with or without its time and sender.
 * Returns null for an empty line and one that begins with `#`.
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
  /** True if it stood in double quotes, so that it is text and never a number. */
  readonly quoted: boolean;
}

/** The words of one line, separated by white space; one that begins with a double quote is a string as JSON writes it. */
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
    // Said below.
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
