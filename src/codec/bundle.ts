import type { OscDecodeError } from "../errors.ts";
import type { OscMessage } from "./message.ts";
import { TimeTag } from "./time-tag.ts";

export type OscPacket = OscMessage | OscBundle;

export class OscBundle {
  readonly timeTag: TimeTag;
  readonly elements: readonly OscPacket[];
  /** The elements that could not be read, and what the tolerant decoder read all the same. */
  readonly errors: readonly OscDecodeError[];

  constructor(elements: readonly OscPacket[] | OscPacket, timeTag?: TimeTag);
}
