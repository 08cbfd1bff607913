import { randomBytes, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { OscDecodeError, type OscError, OscRejectedError, OscServerError, OscSocketError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { type OptionChecks, callback, integer, readOptions, required, text, unchecked } from "../options.ts";
import { Feed, PageConnection, type SenderFactory } from "./feed.ts";
import { PageServer } from "./http.ts";
import { MethodsFeed, type MonitoredMethods } from "./methods.ts";
import { FEED_PATH, METHOD_VALUE, encodeHello, encodeStatus } from "./protocol.ts";

/** Options of {@link Monitor}. */
export interface MonitorOptions {
  /** The address to serve the page on. Default `127.0.0.1`: this machine only. */
  readonly host?: string;
  /** Its port. Default 0: the system chooses. */
  readonly port?: number;
  /** The secret part of the page's address, at least 16 of `A-Z a-z 0-9 - _`. Default: 192 random bits. */
  readonly token?: string;
  /** Creates what the page's form sends with. */
  readonly createSender: SenderFactory;
  /** Counters of the server whose packets are shown, asked for once per second while a page is open. Default: none. */
  readonly counters?: () => Readonly<Record<string, number>>;
  /** Methods to show with their values, and controls that send them. Default: none. */
  readonly methods?: MonitoredMethods;
  /** The folder of the page's files. Default: beside the compiled monitor. */
  readonly files?: URL;
}

/** Where the packets come from, for the page to show. */
interface Listening {
  /** URLs that are listened on. */
  readonly urls: readonly string[];
  /** Where the form sends to at first. */
  readonly target: string;
}

const MIB = 1024 * 1024;
/** What a page that comes, or comes back, sees of the past. */
const HISTORY = { maxEntries: 5000, maxBytes: 4 * MIB };
/** What may wait for one page. */
const QUEUE = { maxEntries: 20_000, maxBytes: 8 * MIB };
const MAX_PAGES = 8;
/** The largest datagram, and what the command adds to it. */
const MAX_COMMAND_BYTES = 65_507 + 1024;
const STATUS_MS = 1000;
const ALIVE_MS = 15_000;

/** Errors that the page itself finds, because it reads the same bytes. */
const SEEN_IN_BYTES: ReadonlySet<string> = new Set(["empty", "malformed", "not-osc"]);

const CHECKS = {
  host: text("127.0.0.1"),
  port: integer(0, 0, 65_535),
  token: unchecked<string>(),
  createSender: required(callback<SenderFactory>()),
  counters: callback<() => Readonly<Record<string, number>>>(),
  methods: unchecked<MonitoredMethods>(),
  files: unchecked<URL>(),
} satisfies OptionChecks<MonitorOptions>;

/** Serves a page that shows packets live. Its owner hands it every packet; it receives none itself. */
export class Monitor {
  readonly #host: string;
  readonly #port: number;
  readonly #createSender: SenderFactory;
  readonly #counters: () => Readonly<Record<string, number>>;
  readonly #token: string;
  readonly #session = randomUUID();
  readonly #feed = new Feed(HISTORY);
  readonly #methods: MethodsFeed | null;
  readonly #server: PageServer;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_COMMAND_BYTES, perMessageDeflate: false });
  readonly #timers: NodeJS.Timeout[] = [];
  #listening: Listening = { urls: [], target: "" };
  #ignoredFrames = 0;

  /** @throws OscServerError `OSC_OPTION` for an unknown option, a bad value, or a token that is too short or doesn't fit into a URL */
  constructor(options: MonitorOptions) {
    const { host, port, token, createSender, counters, methods, files } = readOptions("Monitor", options, CHECKS);
    this.#host = host;
    this.#port = port;
    this.#createSender = createSender;
    this.#counters = counters ?? (() => ({}));
    this.#methods = methods === undefined ? null : this.#follow(methods);
    this.#token = checkToken(token ?? randomBytes(24).toString("base64url"));
    this.#server = new PageServer({
      token: this.#token,
      hostName: host,
      files: files ?? new URL("./page/", import.meta.url),
      onUpgrade: (admitted, request, socket, head) => this.#upgrade(admitted, request, socket, head),
    });
  }

  /** The number of packets and problems so far. */
  get entries(): number {
    return this.#feed.newest;
  }

  /**
   * Starts to serve the page.
   *
   * @returns its URL, with the token
   * @throws OscSocketError if the port is not available
   */
  async open(listening: Listening): Promise<string> {
    const { http } = this.#server;
    this.#listening = listening;
    await new Promise<void>((resolve, reject) => {
      http.once("error", (cause: NodeJS.ErrnoException) => {
        const where = `${this.#host}:${this.#port}`;
        const message = `The monitor's page cannot be served on ${where}: ${cause.message}`;
        reject(new OscSocketError(cause.code ?? "EUNKNOWN", message, where, { cause }));
      });
      http.listen(this.#port, this.#host, resolve);
    });
    this.#timers.push(setInterval(() => this.#tellStatus(), STATUS_MS).unref());
    this.#timers.push(setInterval(() => this.#checkPages(), ALIVE_MS).unref());
    const { address, port, family } = http.address() as AddressInfo;
    const isAny = address === "0.0.0.0" || address === "::";
    return `http://${isAny ? "127.0.0.1" : family === "IPv6" ? `[${address}]` : address}:${port}/${this.#token}/`;
  }

  /** Shows a packet that arrived. The bytes must not change anymore. */
  packet(bytes: Uint8Array, from: NetAddress, transport: string): void {
    this.#feed.add({ kind: "packet", time: Date.now(), from: formatAddress(from), transport, bytes });
  }

  /** Shows a problem. Those of a packet's bytes are skipped, because the page finds them itself. */
  problem(error: OscError, from?: NetAddress): void {
    if (error instanceof OscDecodeError || (error instanceof OscRejectedError && SEEN_IN_BYTES.has(error.reason))) return;
    const sender = from === undefined ? "" : formatAddress(from);
    this.#feed.add({ kind: "problem", time: Date.now(), from: sender, code: error.code, message: error.message });
  }

  /** Disconnects the pages and frees the port. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#methods?.close();
    for (const page of this.#feed.pages) page.close();
    await this.#server.close();
  }

  readonly #upgrade: ConstructorParameters<typeof PageServer>[0]["onUpgrade"] = ({ path, query }, request, socket, head) => {
    if (path !== `/${FEED_PATH}`) return { status: 404, reason: "There is no such WebSocket." };
    if (this.#feed.pages.size >= MAX_PAGES) return { status: 503, reason: `There are ${MAX_PAGES} pages already.` };
    const after = query.get("session") === this.#session ? Number(query.get("after")) || 0 : 0;
    this.#accept(after, request, socket, head);
    return null;
  };

  #accept(after: number, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const page = new PageConnection(webSocket, QUEUE, {
        createSender: this.#createSender,
        methods: this.#methods,
        ignored: () => (this.#ignoredFrames += 1),
      });
      webSocket.once("close", () => this.#feed.pages.delete(page));
      const { urls, target } = this.#listening;
      page.say(encodeHello({ session: this.#session, listening: urls, target, time: Date.now(), newest: this.#feed.newest }));
      this.#feed.join(page, after);
      page.sendMethods();
      this.#tellStatus();
    });
  }

  #follow(methods: MonitoredMethods): MethodsFeed {
    const from = methods.target.replace(/^\w+:\/\//, "").replace(/\/$/, "");
    return new MethodsFeed(methods, {
      onTree: () => {
        for (const page of this.#feed.pages) page.sendMethods();
      },
      onValue: (bytes) => this.#feed.add({ kind: "packet", time: Date.now(), from, transport: METHOD_VALUE, bytes }),
    });
  }

  #tellStatus(): void {
    const { pages, newest } = this.#feed;
    if (pages.size === 0) return;
    const counters = this.#counters();
    const status = { entries: newest, ignoredFrames: this.#ignoredFrames, evicted: this.#server.evicted, pages: pages.size, counters };
    for (const page of pages) {
      page.say(encodeStatus({ ...status, dropped: page.dropped }));
      page.catchUp();
    }
  }

  #checkPages(): void {
    for (const page of this.#feed.pages) page.checkAlive();
  }
}

function checkToken(token: string): string {
  if (typeof token === "string" && /^[\w-]{16,256}$/.test(token)) return token;
  throw new OscServerError("OSC_OPTION", "The monitor's token must have at least 16 characters, only A-Z a-z 0-9 - _");
}
