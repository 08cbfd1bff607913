/** The address space: finds the values mapped under the addresses that a message's address or pattern matches. */

import { checkString, integer, type OptionChecks, readOptions } from "../options.ts";
import { ByteIndex, MatchCache } from "./caches.ts";
import { isPattern, leastLengthOf, parseLevels, parseMappedAddress } from "./pattern.ts";
import { NO_CAPTURES, type TokenSequence } from "./tokens.ts";
import { AddressTree, type Node, WildcardIndex } from "./tree.ts";

/** A value found for the address of a message. */
export interface Found<T> {
  /** The value that was added. */
  readonly value: T;
  /** What each wildcard of the mapped address matched, in order; empty for a mapped address without wildcards. */
  readonly captures: readonly string[];
}

/** A literal address cached by its bytes. */
export interface KnownAddress<T> {
  /** The address, as it was mapped. */
  readonly address: string;
  /** Its size in a message in bytes, with NUL and padding. */
  readonly size: number;
  /** What {@link AddressSpace.find} returns for it. */
  readonly found: readonly Found<T>[];
}

/** Options of an {@link AddressSpace}. */
export interface AddressSpaceOptions {
  /**
   * Maximum number of texts (patterns, and addresses that only mapped wildcards match) whose results are cached, so that finding them again
   * costs one lookup. Less than 2 turns this off. Default 1,024. Literally mapped addresses don't count.
   */
  readonly maxCachedTexts?: number;
  /** Texts longer than this, in UTF-16 units, are never cached, so that a peer can't fill memory with them. Default 256. */
  readonly maxCachedTextLength?: number;
  /**
   * Maximum size of the cache, in words of about 8 bytes: 1 for each found value, 8 more if it has captures. A text that needs more than
   * half of this isn't cached. Default 1,048,576 (about 8 MB).
   */
  readonly maxCachedWords?: number;
}

/** The cache statistics of an {@link AddressSpace}. */
export interface AddressSpaceCache {
  /** Cached texts; never more than `maxCachedTexts`. */
  readonly texts: number;
  /** Words in use; never more than `maxCachedWords`. */
  readonly words: number;
}

const CHECKS = {
  maxCachedTexts: integer(0, 1024),
  maxCachedTextLength: integer(0, 256),
  maxCachedWords: integer(0, 1_048_576),
} satisfies OptionChecks<AddressSpaceOptions>;

