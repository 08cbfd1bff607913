/** The address space: what is mapped under which address, found by the address or pattern of a message. */

import { checkString, integer, type OptionChecks, readOptions } from "../options.ts";
import { ByteIndex, MatchCache } from "./caches.ts";
import { isPattern, leastLengthOf, parseLevels, parseMappedAddress } from "./pattern.ts";
import { NO_CAPTURES, type TokenSequence } from "./tokens.ts";
import { AddressTree, type Node, WildcardIndex } from "./tree.ts";

/** A value that was found for the address of a message. */
export interface Found<T> {
  /** The value that was added. */
  readonly value: T;
  /** What each wildcard of the mapped address matched, in order; empty for a mapped address without wildcards. */
  readonly captures: readonly string[];
}

/** A literal address that is cached by its bytes. */
export interface KnownAddress<T> {
  /** The address, as it was mapped. */
  readonly address: string;
  /** How many bytes it takes in a message, with NUL and padding. */
  readonly size: number;
  /** What `find` of an address space gives for it. */
  readonly found: readonly Found<T>[];
}

/** Options of an {@link AddressSpace}. */
export interface AddressSpaceOptions {
  /**
   * For how many texts (patterns, and addresses that only mapped wildcards match) the space caches what it found, so that a text seen before
   * costs one look-up. Less than 2 switches this off. Default 1,024. Addresses that are mapped literally don't count.
   */
  readonly maxCachedTexts?: number;
  /** Texts longer than this, in UTF-16 units, are never cached, so that a peer can't fill memory with them. Default 256. */
  readonly maxCachedTextLength?: number;
  /**
   * How much the cache of all texts may hold, in words of about 8 bytes: 1 for each found value, 8 more if it has captures. A text that
   * needs more than half of this isn't cached. Default 1,048,576 (about 8 MB).
   */
  readonly maxCachedWords?: number;
}

/** What an {@link AddressSpace} has cached. */
export interface AddressSpaceCache {
  /** Cached texts; never more than `maxCachedTexts`. */
  readonly texts: number;
  /** Words they take; never more than `maxCachedWords`. */
  readonly words: number;
}

const CHECKS = {
  maxCachedTexts: integer(0, 1024),
  maxCachedTextLength: integer(0, 256),
  maxCachedWords: integer(0, 1_048_576),
} satisfies OptionChecks<AddressSpaceOptions>;

