import type { OscMessage } from "../../codec/index.ts";

/** The length of each half of the window. */
const HALF_MS = 1000;

/** Events per second over about the last second: the current second plus a weighted share of the previous one. */
export class RateMeter {
  #since = -Infinity;
  #before = 0;
  #now = 0;

  /** @param time in milliseconds, never decreasing */
  count(time: number, by: number = 1): void {
    this.#turn(time);
    this.#now += by;
  }

  /** Events per second at that time. */
  rate(time: number): number {
    this.#turn(time);
    const passed = Math.min(Math.max((time - this.#since) / HALF_MS, 0), 1);
    return ((this.#before * (1 - passed) + this.#now) * 1000) / HALF_MS;
  }

  #turn(time: number): void {
    const passed = time - this.#since;
    if (passed < HALF_MS) return;
    this.#before = passed < 2 * HALF_MS ? this.#now : 0;
    this.#now = 0;
    this.#since = passed < 2 * HALF_MS ? this.#since + HALF_MS : time;
  }
}

/** Limits for senders of random addresses: the number of levels, and the total characters of their addresses. */
export const MAX_NODES = 5000;
export const MAX_CHARACTERS: number = 1024 * 1024;
/** Larger messages aren't kept per address, only in the list. */
const MAX_LAST_BYTES = 4096;

/** A level of an address, such as `gain` in `/mixer/1/gain`. */
export interface AddressNode extends NodeMessages {
  /** The part between two slashes; may be empty. */
  readonly name: string;
  /** The full address up to this level. */
  readonly address: string;
  /** Number of levels above. */
  readonly depth: number;
  readonly parent: AddressNode | null;
  readonly children: Map<string, AddressNode>;
  isOpen: boolean;
}

interface NodeMessages {
  /** Whether a message with exactly this address has arrived. */
  hasMessages: boolean;
  /** The newest message; null if there is none or it was too large to keep. */
  last: OscMessage | null;
  /** When the last message arrived here or below, in milliseconds since 1970. */
  lastTime: number;
  /** Messages here and below. */
  count: number;
  meter: RateMeter;
}

/** A tree of the received addresses. */
export class AddressTree {
  /** Messages whose addresses exceeded the limits. */
  unlisted = 0;
  #size = 0;
  #characters = 0;
  #root: AddressNode = newNode("", "", -1, null);
  #rows: AddressNode[] | null = null;

  /** Number of levels. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a message received at that time.
   *
   * @param bytes the message's approximate size
   */
  add(message: OscMessage, time: number, bytes: number): AddressNode | null {
    const { address } = message;
    const names = address.startsWith("/") ? address.slice(1).split("/") : [address];
    let node = this.#root;
    for (const name of names) {
      const next = node.children.get(name) ?? this.#grow(node, name);
      if (next === null) {
        this.unlisted += 1;
        return null;
      }
      node = next;
    }
    node.hasMessages = true;
    node.last = bytes <= MAX_LAST_BYTES ? message : null;
    for (let at: AddressNode | null = node; at !== null; at = at.parent) {
      at.count += 1;
      at.lastTime = time;
      at.meter.count(time);
    }
    return node;
  }

  /** The visible nodes (all parents open) from top to bottom, sorted by name. */
  rows(): readonly AddressNode[] {
    this.#rows ??= visibleBelow(this.#root);
    return this.#rows;
  }

  setOpen(node: AddressNode, isOpen: boolean): void {
    node.isOpen = isOpen;
    this.#rows = null;
  }

  /** Forgets the messages but keeps the levels and which of them are open. */
  forgetMessages(): void {
    const visit = (node: AddressNode): void => {
      Object.assign(node, noMessages());
      for (const child of node.children.values()) visit(child);
    };
    visit(this.#root);
    this.unlisted = 0;
  }

  clear(): void {
    this.#root = newNode("", "", -1, null);
    this.#rows = null;
    this.#size = 0;
    this.#characters = 0;
    this.unlisted = 0;
  }

  #grow(parent: AddressNode, name: string): AddressNode | null {
    const isRootless = parent === this.#root && name.startsWith("/");
    const address = isRootless ? name : `${parent.address}/${name}`;
    if (this.#size >= MAX_NODES || this.#characters + address.length > MAX_CHARACTERS) return null;
    this.#characters += address.length;
    const node = newNode(name, address, parent.depth + 1, parent);
    parent.children.set(name, node);
    this.#size += 1;
    this.#rows = null;
    return node;
  }
}

/** A `--match` pattern for a node: its exact address, or everything below it if no message has that address. */
export function patternFor({ address, children, hasMessages }: Pick<AddressNode, "address" | "children" | "hasMessages">): string {
  const literal = address.replace(/[*?[{]/g, "[$&]");
  return children.size > 0 && !hasMessages ? `${literal}/*` : literal;
}

function visibleBelow(root: AddressNode): AddressNode[] {
  const rows: AddressNode[] = [];
  const visit = (node: AddressNode): void => {
    for (const child of [...node.children.values()].toSorted(byName)) {
      rows.push(child);
      if (child.isOpen) visit(child);
    }
  };
  visit(root);
  return rows;
}

const collator = new Intl.Collator("en", { numeric: true });

/** Sorts `2` before `10`. */
function byName(a: AddressNode, b: AddressNode): number {
  return collator.compare(a.name, b.name);
}

function newNode(name: string, address: string, depth: number, parent: AddressNode | null): AddressNode {
  return {
    name,
    address,
    depth,
    parent,
    children: new Map(),
    isOpen: true,
    ...noMessages(),
  };
}

function noMessages(): NodeMessages {
  return { hasMessages: false, last: null, lastTime: -Infinity, count: 0, meter: new RateMeter() };
}
