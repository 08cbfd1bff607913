import type { OscDecodeError } from "../errors.ts";
import type { TypedValue } from "./typed-value.ts";
import type { OscValue } from "./types.ts";

/** What a caller may give as an argument: a value, whose type tag is inferred, or one that says its type tag. */
export type OscArgument = OscValue | TypedValue | readonly OscArgument[];

export class OscMessage {
  readonly address: string;
  /** The type tag string without its comma. */
  readonly types: string;
  readonly args: readonly OscValue[];
  /** False for a message that came without any type tag string, as old senders write it. */
  readonly hasTypeTags: boolean;
  /** What the tolerant decoder found wrong and read all the same. Empty for a message that follows the text. */
  readonly errors: readonly OscDecodeError[];

  constructor(address: string, args?: OscArgument, types?: string);
}
