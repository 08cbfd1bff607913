/** Finds mapped addresses: a tree of their parts for patterns, and an index of wildcard addresses for plain addresses. */

import type { Level } from "./pattern.ts";
import type { TokenSequence } from "./tokens.ts";

/** A part of an address, as a child of the preceding part. */
export interface Node<S> {
  readonly parent: Node<S> | undefined;
  readonly name: string;
  children: Map<string, Node<S>> | undefined;
  /** The slot of the address that ends here. */
  slot: S | undefined;
}

/** A tree of mapped addresses, each with one slot. A pattern is compared only with the levels that it reaches. */
export class AddressTree<S> {
  readonly #root: Node<S> = { parent: undefined, name: "", children: undefined, slot: undefined };
  #longest = 0;
  #comparisons = 0;

  /** Length of the longest address so far, in UTF-16 units. Doesn't shrink when addresses are removed. */
  get longest(): number {
    return this.#longest;
  }

  /** Number of comparisons of an address part with a pattern level so far. */
  get comparisons(): number {
    return this.#comparisons;
  }

  /** Adds a slot at an address without one. Returns its node, for {@link delete}. */
  set(address: string, slot: S): Node<S> {
    this.#longest = Math.max(this.#longest, address.length);
    let node = this.#root;
    // Not `split`, which is slower (bench/dispatch, mapping).
    for (let start = 1, end = 0; end >= 0; start = end + 1) {
      end = address.indexOf("/", start);
      node = childOf(node, end < 0 ? address.slice(start) : address.slice(start, end));
    }
    node.slot = slot;
    return node;
  }

  /** Removes the slot of a node, and branches left empty. */
  delete(node: Node<S>): void {
    node.slot = undefined;
    while (node.parent !== undefined && node.slot === undefined && node.children === undefined) {
      const siblings: Map<string, Node<S>> | undefined = node.parent.children;
      siblings?.delete(node.name);
      if (siblings?.size === 0) node.parent.children = undefined;
      node = node.parent;
    }
  }

  /** The slots of all addresses that the levels of a pattern match, each once, in no particular order. */
  match(levels: readonly Level[]): S[] {
    const slots: S[] = [];
    const pending: Visit<S>[] = [{ node: this.#root, places: [0] }];
    for (let visit = pending.pop(); visit !== undefined; visit = pending.pop()) {
      const { node, places } = visit;
      if (node.children === undefined) continue;
      const name = onlyName(levels, places);
      if (name === undefined) {
        this.#comparisons += node.children.size * places.length;
        for (const child of node.children.values()) enter(child, levels, places, slots, pending);
      } else {
        this.#comparisons += 1;
        const child = node.children.get(name);
        if (child !== undefined) enter(child, levels, places, slots, pending);
      }
    }
    return slots;
  }
}

function childOf<S>(parent: Node<S>, name: string): Node<S> {
  parent.children ??= new Map();
  const known = parent.children.get(name);
  if (known !== undefined) return known;
  const child = { parent, name, children: undefined, slot: undefined };
  parent.children.set(name, child);
  return child;
}

/** A node whose children are to be visited, and the pattern levels that may apply to them, as ascending indexes. */
interface Visit<S> {
  readonly node: Node<S>;
  readonly places: readonly number[];
}

/** The only name that can match at these levels, if there is just one. */
function onlyName(levels: readonly Level[], places: readonly number[]): string | undefined {
  const level = places.length === 1 ? levels[places[0] ?? 0] : undefined;
  return level === undefined || level.skip ? undefined : level.part.literal;
}

function enter<S>(child: Node<S>, levels: readonly Level[], places: readonly number[], slots: S[], pending: Visit<S>[]): void {
  let next: number[] = [];
  for (const place of places) {
    const level = levels[place];
    if (level === undefined) continue;
    // A `//` reaches everything that the levels before it could, so drop those.
    if (level.skip) next = [place];
    if (!level.part.accepts(child.name)) continue;
    if (place + 1 < levels.length) {
      if (levels[place + 1]?.skip === true) next = [];
      next.push(place + 1);
    } else if (child.slot !== undefined) {
      slots.push(child.slot);
    }
  }
  if (next.length > 0 && child.children !== undefined) pending.push({ node: child, places: next });
}

/**
 * Indexes mapped wildcard addresses by the literal text before their first and after their last wildcard. A search takes one lookup per
 * mapped prefix length, and for each match one per suffix length. Only addresses that share both take longer.
 */
export class WildcardIndex<S> {
  readonly #byPrefix = new TextIndex<TextIndex<Set<S>>>();

  /** True if nothing is mapped. */
  get isEmpty(): boolean {
    return this.#byPrefix.isEmpty;
  }

  add(sequence: TokenSequence, slot: S): void {
    const bySuffix = this.#byPrefix.getOrAdd(sequence.prefix, () => new TextIndex<Set<S>>());
    bySuffix.getOrAdd(sequence.suffix, () => new Set<S>()).add(slot);
  }

  delete(sequence: TokenSequence, slot: S): void {
    const bySuffix = this.#byPrefix.get(sequence.prefix);
    const slots = bySuffix?.get(sequence.suffix);
    if (bySuffix === undefined || slots === undefined) return;
    slots.delete(slot);
    if (slots.size === 0) bySuffix.delete(sequence.suffix);
    if (bySuffix.isEmpty) this.#byPrefix.delete(sequence.prefix);
  }

  /** The slots of all mapped addresses whose prefix and suffix match the text. Their wildcards must still be checked. */
  candidates(text: string): S[] {
    const found: S[] = [];
    for (const prefixLength of this.#byPrefix.lengths()) {
      if (prefixLength > text.length) continue;
      const bySuffix = this.#byPrefix.get(text.slice(0, prefixLength));
      if (bySuffix === undefined) continue;
      for (const suffixLength of bySuffix.lengths()) {
        const start = text.length - suffixLength;
        if (start < prefixLength) continue;
        for (const slot of bySuffix.get(text.slice(start)) ?? []) found.push(slot);
      }
    }
    return found;
  }
}

/** A map with string keys that tracks the lengths of its keys. */
class TextIndex<V> {
  readonly #values = new Map<string, V>();
  /** Number of keys of each length. */
  readonly #lengths = new Map<number, number>();

  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  lengths(): Iterable<number> {
    return this.#lengths.keys();
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  getOrAdd(key: string, make: () => V): V {
    const present = this.#values.get(key);
    if (present !== undefined) return present;
    const value = make();
    this.#values.set(key, value);
    this.#lengths.set(key.length, (this.#lengths.get(key.length) ?? 0) + 1);
    return value;
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return;
    const left = (this.#lengths.get(key.length) ?? 0) - 1;
    if (left > 0) this.#lengths.set(key.length, left);
    else this.#lengths.delete(key.length);
  }
}