/**
 * Values (handlers, say) mapped under addresses, literal or with wildcards, in any number. The address of a message finds
 *
 * 1. what is mapped under exactly this text, even when the text holds pattern characters;
 * 2. when the text is an address pattern: what is mapped under an address whose text it matches, wildcards in it included;
 * 3. what is mapped under an address with wildcards that matches the text of the message as it stands, a pattern or not.
 *
 * A literal address is found with one look-up, however many are mapped. A pattern costs the levels that it reaches, at first sight.
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
  readonly #byBytes = new ByteIndex<Slot<T>>();
  readonly #cache: MatchCache<readonly Found<T>[]>;
  #size = 0;
  /** The part of `work` that is not comparisons in the tree. */
  #work = 0;
  #nextOrder = 0;
  #wildcardChanges = 0;

  /** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name */
  constructor(options?: AddressSpaceOptions) {
    const { maxCachedTexts, maxCachedTextLength, maxCachedWords } = readOptions("AddressSpace", options, CHECKS);
    this.#cache = new MatchCache({ texts: maxCachedTexts, textLength: maxCachedTextLength, weight: maxCachedWords });
  }

  /** How many values are mapped, over all addresses. */
  get size(): number {
    return this.#size;
  }

  /** All mapped addresses, in no certain order. */
  addresses(): Iterable<string> {
    return this.#slots.keys();
  }

  /** How much work all searches have been so far, in comparisons of a part of an address. Limits what texts from strangers may cost. */
  get work(): number {
    return this.#tree.comparisons + this.#work;
  }

  /** How much is cached, to watch that it stays within its limits. */
  get cache(): AddressSpaceCache {
    return { texts: this.#cache.size, words: this.#cache.weight };
  }

  /**
   * Maps a value under an address, which may hold wildcards (`*` matches `/`, too). The same value may be added more than once.
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

  /** What is mapped under exactly this address, in the order in which it was added. */
  at(mappedAddress: string): readonly T[] {
    checkString("A mapped address", mappedAddress);
    return this.#slots.get(mappedAddress)?.entries.map(({ value }) => value) ?? [];
  }

  /** Removes what was added first of this value under exactly this address. Returns false if there is none. */
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
   * What is mapped for the address or address pattern of a message, in the order in which it was added. Never throws. The array is frozen,
   * and for an address that comes again it is the same one.
   */
  find(address: string): readonly Found<T>[] {
    const slot = this.#slots.get(address);
    if (slot?.found !== undefined && slot.wildcardChanges === this.#wildcardChanges) return slot.found;
    return this.#search(address, slot);
  }

  /**
   * As {@link find} for the address with which the bytes of a message begin, without decoding it. Undefined if it isn't cached or has to be
   * searched for: then {@link find} it and {@link cacheAddress}.
   */
  findBytes(message: Uint8Array): KnownAddress<T> | undefined {
    const slot = this.#byBytes.find(message);
    return slot?.found !== undefined && slot.wildcardChanges === this.#wildcardChanges ? (slot as KnownAddress<T>) : undefined;
  }

  /**
   * Caches the bytes with which a message to this address begins, if the address is mapped literally: so the cache is limited by what is
   * mapped. The message must be well formed.
   */
  cacheAddress(address: string, message: Uint8Array): void {
    const slot = this.#slots.get(address);
    if (slot?.found === undefined || slot.sequence !== undefined) return;
    // The unmapped ones go when they are the greater part.
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

  /** Adds what is mapped under the addresses whose text a pattern matches. */
  #addPatternMatches(pattern: string, matched: Map<Slot<T>, readonly Entry<T>[]>): void {
    const { longest } = this.#tree;
    if (pattern.length > longest && leastLengthOf(pattern) > longest) return;
    const { levels } = parseLevels(pattern);
    if (levels === undefined) return;
    for (const slot of this.#tree.match(levels)) if (!matched.has(slot)) matched.set(slot, slot.textMatches());
  }

  /** Adds what is mapped with wildcards that match this text. */
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

  /** Forgets what was found before something was added to this slot, or removed from it. */
  #changed(slot: Slot<T>): void {
    slot.found = undefined;
    if (slot.sequence !== undefined) this.#wildcardChanges += 1;
    this.#cache.clear();
  }
}

/** A literal address keeps what it found outside the cache, unless more mapped wildcards than this match it: so what is kept is in proportion to what is mapped. */
const MAX_KEPT_WILDCARDS = 4;

/** Putting a found value in its place takes as long as this many comparisons; trying a mapped wildcard on this many units takes one. */
const WORK_PER_FOUND = 20;
const UNITS_PER_WORK = 4;

/** With this few addresses it doesn't matter how many unmapped ones are cached. */
const FEW_SLOTS = 64;

const NOTHING: readonly never[] = /* @__PURE__ */ Object.freeze([]);

function wordsOf(found: readonly Found<unknown>[]): number {
  return found.reduce((sum, { captures }) => sum + (captures.length > 0 ? 9 : 1), 1);
}

/** A value that is mapped or was found, with its place in the order of adding over all addresses. */
export class Entry<T> implements Found<T> {
  readonly value: T;
  readonly captures: readonly string[];
  readonly #order: number;

  constructor(value: T, captures: readonly string[], order: number) {
    this.value = value;
    this.captures = captures;
    this.#order = order;
  }

  /** The same value with what was captured for a message. */
  with(captures: readonly string[]): Entry<T> {
    return new Entry(this.value, captures, this.#order);
  }

  /** Sorts what was found in the order of adding, and freezes all of it. */
  static inOrder<T>(found: Entry<T>[]): readonly Found<T>[] {
    if (found.length > 1) found.sort((a, b) => a.#order - b.#order);
    for (const entry of found) Object.freeze(entry);
    return Object.freeze(found);
  }
}

/** A mapped address with all that is mapped under it. */
export class Slot<T> {
  readonly address: string;
  /** Undefined for a literal address. */
  readonly sequence: TokenSequence | undefined;
  /** Its node in the tree, unless the address begins with `*`. */
  node: Node<Slot<T>> | undefined = undefined;
  /** In order of adding, and without captures. */
  readonly entries: Entry<T>[];
  /** What a message with just this address finds, if the address isn't a pattern; undefined when it has to be searched for. */
  found: readonly Found<T>[] | undefined = undefined;
  /** The state of the mapped wildcards for which `found` holds. */
  wildcardChanges = 0;
  /** How many bytes the address takes in a message, with NUL and padding; 0 if it isn't cached. */
  size = 0;

  constructor(address: string, sequence: TokenSequence | undefined, entry: Entry<T>) {
    this.address = address;
    this.sequence = sequence;
    this.entries = [entry];
  }

  /** What a message finds that matches the mapped address as text. Wildcards that don't match their own text count as having matched themselves. */
  textMatches(): readonly Entry<T>[] {
    const { sequence } = this;
    if (sequence === undefined) return this.entries;
    return this.withCaptures(sequence.capture(this.address) ?? Object.freeze(sequence.wildcards.map((wildcard) => wildcard.source)));
  }

  withCaptures(captures: readonly string[]): readonly Entry<T>[] {
    return captures === NO_CAPTURES ? this.entries : this.entries.map((entry) => entry.with(captures));
  }
}
