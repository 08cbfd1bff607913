import { type OscValue, TimeTag } from "../codec/index.ts";
import { formatHex, formatValue } from "./format.ts";
import { formatTime } from "./values.ts";
import { quote } from "./escape.ts";

const BYTES_A_LINE = 16;
const HEX_WIDTH = BYTES_A_LINE * 3 - 1;
const MAX_NESTING = 32;

/** Sizes of fixed-size values by type tag, in bytes. */
const SIZES: Readonly<Record<string, number>> = { i: 4, f: 4, c: 4, r: 4, m: 4, h: 8, d: 8, t: 8, T: 0, F: 0, N: 0, I: 0, "[": 0, "]": 0 };

interface Field {
  readonly start: number;
  readonly end: number;
  readonly comment: string;
}

/**
 * Formats a packet as an annotated hex dump: each line has the offset and bytes of one field, and their meaning. Never throws: invalid
 * bytes are annotated with the fault.
 */
export function formatCommentedHex(packet: Uint8Array): string {
  const lines: string[] = [];
  for (const { start, end, comment } of new FieldReader(packet).read()) {
    for (let at = start; at < Math.max(end, start + 1); at += BYTES_A_LINE) {
      const bytes = packet.subarray(at, Math.min(at + BYTES_A_LINE, end));
      const hex = formatHex(bytes).replace(/(..)(?=.)/g, "$1 ");
      const note = at === start ? `  # ${comment}` : "";
      lines.push(`${at.toString(16).padStart(4, "0")}  ${note === "" ? hex : hex.padEnd(HEX_WIDTH)}${note}`);
    }
  }
  return lines.join("\n");
}

/** Splits a packet into fields without validating it. */
class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fields: Field[] = [];
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): readonly Field[] {
    if (this.#bytes.length === 0) return [{ start: 0, end: 0, comment: "no bytes" }];
    this.#readPacket(this.#bytes.length, 0);
    return this.#fields;
  }

  #readPacket(end: number, depth: number): void {
    if (depth > MAX_NESTING) this.#take(end, `${indent(depth)}bundles nested more than ${MAX_NESTING} deep`);
    else if (this.#startsBundle(end)) this.#readBundle(end, depth);
    else if (this.#bytes[this.#offset] === 0x2f) this.#readMessage(end, indent(depth));
    else this.#takeRest(end, `${indent(depth)}not OSC: neither "/" nor "#bundle"`);
  }

  #readBundle(end: number, depth: number): void {
    this.#take(this.#offset + 8, `${indent(depth)}#bundle`);
    const tag = this.#offset + 8 <= end ? formatTime(this.#timeTag(this.#offset)) : "cut short";
    this.#take(Math.min(this.#offset + 8, end), `${indent(depth)}time tag ${tag}`);
    while (this.#offset + 4 <= end) {
      const size = this.#view.getInt32(this.#offset);
      const rest = end - this.#offset - 4;
      const isGood = size > 0 && size <= rest;
      this.#take(this.#offset + 4, `${indent(depth)}element of ${size} bytes${isGood ? "" : `, but ${rest} follow`}`);
      if (isGood) this.#readPacket(this.#offset + size, depth + 1);
      else this.#takeRest(end, `${indent(depth)}not read`);
    }
    this.#takeRest(end, `${indent(depth)}too short for an element`);
  }

  #readMessage(end: number, margin: string): void {
    this.#takeText(end, (text) => `${margin}${text.startsWith("/") ? quote(text).slice(1, -1) : quote(text)}`);
    if (this.#bytes[this.#offset] !== 0x2c || this.#offset >= end) {
      this.#takeRest(end, `${margin}no type tags, so not read`);
      return;
    }
    const types = this.#takeText(end, (text) => `${margin}${quote(text).slice(1, -1)}`);
    for (const tag of types.slice(1)) {
      if (!this.#readArgument(tag, end, margin)) break;
    }
    this.#takeRest(end, `${margin}not read`);
  }

  /** False if the rest of the message can't be split into arguments. */
  #readArgument(tag: string, end: number, margin: string): boolean {
    const note = `${margin}${quote(tag).slice(1, -1)} `;
    if (tag === "s" || tag === "S") {
      if (this.#offset >= end) return false;
      this.#takeText(end, (text) => `${note}${quote(text)}`);
      return true;
    }
    if (tag === "b") return this.#readBlob(end, note);
    const size = SIZES[tag];
    if (size === undefined || this.#offset + size > end) {
      this.#takeRest(end, `${note}${size === undefined ? "is not known" : "cut short"}`);
      return false;
    }
    if (size > 0) this.#take(this.#offset + size, `${note}${formatValue(tag, this.#value(tag))}`);
    return true;
  }

  #readBlob(end: number, note: string): boolean {
    const rest = end - this.#offset - 4;
    const size = rest < 0 ? -1 : this.#view.getInt32(this.#offset);
    if (size < 0 || size > rest) {
      this.#takeRest(end, `${note}${rest < 0 ? "cut short" : `of ${size} bytes, but ${rest} follow`}`);
      return false;
    }
    this.#take(this.#offset + 4, `${note}of ${size} ${size === 1 ? "byte" : "bytes"}`);
    if (size > 0) this.#take(Math.min(this.#offset + padded(size), end), `${note}bytes`);
    return true;
  }

  #takeText(end: number, comment: (text: string) => string): string {
    const nul = this.#bytes.subarray(0, end).indexOf(0, this.#offset);
    const textEnd = nul === -1 ? end : nul;
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#offset, textEnd));
    const next = this.#offset + padded(textEnd - this.#offset + 1);
    this.#take(Math.min(next, end), comment(text));
    return text;
  }

  #takeRest(end: number, comment: string): void {
    if (this.#offset < end) this.#take(end, comment);
  }

  #take(end: number, comment: string): void {
    this.#fields.push({ start: this.#offset, end, comment });
    this.#offset = end;
  }

  #startsBundle(end: number): boolean {
    return (
      this.#offset + 8 <= end && new TextDecoder("latin1").decode(this.#bytes.subarray(this.#offset, this.#offset + 8)) === "#bundle\0"
    );
  }

  #value(tag: string): OscValue {
    const at = this.#offset;
    const [b0 = 0, b1 = 0, b2 = 0, b3 = 0] = this.#bytes.subarray(at, at + 4);
    switch (tag) {
      case "f":
        return this.#view.getFloat32(at);
      case "d":
        return this.#view.getFloat64(at);
      case "h":
        return this.#view.getBigInt64(at);
      case "t":
        return this.#timeTag(at);
      case "c":
        return String.fromCodePoint(Math.min(this.#view.getUint32(at), 0x10_ffff));
      case "r":
        return { r: b0, g: b1, b: b2, a: b3 };
      case "m":
        return [b0, b1, b2, b3];
      default:
        return this.#view.getInt32(at);
    }
  }

  #timeTag(at: number): TimeTag {
    return new TimeTag(this.#view.getUint32(at), this.#view.getUint32(at + 4));
  }
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function indent(depth: number): string {
  return "  ".repeat(depth);
}
