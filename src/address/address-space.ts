/** The address space: what is mapped under which address, found by the address or pattern of a message. */

import { OscServerError } from "../errors.ts";
import { AddressTree } from "./address-tree.ts";
import { ByteIndex } from "./byte-index.ts";
import { leastLengthOf, parseLevels } from "./levels.ts";
import { parseMappedAddress } from "./mapped-address.ts";
import { MatchCache } from "./match-cache.ts";
import { isPattern } from "./pattern.ts";
import { Entry, type Found, type KnownAddress, Slot } from "./slot.ts";
import { NO_CAPTURES } from "./token-sequence.ts";
import { WildcardIndex } from "./wildcard-index.ts";

/** Options of an {@link AddressSpace}. */
export interface AddressSpaceOptions {
  /**
   * For how many texts (patterns, and addresses that only mapped wildcards match) the space remembers what it found, so that a text seen before
   * costs one look-up. Less than 2 switches this off. Default 1,024. Addresses that are mapped literally need none of this room.
   */
  readonly maxCachedTexts?: number;
  /** Texts longer than this, in UTF-16 units, are never remembered, so that a peer cannot fill memory with them. Default 256. */
  readonly maxCachedTextLength?: number;
  /**
   * How much of what was found is remembered over all texts, counted in words of about 8 bytes: 1 for each found value, 8 more where it has
   * captures. A text that needs more than half of this is searched for anew each time. Default 1,048,576 (about 8 MB).
   */
  readonly maxCachedWords?: number;
}

/** What an {@link AddressSpace} remembers at the moment. */
export interface AddressSpaceCache {
  /** Texts remembered; never more than `maxCachedTexts`. */
  readonly texts: number;
  /** Words remembered; never more than `maxCachedWords`. */
  readonly words: number;
}

/**
 * Values (handlers, say) mapped under addresses, literal or with wildcards, in any number. The address of a message finds
 *
 * 1. what is mapped under exactly this text, even when the text holds pattern characters;
 * 2. when the text is an address pattern: what is mapped under the literal addresses that it matches;
 * 3. what is mapped under an address with wildcards that matches the text of the message as it stands, a pattern or not.
 *
 * A literal address is found with one look-up however many are mapped; a pattern costs what the levels that it reaches cost, at first sight.
 *
 * @example
 * const space = new AddressSpace<string>();
 * space.add("/mixer/1/gain", "first");
 * space.add("/mixer/*", "any");
 * space.find("/mixer/1/gain"); // [{ value: "first", captures: [] }, { value: "any", captures: ["1/gain"] }]
 */
export class AddressSpace<T> {
  readonly #slots = new Map<string, Slot<T>>();
  readonly #tree = new AddressTree<Slot<T>>();
  readonly #wildcards = new WildcardIndex<Slot<T>>();
  /** Literal addresses that messages came for, some of which may have been unmapped since. */
  readonly #learnt = new ByteIndex<Slot<T>>();
  readonly #cache: MatchCache<readonly Found<T>[]>;
  #size = 0;
  /** The part of `work` that is not comparisons in the tree. */
  #work = 0;
  #nextOrder = 0;
  #wildcardChanges = 0;

