const COMMA = 0x2c;
/** Maximum nesting depth of argument arrays. */
const MAX_NESTING = 32;

/** Sizes in bytes of the fixed-size types. */
const SIZES: Readonly<Record<string, number>> = { i: 4, f: 4, c: 4, r: 4, m: 4, h: 8, d: 8, t: 8, T: 0, F: 0, N: 0, I: 0 };

/** An encoded argument: its type tag and its bytes. */
export interface Single {
  readonly tag: string;
  readonly bytes: Uint8Array;
}

/** An argument: a single value, or an array of arguments. */
export type Argument = Single | readonly Argument[];

/** A message being edited by rules. Unchanged parts stay identical byte for byte. */
export class EditableMessage {
  address: string;
  readonly #bytes: Uint8Array;
  readonly #originalAddress: string;
  /** The offset of the type tags and arguments. */
  readonly #bodyStart: number;
  #newBody: Uint8Array | null = null;

  constructor(bytes: Uint8Array) {
    const nul = bytes.indexOf(0);
    const end = nul === -1 ? bytes.length : nul;
    this.address = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString();
    this.#originalAddress = this.address;
    this.#bytes = bytes;
    this.#bodyStart = paddedSize(end);
  }

  /** Type tags and arguments. */
  get body(): Uint8Array {
    return this.#newBody ?? this.#bytes.subarray(this.#bodyStart);
  }

  /** The arguments; null if they can't be read. */
  readArguments(): readonly Argument[] | null {
    return readBody(this.body);
  }

  replaceArguments(list: readonly Argument[]): void {
    this.#newBody = writeBody(list);
  }

  /** The encoded message: the original bytes if nothing has changed. */
  toBytes(): Uint8Array {
    if (this.address === this.#originalAddress && this.#newBody === null) return this.#bytes;
    const text = new TextEncoder().encode(this.address);
    const { body } = this;
    const message = new Uint8Array(paddedSize(text.length) + body.length);
    message.set(text);
    message.set(body, paddedSize(text.length));
    return message;
  }
}

function readBody(body: Uint8Array): readonly Argument[] | null {
  if (body.length === 0) return [];
  const tagsEnd = body.indexOf(0);
  if (body[0] !== COMMA || tagsEnd === -1) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const root: Argument[] = [];
  const open: Argument[][] = [root];
  let at = paddedSize(tagsEnd);
  for (let index = 1; index < tagsEnd; index++) {
    const tag = String.fromCharCode(body[index]!);
    const list = open.at(-1)!;
    if (tag === "[") {
      if (open.length > MAX_NESTING) return null;
      const inner: Argument[] = [];
      list.push(inner);
      open.push(inner);
      continue;
    }
    if (tag === "]") {
      open.pop();
      if (open.length === 0) return null;
      continue;
    }
    const size = sizeOf(tag, body, view, at);
    if (size === null || at + size > body.length) return null;
    list.push({ tag, bytes: body.subarray(at, at + size) });
    at += size;
  }
  return open.length === 1 && at === body.length ? root : null;
}

/** The size of the argument at this position; null if unknown. */
function sizeOf(tag: string, body: Uint8Array, view: DataView, at: number): number | null {
  if (Object.hasOwn(SIZES, tag)) return SIZES[tag]!;
  if (tag === "s" || tag === "S") {
    const end = body.indexOf(0, at);
    return end === -1 ? null : paddedSize(end - at);
  }
  if (tag !== "b" || at + 4 > body.length) return null;
  const length = view.getInt32(at);
  return length < 0 ? null : 4 + ((length + 3) & ~3);
}

function writeBody(list: readonly Argument[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const tags = new TextEncoder().encode(`,${tagsOf(list, parts)}`);
  const start = paddedSize(tags.length);
  const body = new Uint8Array(parts.reduce((sum, { length }) => sum + length, start));
  body.set(tags);
  let at = start;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

function tagsOf(list: readonly Argument[], parts: Uint8Array[]): string {
  let tags = "";
  for (const argument of list) {
    if (isArray(argument)) tags += `[${tagsOf(argument, parts)}]`;
    else {
      tags += argument.tag;
      parts.push(argument.bytes);
    }
  }
  return tags;
}

export function isArray(argument: Argument): argument is readonly Argument[] {
  return Array.isArray(argument);
}

/** The value of a numeric argument; null for other types. */
export function numberOf({ tag, bytes }: Single): number | bigint | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (tag) {
    case "i":
      return view.getInt32(0);
    case "h":
      return view.getBigInt64(0);
    case "f":
      return view.getFloat32(0);
    case "d":
      return view.getFloat64(0);
    default:
      return null;
  }
}

/** Encodes a number as an argument of this type. The number must be in range. */
export function numberArgument(tag: "i" | "h" | "f" | "d", value: number | bigint): Single {
  const bytes = new Uint8Array(tag === "i" || tag === "f" ? 4 : 8);
  const view = new DataView(bytes.buffer);
  if (tag === "i") view.setInt32(0, Number(value));
  else if (tag === "h") view.setBigInt64(0, BigInt(value));
  else if (tag === "f") view.setFloat32(0, Number(value));
  else view.setFloat64(0, Number(value));
  return { tag, bytes };
}

/** The size of a string with its padding: at least one NUL, up to a multiple of four. */
function paddedSize(length: number): number {
  return (length & ~3) + 4;
}
