import type { TimeTag } from "./time-tag.ts";

/** A 32-bit colour (type tag `r`): each part a whole number from 0 to 255. */
export interface OscColor {
  /** Red, 0 to 255. */
  readonly r: number;
  /** Green, 0 to 255. */
  readonly g: number;
  /** Blue, 0 to 255. */
  readonly b: number;
  /** Opacity, from 0 (clear) to 255 (solid). */
  readonly a: number;
}

/**
 * A MIDI message (type tag `m`): port id, status byte, two data bytes, each a whole number from 0 to 255.
 * As an argument without explicit type it must be made with `midi()`, for a plain array is an OSC array.
 */
export type OscMidi = readonly [port: number, status: number, data1: number, data2: number];

/** Every value that an OSC argument can be. OSC 1.0, "OSC Type Tag String". */
export type OscValue = number | bigint | string | boolean | null | Uint8Array | TimeTag | OscColor | OscMidi | readonly OscValue[];