/**
 * Maps addresses, literal or with wildcards, to values such as handlers. The address of a message finds
 *
 * 1. values mapped under exactly this text, even if it contains pattern characters;
 * 2. if the text is an address pattern: values mapped under any address whose text it matches, wildcards included;
 * 3. values mapped under an address with wildcards that matches the literal text of the message, pattern or not.
 *
 * Finding a literal address takes one lookup, however many are mapped. The cost of a new pattern depends on the levels that it reaches.
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
  /** Literal addresses that received messages. Some may have been unmapped since. */
  readonly #byBytes = new ByteIndex<Slot<T>>();
  readonly #cache: MatchCache<readonly Found<T>[]>;
  #size = 0;
  /** The part of `work` other than comparisons in the tree. */
  #work = 0;
  #nextOrder = 0;
  #wildcardChanges = 0;

  /** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name */
  constructor(options?: AddressSpaceOptions) {
    const { maxCachedTexts, maxCachedTextLength, maxCachedWords } = readOptions("AddressSpace", options, CHECKS);
    this.#cache = new MatchCache({ texts: maxCachedTexts, textLength: maxCachedTextLength, weight: maxCachedWords });
  }

  /** Number of mapped values, across all addresses. */
  get size(): number {
    return this.#size;
  }

  /** All mapped addresses, in no particular order. */
  addresses(): Iterable<string> {
    return this.#slots.keys();
  }

  /** Total work of all searches so far, measured in comparisons of address parts. Used to limit the cost of untrusted patterns. */
  get work(): number {
    return this.#tree.comparisons + this.#work;
  }

  /** Current cache usage. */
  get cache(): AddressSpaceCache {
    return { texts: this.#cache.size, words: this.#cache.weight };
  }

  /**
   * Maps a value under an address, which may contain wildcards (`*` also matches `/`). The same value may be added more than once.
   *
   * @throws OscDispatchError `OSC_BAD_MAPPED_ADDRESS`, see {@link validateMappedAddress}
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

  /** The values mapped under exactly this address, in the order in which they were added. */
  at(mappedAddress: string): readonly T[] {
    checkString("A mapped address", mappedAddress);
    return this.#slots.get(mappedAddress)?.entries.map(({ value }) => value) ?? [];
  }

  /** Removes the first occurrence of this value under exactly this address. Returns false if it isn't mapped. */
  remove(mappedAddress: string, value: T): boolean {
    checkString("A mapped address", mappedAddress);
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
   * The values that match the address or address pattern of a message, in the order in which they were added. Never throws. The array is
   * frozen, and a repeated address usually gets the same array.
   */
  find(address: string): readonly Found<T>[] {
    const slot = this.#slots.get(address);
    if (slot?.found !== undefined && slot.wildcardChanges === this.#wildcardChanges) return slot.found;
    return this.#search(address, slot);
  }

  /**
   * Like {@link find}, for the address at the beginning of a message's bytes, without decoding it. Undefined if it isn't cached or a search
   * is needed: then call {@link find} and {@link cacheAddress}.
   */
  findBytes(message: Uint8Array): KnownAddress<T> | undefined {
    const slot = this.#byBytes.find(message);
    return slot?.found !== undefined && slot.wildcardChanges === this.#wildcardChanges ? (slot as KnownAddress<T>) : undefined;
  }

  /**
   * Caches the leading bytes of a message to this address, if the address is mapped literally, which bounds the cache. The message must be
   * well formed.
   */
  cacheAddress(address: string, message: Uint8Array): void {
    const slot = this.#slots.get(address);
    if (slot?.found === undefined || slot.sequence !== undefined) return;
    // Evicts unmapped addresses once they are the majority.
    if (this.#byBytes.size > this.#slots.size * 2 + FEW_SLOTS) this.#byBytes.clear();
    slot.size = this.#byBytes.set(message, slot);
  }

  #search(address: string, slot: Slot<T> | undefined): readonly Found<T>[] {
    const cached = this.#cache.get(address);
    if (cached !== undefined) return cached;
    const pattern = isPattern(address);
    if (!pattern && slot === undefined && this.#wildcards.isEmpty) return NOTHING;
    const matched = new Map<Slot<T>, readonly Entry<T>[]>();
    if (slot !== undefined) matched.set(slot, slot.textMatches());
    const exact = matched.size;
    this.#addWildcardMatches(address, matched);
    const wildcards = matched.size - exact;
    if (pattern) this.#addPatternMatches(address, matched);
    const found = Entry.inOrder([...matched.values()].flat());
    this.#work += (found.length - (slot?.entries.length ?? 0)) * WORK_PER_FOUND;
    if (slot !== undefined && !pattern && wildcards <= MAX_KEPT_WILDCARDS) {
      slot.found = found;
      slot.wildcardChanges = this.#wildcardChanges;
    } else {
      this.#cache.set(address, found, wordsOf(found));
    }
    return found;
  }

  /** Adds the values mapped under addresses whose text the pattern matches. */
  #addPatternMatches(pattern: string, matched: Map<Slot<T>, readonly Entry<T>[]>): void {
    const { longest } = this.#tree;
    if (pattern.length > longest && leastLengthOf(pattern) > longest) return;
    const { levels } = parseLevels(pattern);
    if (levels === undefined) return;
    for (const slot of this.#tree.match(levels)) if (!matched.has(slot)) matched.set(slot, slot.textMatches());
  }

  /** Adds the values mapped under wildcards that match this text. */
  #addWildcardMatches(text: string, matched: Map<Slot<T>, readonly Entry<T>[]>): void {
    const candidates = this.#wildcards.candidates(text);
    this.#work += candidates.length * Math.ceil(text.length / UNITS_PER_WORK);
    for (const slot of candidates) {
      const captures = matched.has(slot) ? undefined : slot.sequence?.capture(text);
      if (captures !== undefined) matched.set(slot, slot.withCaptures(captures));
    }
  }

  #newSlot(address: string, entry: Entry<T>): Slot<T> {
    const sequence = parseMappedAddress(address);
    const slot = new Slot(address, sequence, entry);
    this.#slots.set(address, slot);
    if (address.startsWith("/")) slot.node = this.#tree.set(address, slot);
    if (sequence !== undefined) this.#wildcards.add(sequence, slot);
    return slot;
  }

  #dropSlot(slot: Slot<T>): void {
    this.#slots.delete(slot.address);
    if (slot.sequence !== undefined) this.#wildcards.delete(slot.sequence, slot);
    if (slot.node !== undefined) this.#tree.delete(slot.node);
  }

  /** Invalidates cached results after a value was added to or removed from this slot. */
  #changed(slot: Slot<T>): void {
    slot.found = undefined;
    if (slot.sequence !== undefined) this.#wildcardChanges += 1;
    this.#cache.clear();
  }
}

