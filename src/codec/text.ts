import { StringCache } from "./string-cache.ts";
import { isText } from "./types.ts";

/** How UTF-8 becomes text. Node has a faster way than the Encoding API of browsers. */
interface TextDecoding {
  /** The text of UTF-8 bytes, with U+FFFD for what isn't UTF-8. */
  decode(bytes: Uint8Array, start: number, end: number): string;
  /** The text of ASCII bytes. */
  decodeAscii(bytes: Uint8Array, start: number, end: number): string;
}

/** The methods of Node's Buffer that are used here; they work on every Uint8Array. */
interface BufferMethods {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string;
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string;
}

let chosen: TextDecoding | undefined;

/** Up to this many characters a loop is faster than the Encoding API (bench/codec). */
const SHORT = 40;
const encoder = /* @__PURE__ */ new TextEncoder();

/** Addresses, type tags and text arguments that were read before. */
export const texts: StringCache = /* @__PURE__ */ new StringCache(13);

/** The text of the bytes, or undefined if they aren't UTF-8. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string | undefined {
  chosen ??= bufferDecoding() ?? encodingDecoding();
  const text = chosen.decode(bytes, start, end);
  return text.includes("\ufffd") && !allSent(text, bytes, start, end) ? undefined : text;
}

/** The text of bytes that are known to be ASCII. */
export function decodeAscii(bytes: Uint8Array, start: number, end: number): string {
  chosen ??= bufferDecoding() ?? encodingDecoding();
  return chosen.decodeAscii(bytes, start, end);
}

/** The text of bytes that are one character each, for senders that write Latin-1. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  // In pieces, because the arguments of a call are limited.
  for (let from = start; from < end; from += 4096) text += String.fromCharCode(...bytes.subarray(from, Math.min(from + 4096, end)));
  return text;
}

/**
 * Writes text as UTF-8 and returns the offset after it, which lies beyond the target if the text doesn't fit. Returns -1 for text that an
 * OSC string can't hold: with a NUL character, or half of a surrogate pair.
 */
export function writeCharacters(text: string, target: Uint8Array, offset: number): number {
  const { length } = text;
  if (length > SHORT && isText(text)) {
    const { read, written } = encoder.encodeInto(text, target.subarray(offset));
    if (read === length) return offset + written;
  }
  let i = 0;
  // Nearly all text is ASCII.
  for (let unit; i < length && (unit = text.charCodeAt(i)) < 0x80 && unit !== 0; i++) target[offset + i] = unit;
  let position = offset + i;
  for (; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      if (unit === 0) return -1;
      target[position++] = unit;
    } else if (unit < 0x800) {
      target[position] = 0xc0 | (unit >> 6);
      target[position + 1] = 0x80 | (unit & 0x3f);
      position += 2;
    } else if (unit < 0xd800 || unit > 0xdfff) {
      target[position] = 0xe0 | (unit >> 12);
      target[position + 1] = 0x80 | ((unit >> 6) & 0x3f);
      target[position + 2] = 0x80 | (unit & 0x3f);
      position += 3;
    } else {
      const low = text.charCodeAt(++i);
      if (unit > 0xdbff || (low & 0xfc00) !== 0xdc00) return -1;
      const code = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
      target[position] = 0xf0 | (code >> 18);
      target[position + 1] = 0x80 | ((code >> 12) & 0x3f);
      target[position + 2] = 0x80 | ((code >> 6) & 0x3f);
      target[position + 3] = 0x80 | (code & 0x3f);
      position += 4;
    }
  }
  return position;
}

/** The Encoding API, which browsers and Node have. */
export function encodingDecoding(): TextDecoding {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  // It refuses shared memory, so it gets a copy of that.
  const decode = (bytes: Uint8Array, start: number, end: number): string =>
    decoder.decode(bytes.buffer instanceof ArrayBuffer ? bytes.subarray(start, end) : new Uint8Array(bytes.subarray(start, end)));
  return { decode, decodeAscii: decode };
}

/** The methods of Node's Buffer, if they exist and do what we need. Nothing is imported for them. */
export function bufferDecoding(): TextDecoding | undefined {
  const methods = (globalThis as { Buffer?: { prototype?: Partial<BufferMethods> } }).Buffer?.prototype;
  if (!works(methods)) return undefined;
  const { latin1Slice, utf8Slice } = methods;
  return {
    decode: (bytes, start, end) => utf8Slice.call(bytes, start, end),
    decodeAscii: (bytes, start, end) => latin1Slice.call(bytes, start, end),
  };
}

/** Whether the methods exist and do what we need: one that is missing throws. */
function works(methods: Partial<BufferMethods> | undefined): methods is BufferMethods {
  try {
    const { latin1Slice, utf8Slice } = methods as BufferMethods;
    const bytes = Uint8Array.of(0, 0x61, 0xc3, 0xa9, 0xe2, 0x98, 0x83).subarray(1);
    return utf8Slice.call(bytes, 0, 6) === "aé☃" && latin1Slice.call(bytes, 0, 2) === "a\u00c3";
  } catch {
    return false;
  }
}

/** Whether each U+FFFD of the text was sent as such: then its bytes EF BF BD occur as often, and no byte was replaced. */
function allSent(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  let replaced = text.split("\ufffd").length - 1;
  for (let p = start; p < end - 2; p++) if (bytes[p] === 0xef && bytes[p + 1] === 0xbf && bytes[p + 2] === 0xbd) replaced -= 1;
  return replaced === 0;
}
