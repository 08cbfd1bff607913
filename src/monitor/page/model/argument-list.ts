import type { OscMessage, OscValue } from "../../../codec/index.ts";
import { formatValue } from "../../../text/format.ts";

const NAMES: Readonly<{ [tag: string]: string }> = {
  i: "int",
  f: "float",
  s: "string",
  b: "blob",
  h: "64-bit int",
  t: "time tag",
  d: "double",
  S: "symbol",
  c: "character",
  r: "colour",
  m: "MIDI",
  T: "true",
  F: "false",
  N: "nil",
  I: "impulse",
  "[": "array begins",
  "]": "array ends",
};

/** An argument for people. */
export interface ShownArgument {
  readonly tag: string;
  /** What the type tag means. */
  readonly type: string;
  /** The value as a word; empty where the type says it all. */
  readonly text: string;
}

/** The arguments of a message one by one, those of arrays between their brackets. */
export function argumentList({ types, args }: OscMessage): ShownArgument[] {
  const shown: ShownArgument[] = [];
  const enclosing: Iterator<OscValue>[] = [];
  let values: Iterator<OscValue> = args[Symbol.iterator]();
  for (const tag of types) {
    let text = "";
    if (tag === "]") values = enclosing.pop() ?? values;
    else {
      const value = values.next().value as OscValue;
      if (tag === "[") {
        enclosing.push(values);
        values = (value as readonly OscValue[])[Symbol.iterator]();
      } else {
        text = formatValue(tag, value);
      }
    }
    shown.push({ tag, type: NAMES[tag] ?? "unknown", text });
  }
  return shown;
}
