import { type OscArgument, OscMessage, type OscValue } from "../codec/index.ts";
import { UsageError } from "./usage-error.ts";
import { constantOf, isNumber, readValue, takesWord } from "./value-text.ts";
import type { ReadValueOptions } from "./value-text.ts";
import { unquote } from "./words.ts";
import type { Word } from "./words.ts";

/** How the words of a message are read. */
export interface ReadOptions extends ReadValueOptions {
  /** What a number without a type becomes: `1` int and `1.0` float ("auto", the default), or always float ("float"). */
  readonly numbers?: "auto" | "float" | undefined;
}

/**
 * Reads `ADDRESS [,types] [arguments…]`.
 *
 * With `,types` each tag takes one word, but for `T F N I [ ]`, which take none. Without, the look of a word decides: see docs/command-line.md.
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
      // A tag that is not known is said first, before the count that it spoils.
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
