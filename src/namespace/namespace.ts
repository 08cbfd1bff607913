import { type OscArgument, OscBundle, OscMessage, type OscValue, decode, encode } from "../codec/index.ts";
import { OscDispatchError, OscRejectedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { bad, checkString } from "../options.ts";
import { fitArguments, fittedTypes } from "./arguments.ts";
import { type CheckedDescription, type MethodDescription, checkDescription } from "./description.ts";

/** The current state of a method of a {@link Namespace}. */
export interface NamespaceMethod {
  /** Its address. */
  readonly address: string;
  /** Its description. */
  readonly description: CheckedDescription;
  /** Its last value, one entry for each argument; `null` before the first one, unless the description has a value. */
  readonly value: readonly OscValue[] | null;
  /** The type tags of the value. */
  readonly types: string;
  /** When the value was set, in milliseconds since 1970-01-01 UTC; `null` for the description's value. */
  readonly time: number | null;
  /** The sender of the value; `null` if the program set it, or it was never set. */
  readonly source: NetAddress | null;
}

/** A change to a {@link Namespace}. */
export type NamespaceChange = TreeChange | RenameChange | ValueChange;

/** A method was added, removed or redescribed. */
export interface TreeChange {
  /** What happened. */
  readonly kind: "added" | "removed" | "described";
  /** The method's address. */
  readonly address: string;
}

/** A method got another address. */
export interface RenameChange {
  /** What happened. */
  readonly kind: "renamed";
  /** Its new address. */
  readonly address: string;
  /** Its old address. */
  readonly from: string;
}

/** A method got a value. */
export interface ValueChange {
  /** What happened. */
  readonly kind: "value";
  /** The method, with its new value. */
  readonly method: NamespaceMethod;
  /** What caused it, as passed to `set`. Lets a listener avoid echoing the change to its sender. */
  readonly origin: unknown;
}

/** A node of the tree: a container, a method, or both. */
export interface NamespaceNode {
  /** Its address; `/` for the root. */
  readonly address: string;
  /** The nodes below it, by name, in the order in which they were added. */
  readonly children: ReadonlyMap<string, NamespaceNode>;
  /** The method at this address; `null` if there is none. */
  readonly method: NamespaceMethod | null;
}

interface Node extends NamespaceNode {
  readonly parent: Node | null;
  readonly children: Map<string, Node>;
  method: NamespaceMethod | null;
}

type MethodNode = Node & { method: NamespaceMethod };

const PART = /^[!-~]+$/;
/** Characters with a meaning in patterns, and `#`. */
const RESERVED = /[#*,?[\]{}]/;

/**
 * The tree of described methods, with their types, ranges and last values. Each dispatcher has one: `dispatcher.map` with a description
 * adds to it, and messages set its values.
 *
 * @example
 * dispatcher.map("/gain", { types: "f", range: [{ min: 0, max: 1 }], value: [0.5] }, (address, gain) => console.log(gain));
 * dispatcher.namespace.get("/gain")?.value; // [0.5]
 */
export class Namespace implements Iterable<NamespaceMethod> {
  readonly #root: Node = { address: "/", parent: null, children: new Map(), method: null };
  readonly #listeners = new Set<(change: NamespaceChange) => void>();
  readonly #onTreeChange: (change: TreeChange | RenameChange) => void;
  #size = 0;

  /** @param onTreeChange called before the listeners, except for value changes. @internal */
  constructor(onTreeChange: (change: TreeChange | RenameChange) => void = () => undefined) {
    this.#onTreeChange = onTreeChange;
  }

  /** Number of methods. */
  get size(): number {
    return this.#size;
  }

  /** The root of the tree. It changes as methods are added and removed. */
  get root(): NamespaceNode {
    return this.#root;
  }

  /** The method at an address. */
  get(address: string): NamespaceMethod | undefined {
    return this.#find(address)?.method ?? undefined;
  }

  /** The node at an address, which may be a container; `undefined` if there is none. */
  node(address: string): NamespaceNode | undefined {
    return this.#find(address);
  }

  /** All methods, in tree order. */
  *[Symbol.iterator](): Iterator<NamespaceMethod> {
    const stack: Node[] = [this.#root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node.method !== null) yield node.method;
      stack.push(...[...node.children.values()].toReversed());
    }
  }

  /**
   * Adds a method, or redescribes an existing one, which keeps its value if it fits.
   *
   * @throws OscDispatchError `OSC_BAD_MAPPED_ADDRESS` if the address isn't a plain one; OscServerError `OSC_OPTION` for a bad description
   */
  add(address: string, description: MethodDescription): NamespaceMethod {
    checkAddress(address);
    if (description === undefined) throw bad("The description of a method", 'an object, such as { types: "f" }', description);
    const checked = checkDescription(address, description);
    const initial = checked.value === undefined ? null : this.#fit(address, checked, checked.value);
    const node = this.#make(address);
    const before = node.method;
    const fits = before !== null && before.value !== null && typeof fitArguments(checked, before.types, before.value) !== "string";
    node.method = fits
      ? { ...before, description: checked }
      : { address, description: checked, value: initial?.value ?? null, types: initial?.types ?? "", time: null, source: null };
    if (before === null) this.#size += 1;
    this.#tell({ kind: before === null ? "added" : "described", address });
    return node.method;
  }

  /**
   * Removes a method.
   *
   * @returns false if there was none
   */
  remove(address: string): boolean {
    const node = this.#findMethod(address);
    if (node === null) return false;
    unlink(node);
    this.#size -= 1;
    this.#tell({ kind: "removed", address });
    return true;
  }

  /**
   * Changes the address of a method.
   *
   * @throws OscDispatchError `OSC_NOT_MAPPED` if there is no method at `from` or already one at `to`, `OSC_BAD_MAPPED_ADDRESS` if `to`
   *   isn't a plain address
   */
  rename(from: string, to: string): void {
    checkAddress(to);
    const node = this.#findMethod(from);
    if (node === null) throw noMethod(from);
    const { method } = node;
    const target = this.#make(to);
    if (target.method !== null) throw new OscDispatchError("OSC_NOT_MAPPED", `A method already exists at ${JSON.stringify(to)}.`, to);
    target.method = { ...method, address: to };
    unlink(node);
    this.#tell({ kind: "renamed", address: to, from });
  }

  /**
   * Sets the value of a method and notifies the listeners. Doesn't call handlers.
   *
   * @param args one value for each argument; numbers are converted and clipped like those of messages
   * @param origin who caused it: passed to the listeners
   * @throws OscDispatchError `OSC_NOT_MAPPED` if there is no such method, `OSC_BAD_ARGUMENTS` if its description doesn't allow the
   *   arguments; OscEncodeError for a value that isn't an OSC value
   */
  set(address: string, args: readonly OscArgument[], origin: unknown = null): void {
    if (!Array.isArray(args)) throw bad("The value of a method", "an array with one entry for each argument", args);
    const node = this.#findMethod(address);
    if (node === null) throw noMethod(address);
    const { value, types } = this.#fit(address, node.method.description, args);
    this.#change(node, value, types, Date.now(), null, origin);
  }

  /**
   * Sets the value of a method to the arguments of a message, fitted to its description.
   *
   * @returns the fitted arguments; the original ones if there is no such method
   * @throws OscRejectedError `arguments` if the method can't be written, or its description doesn't allow the arguments
   */
  receive(address: string, message: OscMessage, source: NetAddress | null): readonly OscValue[] {
    checkReceived(message, source);
    return this.receiver(address)(message, source);
  }

  /**
   * Returns a function like {@link receive} for messages to one address, which caches the method.
   *
   * @internal
   */
  receiver(address: string): (message: OscMessage, source: NetAddress | null) => readonly OscValue[] {
    let node: MethodNode | null = null;
    return (message, source) => {
      // The method may have been removed and added again.
      if (node === null || node.method === null) node = this.#findMethod(address);
      if (node === null) return message.args;
      if (!canWrite(node.method.description)) throw rejection(address, "it can't be written");
      return this.#take(node, message, source, source);
    };
  }

  /**
   * Like {@link receive}, but also accepts values for read-only methods: for the owner of the values.
   *
   * @param origin who caused it: passed to the listeners
   */
  update(address: string, message: OscMessage, source: NetAddress | null, origin: unknown): readonly OscValue[] {
    checkReceived(message, source);
    const node = this.#findMethod(address);
    return node === null ? message.args : this.#take(node, message, source, origin);
  }

  /**
   * Sets a value that was checked in another thread or process. Does nothing if there is no such method.
   *
   * @internal
   */
  adopt(address: string, { args, types }: OscMessage, time: number, source: NetAddress | null): void {
    const node = this.#findMethod(address);
    if (node === null) return;
    this.#change(node, args, types, time, source, source);
  }

  /**
   * Calls a function with every future change.
   *
   * @returns a function that unsubscribes
   */
  subscribe(listener: (change: NamespaceChange) => void): () => void {
    if (typeof listener !== "function") throw bad("listener", "a function", listener);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** All values as one bundle, for late joiners: a message for each readable method with a value. */
  snapshot(): OscBundle {
    const messages: OscMessage[] = [];
    for (const { address, value, types, description } of this) {
      if (value !== null && canRead(description)) messages.push(new OscMessage(address, value, types));
    }
    return new OscBundle(messages);
  }

  #take(node: MethodNode, { types, args }: OscMessage, source: NetAddress | null, origin: unknown): readonly OscValue[] {
    const { address, description } = node.method;
    const fitted = fitArguments(description, types, args);
    if (typeof fitted === "string") throw rejection(address, fitted);
    this.#change(node, fitted, fittedTypes(description, types, fitted), Date.now(), source, origin);
    return fitted;
  }

  #change(node: MethodNode, value: readonly OscValue[], types: string, time: number, source: NetAddress | null, origin: unknown): void {
    // A spread would be slow (bench/dispatch).
    const { address, description } = node.method;
    const method = { address, description, value, types, time, source };
    node.method = method;
    if (this.#listeners.size > 0) this.#tell({ kind: "value", method, origin });
  }

  /** The arguments as a message would carry them, checked against the description. */
  #fit(
    address: string,
    description: CheckedDescription,
    args: readonly OscArgument[],
  ): { readonly value: readonly OscValue[]; readonly types: string } {
    const plain = description.types?.replace("?", "");
    const isWhole = plain !== undefined && !/[[\]TF]/.test(plain) && plain.length === args.length;
    const message = decode(encode(isWhole ? new OscMessage(address, args, plain) : new OscMessage(address, args))) as OscMessage;
    const fitted = fitArguments(description, message.types, message.args);
    if (typeof fitted !== "string") return { value: fitted, types: fittedTypes(description, message.types, fitted) };
    throw new OscDispatchError("OSC_BAD_ARGUMENTS", `${address} can't have this value: ${fitted}.`, address);
  }

  #find(address: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const part of partsOf(address)) node = node?.children.get(part);
    return node;
  }

  #findMethod(address: string): MethodNode | null {
    const node = this.#find(address);
    return node === undefined || node.method === null ? null : (node as MethodNode);
  }

  #make(address: string): Node {
    let node = this.#root;
    for (const part of partsOf(address)) {
      let child = node.children.get(part);
      if (child === undefined) {
        child = { address: `${node === this.#root ? "" : node.address}/${part}`, parent: node, children: new Map(), method: null };
        node.children.set(part, child);
      }
      node = child;
    }
    return node;
  }

  #tell(change: NamespaceChange): void {
    if (change.kind !== "value") this.#onTreeChange(change);
    for (const listener of this.#listeners) listener(change);
  }
}

