import { StringCache } from "./string-cache.ts";
import { isText } from "./types.ts";

/** Converts between UTF-8 and text. Node has faster functions than the browsers' Encoding API. */
interface TextCoding {
  /** The text of UTF-8 bytes, with U+FFFD for invalid sequences. */
  decode(bytes: Uint8Array, start: number, end: number): string;
  /** The text of ASCII bytes. */
  decodeAscii(bytes: Uint8Array, start: number, end: number): string;
  /** Writes text as UTF-8 and returns its size. The target must be large enough. */
  write(text: string, target: Uint8Array, offset: number): number;
}

/** The methods of Node's Buffer used here. They work on any Uint8Array. */
interface BufferMethods {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string;
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string;
  readonly utf8Write: (this: Uint8Array, text: string, offset: number) => number;
}

let chosen: TextCoding | undefined;

/** Up to this many characters a loop is faster than native code (bench/codec). */
const SHORT = 24;
const encoder = /* @__PURE__ */ new TextEncoder();

/** Addresses, type tags and text arguments that were read before. */
export const texts: StringCache = /* @__PURE__ */ new StringCache(13);

/** The text of the bytes, or undefined if they aren't UTF-8. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string | undefined {
  const text = coding().decode(bytes, start, end);
  return text.includes("\ufffd") && !allSent(text, bytes, start, end) ? undefined : text;
}

/** The text of bytes that are known to be ASCII. */
export function decodeAscii(bytes: Uint8Array, start: number, end: number): string {
  return coding().decodeAscii(bytes, start, end);
}

/** Decodes one character per byte, for senders that write Latin-1. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  // In chunks, because the number of arguments of a call is limited.
  for (let from = start; from < end; from += 4096) text += String.fromCharCode(...bytes.subarray(from, Math.min(from + 4096, end)));
  return text;
}

/**
 * Writes text as UTF-8 and returns the offset after it, which is beyond the target if the text doesn't fit.
 *
 * @param isChecked whether the text is known to be valid in an OSC string. If not, the function returns -1 for invalid text.
 */
export function writeCharacters(text: string, target: Uint8Array, offset: number, isChecked: boolean): number {
  const { length } = text;
  if (length <= SHORT) {
    let i = 0;
    // Nearly all text is ASCII.
    for (let unit; i < length && (unit = text.charCodeAt(i)) < 0x80 && unit !== 0; i++) target[offset + i] = unit;
    if (i === length) return offset + length;
  }
  if (!isChecked && !isText(text)) return -1;
  // A UTF-16 code unit takes at most three bytes in UTF-8.
  if (offset + length * 3 <= target.length) return offset + coding().write(text, target, offset);
  const bytes = encoder.encode(text);
  if (offset + bytes.length <= target.length) target.set(bytes, offset);
  return offset + bytes.length;
}

function coding(): TextCoding {
  return (chosen ??= bufferCoding() ?? encodingCoding());
}

/** The Encoding API, which browsers and Node have. */
export function encodingCoding(): TextCoding {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  // TextDecoder rejects shared memory, so pass a copy.
  const decode = (bytes: Uint8Array, start: number, end: number): string =>
    decoder.decode(bytes.buffer instanceof ArrayBuffer ? bytes.subarray(start, end) : new Uint8Array(bytes.subarray(start, end)));
  return { decode, decodeAscii: decode, write: (text, target, offset) => encoder.encodeInto(text, target.subarray(offset)).written };
}

/** The methods of Node's Buffer, if they exist and behave as needed (a missing one throws). Imports nothing. */
export function bufferCoding(): TextCoding | undefined {
  try {
    const { latin1Slice, utf8Slice, utf8Write } = (globalThis as unknown as { Buffer: { prototype: BufferMethods } }).Buffer.prototype;
    const bytes = new Uint8Array(8);
    if (utf8Write.call(bytes, "aé☃", 1) !== 6 || utf8Slice.call(bytes, 1, 7) !== "aé☃" || latin1Slice.call(bytes, 1, 3) !== "a\u00c3") {
      return undefined;
    }
    return {
      decode: (packet, start, end) => utf8Slice.call(packet, start, end),
      decodeAscii: (packet, start, end) => latin1Slice.call(packet, start, end),
      write: (text, target, offset) => utf8Write.call(target, text, offset),
    };
  } catch {
    return undefined;
  }
}

/** Whether every U+FFFD in the text was sent as such: then EF BF BD occurs equally often in the bytes, and nothing was replaced. */
function allSent(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  let replaced = text.split("\ufffd").length - 1;
  for (let p = start; p < end - 2; p++) if (bytes[p] === 0xef && bytes[p + 1] === 0xbf && bytes[p + 2] === 0xbd) replaced -= 1;
  return replaced === 0;
}