  /** @throws {OscServerError} `OSC_OPTION` for a bound that is not a whole number of 0 or more. */
  constructor(options: AddressSpaceOptions = {}) {
    this.#cache = new MatchCache({
      texts: bound("maxCachedTexts", options.maxCachedTexts ?? 1024),
      textLength: bound("maxCachedTextLength", options.maxCachedTextLength ?? 256),
      weight: bound("maxCachedWords", options.maxCachedWords ?? 1_048_576),
    });
  }

  /** How many values are mapped, over all addresses. */
  get size(): number {
    return this.#size;
  }

  /**
   * How much work all searches have been, in comparisons of a part of an address, which take about 20 ns each. What is remembered costs
   * nothing. The one who takes texts from strangers can bound by it what they may cost.
   */
  get work(): number {
    return this.#tree.comparisons + this.#work;
  }

  /** How much is remembered of what was found, to watch that it stays within its bounds. */
  get cache(): AddressSpaceCache {
    return { texts: this.#cache.size, words: this.#cache.weight };
  }

  /**
   * Maps a value under an address, which may hold wildcards (`*` matches `/`, too). The same value may be added more than once.
   *
   * @throws {OscDispatchError} `OSC_BAD_MAPPED_ADDRESS`, see {@link validateMappedAddress}.
   */
  add(mappedAddress: string, value: T): void {
    const entry = new Entry(value, NO_CAPTURES, this.#nextOrder);
    let slot = this.#slots.get(mappedAddress);
    if (slot === undefined) slot = this.#newSlot(mappedAddress, entry);
    else slot.entries.push(entry);
    this.#nextOrder += 1;
    this.#size += 1;
    this.#changed(slot);
  }

  /** What is mapped under exactly this address, in the order in which it was added. */
  at(mappedAddress: string): readonly T[] {
    return this.#slots.get(mappedAddress)?.entries.map(({ value }) => value) ?? [];
  }

  /** Takes back what was first added of this value under exactly this address. False where there is nothing such. */
  remove(mappedAddress: string, value: T): boolean {
    const slot = this.#slots.get(mappedAddress);
    const index = slot === undefined ? -1 : slot.entries.findIndex((entry) => Object.is(entry.value, value));
    if (slot === undefined || index < 0) return false;
    slot.entries.splice(index, 1);
    if (slot.entries.length === 0) this.#dropSlot(slot);
    this.#size -= 1;
    this.#changed(slot);
    return true;
  }

  /**
   * What is mapped for the address or address pattern of a message, in the order in which it was added. Never throws. The array is frozen,
   * and for an address that comes again it is the same one.
   */
  find(address: string): readonly Found<T>[] {
    const slot = this.#slots.get(address);
    if (slot?.found !== undefined && slot.wildcardChanges === this.#wildcardChanges) return slot.found;
    return this.#search(address, slot);
  }

  /**
   * As {@link find} for the address with which the bytes of a message begin, without making a text of them, and as quickly however many
   * addresses are mapped. Undefined where it is not known by its bytes, or has to be searched for: then {@link find} and {@link learn} it.
   */
  findBytes(message: Uint8Array): KnownAddress<T> | undefined {
    const slot = this.#learnt.find(message);
    return slot?.found !== undefined && slot.wildcardChanges === this.#wildcardChanges ? (slot as KnownAddress<T>) : undefined;
  }

  /**
   * Remembers by which bytes a message begins that has this address, where it is mapped literally: what is remembered is bounded by what is
   * mapped. The message has to be well formed.
   */
  learn(address: string, message: Uint8Array): void {
    const slot = this.#slots.get(address);
    if (slot?.found === undefined || slot.sequence !== undefined) return;
    // Those that were unmapped are forgotten when they are the greater part.
    if (this.#learnt.size > this.#slots.size * 2 + FEW_SLOTS) this.#learnt.clear();
    slot.size = this.#learnt.set(message, slot);
  }

  #search(address: string, slot: Slot<T> | undefined): readonly Found<T>[] {
    const remembered = this.#cache.get(address);
    if (remembered !== undefined) return remembered;
    const pattern = isPattern(address);
    if (!pattern && slot === undefined && this.#wildcards.isEmpty) return NOTHING;
    const exact = slot === undefined ? [] : slot.exactMatches();
    const matched = pattern ? this.#patternMatches(address, slot) : [];
    const wildcards = this.#wildcardMatches(address, slot);
    const found = Entry.inOrder([...exact, ...matched, ...wildcards]);
    this.#work += (matched.length + wildcards.length) * WORK_PER_FOUND;
    if (slot !== undefined && !pattern && wildcards.length <= MAX_KEPT_WILDCARDS) {
      slot.found = found;
      slot.wildcardChanges = this.#wildcardChanges;
    } else {
      this.#cache.set(address, found, wordsOf(found));
    }
    return found;
  }

  /** What is mapped under the literal addresses that a pattern matches, but for the slot of this very text. */
  #patternMatches(pattern: string, exact: Slot<T> | undefined): Entry<T>[] {
    const { longest } = this.#tree;
    if (pattern.length > longest && leastLengthOf(pattern) > longest) return [];
    const { levels } = parseLevels(pattern);
    if (levels === undefined) return [];
    return this.#tree.match(levels).flatMap((slot) => (slot === exact ? [] : slot.entries));
  }

  /** What is mapped with wildcards that match this text, but for the slot of this very text. */
  #wildcardMatches(text: string, exact: Slot<T> | undefined): Entry<T>[] {
    const candidates = this.#wildcards.candidates(text);
    this.#work += candidates.length * Math.ceil(text.length / UNITS_PER_WORK);
    return candidates.flatMap((slot) => {
      const captures = slot === exact ? undefined : slot.sequence?.capture(text);
      return captures === undefined ? [] : slot.withCaptures(captures);
    });
  }

  #newSlot(address: string, entry: Entry<T>): Slot<T> {
    const sequence = parseMappedAddress(address);
    const slot = new Slot(address, sequence, entry);
    this.#slots.set(address, slot);
    if (sequence === undefined) slot.node = this.#tree.set(address, slot);
    else this.#wildcards.add(sequence, slot);
    return slot;
  }

  #dropSlot(slot: Slot<T>): void {
    this.#slots.delete(slot.address);
    if (slot.sequence !== undefined) this.#wildcards.delete(slot.sequence, slot);
    if (slot.node !== undefined) this.#tree.delete(slot.node);
  }

  /** Forgets what was found before something was added to this slot, or removed from it. */
  #changed(slot: Slot<T>): void {
    slot.found = undefined;
    if (slot.sequence !== undefined) this.#wildcardChanges += 1;
    this.#cache.clear();
  }
}

/**
 * A literal address keeps what it found, outside the bounded cache, where no more than so many values came from mapped wildcards: what is kept
 * stays in proportion to what is mapped, whatever is asked for.
 */
const MAX_KEPT_WILDCARDS = 4;

/** To put a found value in its place takes as long as so many comparisons; so do so many units of a text that a mapped wildcard is tried on. */
const WORK_PER_FOUND = 20;
const UNITS_PER_WORK = 4;

/** So few addresses that it does not matter how many are remembered that were unmapped. */
const FEW_SLOTS = 64;

const NOTHING: readonly never[] = /* @__PURE__ */ Object.freeze([]);

function bound(option: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new OscServerError(
    "OSC_OPTION",
    `${option} is ${String(value)}: it has to be a whole number of 0 or more. Leave it out for the default.`,
  );
}

function wordsOf(found: readonly Found<unknown>[]): number {
  return found.reduce((sum, { captures }) => sum + (captures.length > 0 ? 9 : 1), 1);
}