/**
 * A literal address stores its results outside the cache, unless more mapped wildcards than this match it. This keeps memory proportional
 * to the number of mapped values.
 */
const MAX_KEPT_WILDCARDS = 4;

/** Sorting in a found value costs as much as this many comparisons. Trying a mapped wildcard on `UNITS_PER_WORK` units costs one. */
const WORK_PER_FOUND = 20;
const UNITS_PER_WORK = 4;

/** With few addresses, cached unmapped ones don't matter. */
const FEW_SLOTS = 64;

const NOTHING: readonly never[] = /* @__PURE__ */ Object.freeze([]);

function wordsOf(found: readonly Found<unknown>[]): number {
  return found.reduce((sum, { captures }) => sum + (captures.length > 0 ? 9 : 1), 1);
}

/** A mapped or found value, with its position in the order of adding across all addresses. */
export class Entry<T> implements Found<T> {
  readonly value: T;
  readonly captures: readonly string[];
  readonly #order: number;

  constructor(value: T, captures: readonly string[], order: number) {
    this.value = value;
    this.captures = captures;
    this.#order = order;
  }

  /** The same value with the captures of a message. */
  with(captures: readonly string[]): Entry<T> {
    return new Entry(this.value, captures, this.#order);
  }

  /** Sorts found values in the order of adding, and deep-freezes the list. */
  static inOrder<T>(found: Entry<T>[]): readonly Found<T>[] {
    if (found.length > 1) found.sort((a, b) => a.#order - b.#order);
    for (const entry of found) Object.freeze(entry);
    return Object.freeze(found);
  }
}

/** A mapped address with all its values. */
export class Slot<T> {
  readonly address: string;
  /** Undefined for a literal address. */
  readonly sequence: TokenSequence | undefined;
  /** Its node in the tree, unless the address begins with `*`. */
  node: Node<Slot<T>> | undefined = undefined;
  /** In the order of adding, without captures. */
  readonly entries: Entry<T>[];
  /** The result for a message with exactly this address, if it isn't a pattern; undefined if a search is needed. */
  found: readonly Found<T>[] | undefined = undefined;
  /** The version of the mapped wildcards for which `found` is valid. */
  wildcardChanges = 0;
  /** The size of the address in a message in bytes, with NUL and padding; 0 if it isn't cached. */
  size = 0;

  constructor(address: string, sequence: TokenSequence | undefined, entry: Entry<T>) {
    this.address = address;
    this.sequence = sequence;
    this.entries = [entry];
  }

  /** The result for a pattern that matches the mapped address as text. Wildcards that don't match their own text capture that text. */
  textMatches(): readonly Entry<T>[] {
    const { sequence } = this;
    if (sequence === undefined) return this.entries;
    return this.withCaptures(sequence.capture(this.address) ?? Object.freeze(sequence.wildcards.map((wildcard) => wildcard.source)));
  }

  withCaptures(captures: readonly string[]): readonly Entry<T>[] {
    return captures === NO_CAPTURES ? this.entries : this.entries.map((entry) => entry.with(captures));
  }
}
