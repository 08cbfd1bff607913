import type { OscColor, OscMidi, OscValue } from "./types.ts";

/** One argument together with its type tag, made by {@link int}, {@link float} and the like. */
export class TypedValue {
  /** The type tag: one character. */
  readonly tag: string;
  readonly value: OscValue;

  constructor(tag: string, value: OscValue) {
    this.tag = tag;
    this.value = value;
  }
}
