import { isDeepStrictEqual } from "node:util";
import type { WebSocket } from "ws";
import { type OscArgument, OscMessage, type OscPacket, type OscValue, encode } from "../codec/index.ts";
import { type ErrorListener, Reporter, reportToConsole, tryDecode } from "../dispatch/index.ts";
import { OscDecodeError, OscError, OscQueryError } from "../errors.ts";
import { type MethodDescription, Namespace, type NamespaceMethod } from "../namespace/index.ts";
import { MAX_TIMER_MS, type OptionChecks, bad, boolean, callback, integer, milliseconds, readOptions, unchecked } from "../options.ts";
import { maskSecrets } from "../url/secrets.ts";
import { formatCommand, messagesOf, readCommand } from "./commands.ts";
import { fetchJson, unreachable } from "./fetch.ts";
import { type HostInfo, readHostInfo, readMethods } from "./read-json.ts";

/** Options of {@link OscQueryClient.connect}. */
export interface OscQueryClientOptions {
  /** Timeout of a request, in milliseconds. Default 5,000. */
  readonly timeout?: number | undefined;
  /** Whether to reconnect after the connection is lost, and listen to the same methods again. Default true. */
  readonly reconnect?: boolean | undefined;
  /** Delay before reconnecting, in milliseconds. Default 1,000. */
  readonly reconnectDelay?: number | undefined;
  /** Maximum size of a response, in bytes. Default 64 MiB. */
  readonly maxSize?: number | undefined;
  /** Aborts connecting. */
  readonly signal?: AbortSignal | undefined;
  /** Called with later errors, at most 20 times per second for each kind. Default: prints to stderr. */
  readonly onError?: ErrorListener | undefined;
}

const CHECKS = {
  timeout: milliseconds(5000, 1, MAX_TIMER_MS),
  reconnect: boolean(true),
  reconnectDelay: milliseconds(1000, 0, MAX_TIMER_MS),
  maxSize: integer(1024, 64 * 1024 * 1024),
  signal: unchecked<AbortSignal>(),
  onError: callback<ErrorListener>(),
} satisfies OptionChecks<OscQueryClientOptions>;

type Settings = ReturnType<typeof readOptions<typeof CHECKS>>;

/** The current value of a remote method. */
export interface RemoteValue {
  /** The method's address. */
  readonly address: string;
  /** One value for each argument. */
  readonly args: readonly OscValue[];
}

/**
 * Passes a value to a reader; null marks the end.
 *
 * @param size size of the message, in bytes
 */
type Push = (args: readonly OscValue[] | null, size: number) => void;

/** Limits for values waiting for a reader of {@link OscQueryClient.listen}, and for the bytes of their messages; the oldest are dropped. */
const MAX_WAITING = 1024;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** Maximum size of a WebSocket message. */
const MAX_MESSAGE = 1024 * 1024;
/** Maximum number of fragments of a message: each may retain a whole read buffer. */
const MAX_FRAGMENTS = 64;
/** Maximum number of changed nodes waiting to be read; beyond this the whole tree is read. */
const MAX_CHANGED = 1000;
const MAX_REPORTS = 20;

/**
 * A client of an OSCQuery server: lists its methods, follows their values, and sets them. Supports the dialects of VRChat, Chataigne, RNBO
 * and libossia.
 *
 * @example
 * await using remote = await OscQueryClient.connect("http://127.0.0.1:5678");
 * for (const { address, value } of remote.namespace) console.log(address, value);
 * for await (const { args } of remote.listen("/mixer/1/gain")) console.log(args);
 */
