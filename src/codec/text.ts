import { KNOWN_TEXTS, markOf, SentTexts } from "./sent-texts.ts";

/** How bytes become text and text becomes bytes. Node has faster ways than the Encoding API of browsers. */
export interface TextBackend {
  /** The text of UTF-8 bytes, or undefined where they are not UTF-8. */
  decode(bytes: Uint8Array, start: number, end: number): string | undefined;
  /** Where the first NUL is from `start` on; -1 where there is none. */
  indexOfNul(bytes: Uint8Array, start: number): number;
  /** Writes text as UTF-8 at `offset`, where there is room for it, and returns the offset after it. */
  encodeInto(text: string, target: Uint8Array, offset: number): number;
}

/** The methods of Node's Buffer that are used here; they work on every Uint8Array. */
interface BufferMethods {
  readonly indexOf: (this: Uint8Array, byte: number, start: number) => number;
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string;
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string;
  readonly utf8Write: (this: Uint8Array, text: string, offset: number) => number;
}

/** Texts of so many bytes are kept: 128 kB and their texts at most, in each direction. */
const LEAST_KNOWN = 64;
const LEAST_SENT = 16;
const MOST_KNOWN = 512;

let chosen: TextBackend | undefined;

/** The fastest backend that works here; found at the first use. */
export function textBackend(): TextBackend {
  chosen ??= bufferBackend() ?? encodingBackend();
  return chosen;
}

/** The Encoding API, which browsers and Node have. */
export function encodingBackend(): TextBackend {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const encoder = new TextEncoder();
  return {
    decode: (bytes, start, end) => checked(decoder.decode(bytes.subarray(start, end)), bytes, start, end),
    indexOfNul: (bytes, start) => bytes.indexOf(0, start),
    encodeInto: (text, target, offset) => offset + encoder.encodeInto(text, target.subarray(offset)).written,
  };
}

/** The methods of Node's Buffer, where they are there and do what we need. Nothing is imported for them. */
export function bufferBackend(): TextBackend | undefined {
  const methods = (globalThis as { Buffer?: { prototype?: Partial<BufferMethods> } }).Buffer?.prototype;
  if (!works(methods)) return undefined;
  const { indexOf, latin1Slice, utf8Slice, utf8Write } = methods;
  const known = new Array<{ readonly raw: string; readonly text: string | undefined }>(KNOWN_TEXTS);
  const sent = new SentTexts();
  return {
    // To read what is not ASCII takes ten times as long as to take the bytes for Latin-1, and compare (bench/codec, text).
    decode: (bytes, start, end) => {
      const size = end - start;
      if (size < LEAST_KNOWN || size > MOST_KNOWN) return checked(utf8Slice.call(bytes, start, end), bytes, start, end);
      const raw = latin1Slice.call(bytes, start, end);
      const place = markOf(raw) & (KNOWN_TEXTS - 1);
      const last = known[place];
      if (last?.raw === raw) return last.text;
      const text = checked(utf8Slice.call(bytes, start, end), bytes, start, end);
      known[place] = { raw, text };
      return text;
    },
    indexOfNul: (bytes, start) => indexOf.call(bytes, 0, start),
    encodeInto: (text, target, offset) => {
      if (text.length < LEAST_SENT || text.length > MOST_KNOWN) return offset + utf8Write.call(target, text, offset);
      const bytes = sent.find(text);
      if (bytes !== undefined) {
        target.set(bytes, offset);
        return offset + bytes.length;
      }
      const end = offset + utf8Write.call(target, text, offset);
      if (end - offset <= MOST_KNOWN && sent.comesAgain(target, offset, end)) {
        sent.add(utf8Slice.call(target, offset, end), new Uint8Array(target.subarray(offset, end)));
      }
      return end;
    },
  };
}

/** Whether all methods are there and do what we need: one that is missing throws. */
function works(methods: Partial<BufferMethods> | undefined): methods is BufferMethods {
  try {
    const { indexOf, latin1Slice, utf8Slice, utf8Write } = methods as BufferMethods;
    const target = new Uint8Array(8).subarray(1);
    const written = utf8Write.call(target, "aé☃", 1) === 6 && utf8Slice.call(target, 2, 7) === "é☃";
    return written && latin1Slice.call(target, 1, 3) === "a\u00c3" && indexOf.call(target, 0, 1) === -1 && indexOf.call(target, 0, 0) === 0;
  } catch {
    return false;
  }
}

/** The text of the bytes, or undefined where it has U+FFFD for bytes that are not UTF-8. */
function checked(text: string, bytes: Uint8Array, start: number, end: number): string | undefined {
  return text.includes("\ufffd") && !allSent(text, bytes, start, end) ? undefined : text;
}

/** Whether each U+FFFD of the text was sent as such: then its bytes EF BF BD are there as often, and no byte was replaced. */
function allSent(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  let replaced = text.split("\ufffd").length - 1;
  for (let p = start; p < end - 2; p++) if (bytes[p] === 0xef && bytes[p + 1] === 0xbf && bytes[p + 2] === 0xbd) replaced -= 1;
  return replaced === 0;
}

/** The bytes that a text takes in UTF-8. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The text of bytes that are one character each, for senders that write Latin-1. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  // In pieces, for the arguments of a call are limited.
  for (let from = start; from < end; from += 4096) text += String.fromCharCode(...bytes.subarray(from, Math.min(from + 4096, end)));
  return text;
}
