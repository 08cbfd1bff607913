import { OscBundle, OscMessage, encode } from "../codec/index.ts";
import { type ArgumentRange, type Namespace, type NamespaceMethod, canRead } from "../namespace/index.ts";
import { type ShownMethod, type ShownRange, encodeMethods } from "./protocol.ts";

/** The methods that the page shows, and the target for setting their values. */
export interface MonitoredMethods {
  /** Name of the server that has the methods. */
  readonly name: string;
  /** In the form that `createSender` accepts. */
  readonly target: string;
  readonly namespace: Namespace;
}

/** Limits of what a page shows. */
const MAX_METHODS = 5000;
const MAX_TEXT = 300;
const MAX_LIST = 100;
/** Batches changes of the tree: a server may add thousands of methods at once. */
const COLLECT_MS = 100;

/** Follows a namespace for the pages: sends its tree as frames and its values as packets. */
export class MethodsFeed {
  readonly #source: MonitoredMethods;
  readonly #unsubscribe: () => void;
  readonly #onTree: () => void;
  #text: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** @param onValue called with each new value as a packet */
  constructor(
    source: MonitoredMethods,
    { onTree, onValue }: { readonly onTree: () => void; readonly onValue: (packet: Uint8Array) => void },
  ) {
    this.#source = source;
    this.#onTree = onTree;
    this.#unsubscribe = source.namespace.subscribe((change) => {
      const packet = change.kind === "value" ? packetOf(change.method) : null;
      if (packet !== null) onValue(packet);
      else if (change.kind !== "value") this.#changed();
    });
  }

  /** The tree and its values, encoded for a page. */
  frame(): Uint8Array {
    const { namespace } = this.#source;
    this.#text ??= this.#describe();
    const values = namespace.snapshot().elements.slice(0, MAX_METHODS);
    return encodeMethods(this.#text, encode(new OscBundle(values)));
  }

  close(): void {
    this.#unsubscribe();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #changed(): void {
    this.#text = null;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#onTree();
    }, COLLECT_MS).unref();
  }

  #describe(): string {
    const { name, target, namespace } = this.#source;
    const methods: ShownMethod[] = [];
    for (const method of namespace) {
      if (methods.length === MAX_METHODS) break;
      methods.push(shown(method));
    }
    return JSON.stringify({ name: name.slice(0, MAX_TEXT), target, total: namespace.size, methods });
  }
}

function packetOf({ address, value, types, description }: NamespaceMethod): Uint8Array | null {
  return value === null || !canRead(description) ? null : encode(new OscMessage(address, value, types)).slice();
}

/** The fields that the page shows, with long texts truncated. */
function shown({ address, description, types }: NamespaceMethod): ShownMethod {
  return {
    address,
    types: (description.types ?? types).replace("?", ""),
    access: description.access,
    description: description.description?.slice(0, MAX_TEXT),
    unit: description.unit?.slice(0, MAX_LIST).map((unit) => unit.slice(0, MAX_TEXT)),
    range: description.range?.slice(0, MAX_LIST).map(shownRange),
  };
}

function shownRange(range: ArgumentRange | null): ShownRange {
  const { min, max, values } = range ?? {};
  const listed = values?.filter((value) => typeof value === "string" || typeof value === "number");
  return { min, max, values: listed?.slice(0, MAX_LIST) };
}
