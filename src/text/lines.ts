import { OscBundle, type OscPacket } from "../codec/index.ts";
import { countWords, readMessage } from "./arguments.ts";
import type { ReadOptions } from "./arguments.ts";
import { packetFromJson } from "./json.ts";
import { readTime } from "./time-text.ts";
import { splitWords } from "./words.ts";
import type { Word } from "./words.ts";

/** A time of day as the readable output begins with; the sender is the word after it. */
const TIME_OF_DAY = /^\d\d:\d\d:\d\d\.\d+$/;

/**
 * Reads one line: a packet as `dump --json` writes it, or a message as the readable output shows it, with or without its time and sender.
 * An empty line and one that begins with `#` give null.
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

/** True for an unquoted `@time` that is not the value of the last type tag. */
function isTimeTag(last: Word, words: readonly Word[]): boolean {
  if (last.quoted || !last.text.startsWith("@")) return false;
  const [, types] = words;
  return types?.text.startsWith(",") !== true || types.quoted || words.length - 2 > countWords(types.text);
}
