/** Literal addresses as a tree of their parts, so that a pattern is compared only with the levels that it reaches. */

import type { Level } from "./levels.ts";

/** A part of an address, at its place among others. */
export interface Node<S> {
  readonly parent: Node<S> | undefined;
  readonly name: string;
  children: Map<string, Node<S>> | undefined;
  /** What stands at the address that ends here. */
  slot: S | undefined;
}

/** A tree of literal addresses, each with one slot. */
export class AddressTree<S> {
  readonly #root: Node<S> = { parent: undefined, name: "", children: undefined, slot: undefined };
  #longest = 0;
  #comparisons = 0;

  /** No address is longer than this, in UTF-16 units. Does not become less when addresses are taken away. */
  get longest(): number {
    return this.#longest;
  }

  /** How often a part of an address has been compared with a level of a pattern. */
  get comparisons(): number {
    return this.#comparisons;
  }

  /** Puts a slot at an address that has none. Returns its node, for {@link delete}. */
  set(address: string, slot: S): Node<S> {
    this.#longest = Math.max(this.#longest, address.length);
    let node = this.#root;
    // Not by `split`, which takes twice as long (bench/dispatch, mapping).
    for (let start = 1, end = 0; end >= 0; start = end + 1) {
      end = address.indexOf("/", start);
      node = childOf(node, end < 0 ? address.slice(start) : address.slice(start, end));
    }
    node.slot = slot;
    return node;
  }

  /** Takes away the slot at a node, and with it the branches that then lead nowhere. */
  delete(node: Node<S>): void {
    node.slot = undefined;
    while (node.parent !== undefined && node.slot === undefined && node.children === undefined) {
      const siblings: Map<string, Node<S>> | undefined = node.parent.children;
      siblings?.delete(node.name);
      if (siblings?.size === 0) node.parent.children = undefined;
      node = node.parent;
    }
  }

  /** The slots at all addresses that the levels of a pattern match, each once, in no certain order. */
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

/** A node whose children are to be looked at, and the levels of the pattern that they may be at: ascending indexes. */
interface Visit<S> {
  readonly node: Node<S>;
  readonly places: readonly number[];
}

/** The one name that can match at these places, where there is only one. */
function onlyName(levels: readonly Level[], places: readonly number[]): string | undefined {
  const level = places.length === 1 ? levels[places[0] ?? 0] : undefined;
  return level === undefined || level.skip ? undefined : level.part.literal;
}

function enter<S>(child: Node<S>, levels: readonly Level[], places: readonly number[], slots: S[], pending: Visit<S>[]): void {
  let next: number[] = [];
  for (const place of places) {
    const level = levels[place];
    if (level === undefined) continue;
    // Whatever an earlier place could still reach, a `//` reaches as well: the places before it need not be followed further.
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
