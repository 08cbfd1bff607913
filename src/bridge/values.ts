import { type Argument, type EditableMessage, type Single, isArray, numberArgument, numberOf } from "./message.ts";

/** Returns the new arguments, or the reason for failure as text. */
export type ArgumentsEdit = (list: readonly Argument[]) => readonly Argument[] | string;

const INT32 = { min: -2_147_483_648, max: 2_147_483_647 } as const;

/** Maps numbers linearly from one range to another. Integers become floats. */
export function scaler(from: readonly [number, number], to: readonly [number, number]): (argument: Single) => Single {
  const width = from[1] - from[0];
  return (argument) => {
    const value = numberOf(argument);
    if (value === null) return argument;
    const part = (Number(value) - from[0]) / width;
    // Exact at both ends of the range.
    const scaled = to[0] * (1 - part) + to[1] * part;
    return numberArgument(argument.tag === "d" || argument.tag === "h" ? "d" : "f", scaled);
  };
}

/** Limits numbers to a range, keeping their type. NaN becomes the minimum. */
export function clipper([least, most]: readonly [number, number]): (argument: Single) => Single {
  return (argument) => {
    const value = numberOf(argument);
    const { tag } = argument;
    if (value === null || (value >= least && value <= most)) return argument;
    const limit = value > most ? most : least;
    if (tag === "i") return numberArgument("i", toInt32(limit));
    if (tag === "h") return numberArgument("h", BigInt(Math.round(limit)));
    return numberArgument(tag === "d" ? "d" : "f", limit);
  };
}

/** Converts numbers and booleans to rounded ints or floats. Returns the reason for failure as text. */
export function caster(type: "int" | "float"): (argument: Single) => Single | string {
  const tag = type === "int" ? "i" : "f";
  return (argument) => {
    if (argument.tag === tag) return argument;
    const value = argument.tag === "T" ? 1 : argument.tag === "F" ? 0 : numberOf(argument);
    if (value === null) return argument;
    if (tag === "f") return numberArgument("f", value);
    return Number.isNaN(value) ? "NaN is not an int" : numberArgument("i", toInt32(Number(value)));
  };
}

/** Edits all single values, or only those at some indexes. */
export function editEach(edit: (argument: Single) => Single | string, indexes: readonly number[] | null): ArgumentsEdit {
  return (list) => {
    let problem: string | null = null;
    const editOne = (argument: Argument): Argument => {
      if (isArray(argument)) return argument.map(editOne);
      const edited = edit(argument);
      if (typeof edited !== "string") return edited;
      problem = edited;
      return argument;
    };
    const edited = list.map((argument, index) => (indexes === null || indexes.includes(index) ? editOne(argument) : argument));
    return problem ?? edited;
  };
}

/** Keeps the arguments at these indexes, in this order. */
export function picker(indexes: readonly number[]): ArgumentsEdit {
  return (list) => {
    const missing = indexes.find((index) => index >= list.length);
    if (missing !== undefined) return `it has no argument ${missing}`;
    return indexes.map((index) => list[index]!);
  };
}

function toInt32(value: number): number {
  return Math.min(INT32.max, Math.max(INT32.min, Math.round(value)));
}

/** Limits on remembered addresses and their bytes; beyond them, the oldest are forgotten. */
const MAX_ADDRESSES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** Approximate overhead per address, besides its text and arguments. */
const OVERHEAD_BYTES = 200;
const INFINITUM = 0x49;

/** Remembers the last arguments of each address. */
export class LastArguments {
  readonly #last = new Map<string, Uint8Array>();
  #bytes = 0;

  /** Approximate memory held, in bytes. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** False if the arguments equal the previous ones. Messages without arguments or with `I` are triggers: always true. */
  hasChanged({ address, body }: EditableMessage): boolean {
    const tagsEnd = body.indexOf(0);
    if (body.length === 0 || tagsEnd === 1 || body.subarray(0, tagsEnd).includes(INFINITUM)) return true;
    const last = this.#last.get(address);
    if (last !== undefined && Buffer.compare(last, body) === 0) return false;
    this.#forget(address);
    this.#last.set(address, new Uint8Array(body));
    this.#bytes += sizeOf(address, body);
    for (const [oldest] of this.#last) {
      if (this.#last.size <= MAX_ADDRESSES && this.#bytes <= MAX_BYTES) break;
      this.#forget(oldest);
    }
    return true;
  }

  /** Forgets everything: a pattern changes unknown addresses at the receiver. */
  clear(): void {
    this.#last.clear();
    this.#bytes = 0;
  }

  #forget(address: string): void {
    const last = this.#last.get(address);
    if (last === undefined) return;
    this.#bytes -= sizeOf(address, last);
    this.#last.delete(address);
  }
}

function sizeOf(address: string, body: Uint8Array): number {
  return OVERHEAD_BYTES + address.length * 2 + body.length;
}
