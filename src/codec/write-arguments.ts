import { OscEncodeError } from "../errors.ts";
import type { TimeTag } from "./time-tag.ts";
import { ARRAY_BEGIN, ARRAY_END, FLOAT, INT, LONG_RUN, runLength } from "./type-tags.ts";
import type { OscColor, OscMidi, OscValue } from "./types.ts";
import { writeBlob, writeText, writeTypeTags, writeUint32 } from "./write-atoms.ts";

/** Eight bytes in which a number of 64 bits is taken apart. */
const parts = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));
/** A float and its bits, for it takes longer to swap its bytes twice in `parts`. */
const floatMemory = /* @__PURE__ */ new ArrayBuffer(4);
const floatNumber = /* @__PURE__ */ new Float32Array(floatMemory);
const floatBits = /* @__PURE__ */ new Int32Array(floatMemory);

/** Writes the type tag string and the arguments, and returns the offset after them. OSC 1.0, "OSC Messages". */
export function writeArguments(types: string, args: readonly OscValue[], target: Uint8Array, offset: number, maxNesting: number): number {
  let position = writeTypeTags(types, target, offset);
  const tags = offset + 1;
  // Where there is no room even for the type tags, nothing more is written, and the position alone matters.
  const room = position <= target.length;
  let list = args;
  let index = 0;
  const around: { list: readonly OscValue[]; index: number }[] = [];
  for (let i = 0; i < types.length; i++) {
    const tag = types.charCodeAt(i);
    if (tag === FLOAT || tag === INT) {
      const count = room && types.length - i >= LONG_RUN ? runLength(target, tags + i, tags + types.length) : 1;
      if (count < LONG_RUN) {
        position = writeNumber(tag, list[index++] as number, target, position);
      } else {
        position = writeRun(tag, list, index, count, target, position);
        index += count;
        i += count - 1;
      }
    } else if (tag === ARRAY_BEGIN) {
      if (around.length === maxNesting) {
        throw new OscEncodeError("OSC_NESTING_TOO_DEEP", `Arrays nest deeper than maxNesting, ${maxNesting} levels.`, args);
      }
      around.push({ list, index: index + 1 });
      list = list[index] as readonly OscValue[];
      index = 0;
    } else if (tag === ARRAY_END) {
      ({ list, index } = around.pop()!);
    } else {
      position = writeArgument(tag, list[index++]!, target, position);
    }
  }
  return position;
}

function writeArgument(tag: number, value: OscValue, target: Uint8Array, offset: number): number {
  switch (tag) {
    case 0x73: // s
    case 0x53: // S
      return writeText(value as string, target, offset);
    case 0x62: // b
      return writeBlob(value as Uint8Array, target, offset);
    case 0x64: // d
      parts.setFloat64(0, value as number);
      return writeParts(target, offset);
    case 0x68: // h
      parts.setBigInt64(0, value as bigint);
      return writeParts(target, offset);
    case 0x74: // t
      writeUint32((value as TimeTag).seconds, target, offset);
      writeUint32((value as TimeTag).fraction, target, offset + 4);
      return offset + 8;
    case 0x63: // c
      writeUint32(typeof value === "string" ? value.codePointAt(0)! : (value as number), target, offset);
      return offset + 4;
    case 0x72: {
      // r
      const { r, g, b, a } = value as OscColor;
      return writeBytes(r, g, b, a, target, offset);
    }
    case 0x6d: {
      // m
      const [port, status, data1, data2] = value as OscMidi;
      return writeBytes(port, status, data1, data2, target, offset);
    }
    default: // T F N I, which have no bytes
      return offset;
  }
}

function writeNumber(tag: number, value: number | bigint, target: Uint8Array, offset: number): number {
  if (tag === INT) {
    writeUint32(value as number, target, offset);
  } else {
    floatNumber[0] = typeof value === "number" ? value : Number(value);
    writeUint32(floatBits[0]!, target, offset);
  }
  return offset + 4;
}

function writeRun(tag: number, list: readonly OscValue[], from: number, count: number, target: Uint8Array, offset: number): number {
  const end = offset + count * 4;
  if (end > target.length) return end;
  const view = new DataView(target.buffer, target.byteOffset + offset, count * 4);
  if (tag === FLOAT) writeFloats(list, from, count, view);
  else writeInts(list as readonly number[], from, count, view);
  return end;
}

function writeFloats(list: readonly OscValue[], from: number, count: number, view: DataView): void {
  for (let i = 0; i < count; i++) {
    const value = list[from + i];
    view.setFloat32(i * 4, typeof value === "number" ? value : Number(value));
  }
}

function writeInts(list: readonly number[], from: number, count: number, view: DataView): void {
  for (let i = 0; i < count; i++) view.setInt32(i * 4, list[from + i]!);
}

function writeParts(target: Uint8Array, offset: number): number {
  writeUint32(parts.getUint32(0), target, offset);
  writeUint32(parts.getUint32(4), target, offset + 4);
  return offset + 8;
}

function writeBytes(first: number, second: number, third: number, fourth: number, target: Uint8Array, offset: number): number {
  target[offset] = first;
  target[offset + 1] = second;
  target[offset + 2] = third;
  target[offset + 3] = fourth;
  return offset + 4;
}