export class OscQueryClient implements AsyncDisposable {
  /** The server's description of itself. */
  readonly hostInfo: HostInfo;
  /** The methods of the server. Descriptions follow the server's; values do so only for methods that are listened to. */
  readonly namespace: Namespace = new Namespace();
  readonly #url: URL;
  readonly #settings: Settings;
  readonly #reporter: Reporter;
  /** The readers of each subscribed address; a mirror needs none. */
  readonly #subscriptions = new Map<string, Set<Push>>();
  /** The last description of each method, without its value. */
  readonly #descriptions = new Map<string, MethodDescription>();
  /** Addresses of changed nodes that have to be read again, one after another. */
  readonly #changed = new Set<string>();
  #isReading = false;
  /** Whether it listens to all methods. */
  #isMirror = false;
  /** The size of all responses since the whole tree was read. */
  #bytesRead = 0;
  #socket: WebSocket | null = null;
  #opening: Promise<WebSocket> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(url: URL, hostInfo: HostInfo, settings: Settings) {
    this.#url = url;
    this.hostInfo = hostInfo;
    this.#settings = settings;
    this.#reporter = new Reporter(settings.onError ?? reportToConsole, MAX_REPORTS);
  }

  /**
   * Reads a server's description of itself, and its tree.
   *
   * @param url such as `http://192.168.1.20:5678`
   * @throws (rejects) OscQueryError `OSC_QUERY_UNREACHABLE` if there is no response in time, `OSC_QUERY_ANSWER` for a response that isn't
   * OSCQuery; OscServerError `OSC_OPTION` for a bad argument
   */
  static async connect(url: string | URL, options?: OscQueryClientOptions): Promise<OscQueryClient> {
    const settings = readOptions("OscQueryClient.connect", options, CHECKS);
    const text = String(url);
    if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
      throw bad("The URL of an OSCQuery server", 'one that begins with "http://"', typeof url === "string" ? maskSecrets(url) : url);
    const root = new URL(text);
    if (root.username !== "" || root.password !== "")
      throw bad("The URL of an OSCQuery server", "one without a user and password, which OSCQuery doesn't support", maskSecrets(text));
    const { value: info } = await fetchJson(new URL("?HOST_INFO", root), settings);
    const client = new OscQueryClient(root, readHostInfo(info ?? {}, root), settings);
    await client.refresh();
    return client;
  }

  /** Reads the whole tree again, with the values of all methods. */
  async refresh(): Promise<void> {
    const askedAt = Date.now();
    const { value: tree } = await fetchJson(new URL("/", this.#url), this.#settings);
    this.#bytesRead = 0;
    const found = new Set<string>();
    for (const { address, description } of readMethods(tree)) {
      found.add(address);
      this.#describe(address, description, askedAt);
    }
    for (const { address } of this.namespace) if (!found.has(address)) this.#forget(address);
  }

  /** Reads the current value of a method. `null` if it has none, or isn't readable. */
  async get(address: string): Promise<readonly OscValue[] | null> {
    // Chataigne answers only for containers.
    for (const path of [address, address.replace(/\/[^/]*$/, "") || "/"]) {
      const { value: node } = await fetchJson(this.#nodeUrl(path), this.#settings);
      const method = [...readMethods(node)].find((each) => each.address === address);
      if (method !== undefined) return (method.description.value as readonly OscValue[] | undefined) ?? null;
    }
    return null;
  }

  /** Sets the value of a method with a message over the WebSocket. Numbers are converted to the method's types. */
  async set(address: string, ...args: readonly OscArgument[]): Promise<void> {
    const types = this.namespace.get(address)?.description.types;
    const isPlain = types !== undefined && !/[[\]TF?]/.test(types) && types.length === args.length;
    await this.send(isPlain ? new OscMessage(address, args, types) : new OscMessage(address, args));
  }

  /** Sends a packet over the WebSocket. */
  async send(packet: OscPacket): Promise<void> {
    const socket = await this.#open();
    await new Promise<void>((resolve, reject) => {
      socket.send(encode(packet).slice(), (error) =>
        error === null || error === undefined ? resolve() : reject(unreachable(this.#url, error)),
      );
    });
  }

  /**
   * Yields the values of a method as they change, the current one first if the server sends it. Continues after a reconnect. Ends when the
   * signal is aborted or the client is closed.
   */
  async *listen(address: string, { signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<RemoteValue, void, undefined> {
    const waiting: { readonly args: readonly OscValue[] | null; readonly size: number }[] = [];
    let bytes = 0;
    let wake = (): void => undefined;
    const push: Push = (args, size) => {
      while (waiting.length >= MAX_WAITING || (waiting.length > 0 && bytes + size > MAX_WAITING_BYTES)) bytes -= waiting.shift()?.size ?? 0;
      waiting.push({ args, size });
      bytes += size;
      wake();
    };
    const stop = (): void => push(null, 0);
    const isFirst = !this.#subscriptions.has(address);
    const readers = this.#readersOf(address);
    readers.add(push);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true) stop();
    try {
      const socket = await this.#open();
      if (isFirst) command(socket, "LISTEN", address);
      else push(this.namespace.get(address)?.value ?? [], 0);
      for (;;) {
        while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        const { args = null, size = 0 } = waiting.shift() ?? {};
        bytes -= size;
        if (args === null) return;
        yield { address, args };
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      readers.delete(push);
      if (readers.size === 0 && !this.#isMirror) {
        this.#subscriptions.delete(address);
        if (this.#socket !== null) command(this.#socket, "IGNORE", address);
      }
    }
  }

  /**
   * Follows the values of all methods, so that {@link namespace} mirrors the server's, with change events.
   *
   * @returns the namespace
   */
  async mirror(): Promise<Namespace> {
    const socket = await this.#open();
    if (this.#isMirror) return this.namespace;
    this.#isMirror = true;
    for (const method of this.namespace) this.#mirror(socket, method);
    this.namespace.subscribe((change) => {
      const method = change.kind === "added" ? this.namespace.get(change.address) : undefined;
      if (method !== undefined) this.#mirror(this.#socket, method);
    });
    return this.namespace;
  }

  /** Closes the connection and ends all readers. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#endReaders();
    this.#reporter.close();
    const socket = this.#socket;
    if (socket === null) return;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.terminate();
    await closed;
  }

  /** Supports `await using client = …`, which closes the client at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @param socket null if not connected: the next connection listens to all subscriptions */
  #mirror(socket: WebSocket | null, { address }: NamespaceMethod): void {
    if (this.#subscriptions.has(address)) return;
    this.#readersOf(address);
    if (socket !== null) command(socket, "LISTEN", address);
  }

  #readersOf(address: string): Set<Push> {
    let readers = this.#subscriptions.get(address);
    if (readers === undefined) this.#subscriptions.set(address, (readers = new Set()));
    return readers;
  }

  #endReaders(): void {
    for (const readers of this.#subscriptions.values()) for (const push of readers) push(null, 0);
  }

  #open(): Promise<WebSocket> {
    if (this.#closed) return Promise.reject(new OscQueryError("OSC_QUERY_CLOSED", "The OSCQuery client was closed.", this.#url.href));
    if (this.#socket !== null) return Promise.resolve(this.#socket);
    return (this.#opening ??= this.#connect().finally(() => (this.#opening = null)));
  }

  async #connect(): Promise<WebSocket> {
    const { WebSocket: Socket } = await import("ws");
    // The typings don't know maxFragments.
    const limits = { handshakeTimeout: this.#settings.timeout, maxPayload: MAX_MESSAGE, maxFragments: MAX_FRAGMENTS };
    const socket = new Socket(this.hostInfo.webSocketUrl, { ...limits, perMessageDeflate: false });
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", (error) => reject(unreachable(this.#url, error)));
    });
    socket.on("error", (error) => this.#reporter.report(unreachable(this.#url, error)));
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.#receive(data);
      else this.#command(data.toString("utf8"));
    });
    socket.on("close", () => {
      if (!this.#closed) this.#reporter.report(lost(this.#url, this.#settings.reconnect));
      this.#lost();
    });
    this.#socket = socket;
    for (const address of this.#subscriptions.keys()) command(socket, "LISTEN", address);
    return socket;
  }

  #lost(): void {
    this.#socket = null;
    if (this.#closed || !this.#settings.reconnect) return this.#endReaders();
    this.#timer = setTimeout(() => {
      this.#open()
        .then(() => this.refresh())
        .catch(() => {
          if (this.#socket === null) this.#lost();
        });
    }, this.#settings.reconnectDelay);
  }

  #receive(data: Uint8Array): void {
    const packet = tryDecode(data);
    if (packet instanceof OscDecodeError) return this.#reporter.report(packet);
    for (const message of messagesOf(packet)) this.#value(message, data.length);
  }

  #value(message: OscMessage, size: number): void {
    const { address, args } = message;
    try {
      this.namespace.update(address, message, null, this);
    } catch (error) {
      if (!(error instanceof OscError)) throw error;
      this.#reporter.report(error);
    }
    for (const push of this.#subscriptions.get(address) ?? []) push(args, size);
  }

  /** The tree has changed. */
  #command(text: string): void {
    const { name, data } = readCommand(text);
    if (name === "PATH_REMOVED" && typeof data === "string") this.#remove(data);
    else if (name === "PATH_RENAMED" && typeof data === "object" && data !== null && "OLD" in data && "NEW" in data) {
      this.#remove(String(data.OLD));
      this.#read(String(data.NEW));
    } else if ((name === "PATH_ADDED" || name === "PATH_CHANGED" || name === "ATTRIBUTES_CHANGED") && typeof data === "string")
      this.#read(data);
  }

  #nodeUrl(address: string): URL {
    return new URL(address.split("/").map(encodeURIComponent).join("/"), this.#url);
  }

  #remove(address: string): void {
    const below = this.namespace.node(address);
    const nodes = below === undefined ? [] : [below];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      nodes.push(...node.children.values());
      if (node.method !== null) this.#forget(node.method.address);
    }
  }

  #forget(address: string): void {
    this.#descriptions.delete(address);
    if (this.#subscriptions.get(address)?.size === 0) this.#subscriptions.delete(address);
    this.namespace.remove(address);
  }

  #read(address: string): void {
    if (this.#changed.size < MAX_CHANGED) this.#changed.add(address);
    else this.#bytesRead = Infinity;
    if (!this.#isReading) void this.#readChanged();
  }

  /** Reads changed nodes one after another. If they add up to more than a whole tree may have, reads the whole tree instead. */
  async #readChanged(): Promise<void> {
    this.#isReading = true;
    for (const address of this.#changed) {
      this.#changed.delete(address);
      if (this.#closed) break;
      try {
        if (this.#bytesRead > this.#settings.maxSize) {
          this.#changed.clear();
          await this.refresh();
          continue;
        }
        const askedAt = Date.now();
        const { value, size } = await fetchJson(this.#nodeUrl(address), this.#settings);
        this.#bytesRead += size;
        for (const { address: found, description } of readMethods(value)) this.#describe(found, description, askedAt);
      } catch (error) {
        if (error instanceof OscError) this.#reporter.report(error);
      }
    }
    this.#isReading = false;
  }

  /**
   * One wrong description must not affect other methods.
   *
   * @param askedAt time of the request: a value that arrived later over the WebSocket is newer
   */
  #describe(address: string, { value, ...description }: MethodDescription, askedAt: number): void {
    const { namespace } = this;
    try {
      const before = namespace.get(address);
      if (before === undefined || !isDeepStrictEqual(this.#descriptions.get(address), description)) {
        this.#descriptions.set(address, description);
        namespace.add(address, { ...description, value });
      }
      if (before === undefined || value === undefined || (before.time ?? 0) >= askedAt) return;
      const exact = value.map((each, index) => (description.types?.[index] === "f" ? Math.fround(each as number) : each));
      if (!isDeepStrictEqual(namespace.get(address)?.value, exact)) namespace.set(address, value, this);
    } catch (error) {
      if (!(error instanceof OscError)) throw error;
      this.#reporter.report(
        new OscQueryError(
          "OSC_QUERY_ANSWER",
          `The server sent an invalid description of ${JSON.stringify(address)}: ${error.message}`,
          this.#url.href,
        ),
      );
    }
  }
}

function command(socket: WebSocket, name: "LISTEN" | "IGNORE", address: string): void {
  socket.send(formatCommand(name, address));
}

function lost(url: URL, reconnects: boolean): OscQueryError {
  const next = reconnects ? " Oscine tries to connect again until it succeeds." : "";
  return new OscQueryError("OSC_QUERY_UNREACHABLE", `The connection to ${maskSecrets(url.href)} was lost.${next}`, url.href);
}