function checkReceived(message: OscMessage, source: NetAddress | null): void {
  if (!(message instanceof OscMessage)) throw bad("message", "an OscMessage", message);
  if (source !== null && typeof (source as Partial<NetAddress> | undefined)?.address !== "string")
    throw bad("source", "a NetAddress", source);
}

/** Whether others may read the value of a method. */
export function canRead({ access }: CheckedDescription): boolean {
  return access === "read" || access === "readwrite";
}

/** Whether messages may set the value of a method. */
function canWrite({ access }: CheckedDescription): boolean {
  return access === "write" || access === "readwrite";
}

/** Removes the method, and containers above it that become empty. */
function unlink(method: Node): void {
  method.method = null;
  for (let node = method; node.parent !== null && node.method === null && node.children.size === 0; node = node.parent) {
    node.parent.children.delete(node.address.slice(node.address.lastIndexOf("/") + 1));
  }
}

function noMethod(address: string): OscDispatchError {
  return new OscDispatchError("OSC_NOT_MAPPED", `There is no method at ${JSON.stringify(address)}.`, address);
}

function rejection(address: string, reason: string): OscRejectedError {
  return new OscRejectedError("arguments", `A message to ${address} was rejected: ${reason}.`);
}

function partsOf(address: string): string[] {
  checkString("address", address);
  return address === "/" ? [] : address.slice(1).split("/");
}

function checkAddress(address: string): void {
  checkString("address", address);
  const isPlain =
    address.startsWith("/") && address.length > 1 && partsOf(address).every((part) => PART.test(part) && !RESERVED.test(part));
  if (isPlain) return;
  throw new OscDispatchError(
    "OSC_BAD_MAPPED_ADDRESS",
    `Only a plain address such as "/mixer/1/gain", without wildcards, spaces or empty parts, can have a description; got ${JSON.stringify(address)}.`,
    address,
  );
}
