import type { Node } from "./address-tree.ts";
import { NO_CAPTURES, type TokenSequence } from "./token-sequence.ts";

/** A value that was found for the address of a message. */
export interface Found<T> {
  /** The value that was added. */
  readonly value: T;
  /** What each wildcard of the mapped address matched, in order; empty for a mapped address without wildcards. */
  readonly captures: readonly string[];
}

/** A literal address that was known by its bytes. */
export interface KnownAddress<T> {
  /** The address as text: that which was mapped. */
  readonly address: string;
  /** How many bytes it takes in a message, with NUL and padding. */
  readonly size: number;
  /** What `find` of an address space gives for it. */
  readonly found: readonly Found<T>[];
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
  /** Undefined for a literal address, which has a node in the tree. */
  readonly sequence: TokenSequence | undefined;
  node: Node<Slot<T>> | undefined = undefined;
  /** In order of adding, and without captures. */
  readonly entries: Entry<T>[];
  /** What a message with just this address finds, for an address that is no pattern; undefined when it has to be searched for. */
  found: readonly Found<T>[] | undefined = undefined;
  /** The state of the mapped wildcards for which `found` is true. */
  wildcardChanges = 0;
  /** How many bytes the address takes in a message, with NUL and padding; 0 where it has not been learnt. */
  size = 0;

  constructor(address: string, sequence: TokenSequence | undefined, entry: Entry<T>) {
    this.address = address;
    this.sequence = sequence;
    this.entries = [entry];
  }

  /** What a message finds whose text is just the mapped address. Where its wildcards do not match their own text, each is taken to have matched itself. */
  exactMatches(): readonly Entry<T>[] {
    const { sequence } = this;
    if (sequence === undefined) return this.entries;
    return this.withCaptures(sequence.capture(this.address) ?? Object.freeze(sequence.wildcards.map((wildcard) => wildcard.source)));
  }

  withCaptures(captures: readonly string[]): readonly Entry<T>[] {
    return captures === NO_CAPTURES ? this.entries : this.entries.map((entry) => entry.with(captures));
  }
}
