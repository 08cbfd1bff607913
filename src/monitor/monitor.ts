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
  /** The host to serve the page on. Default `127.0.0.1`: this machine only. */
  readonly host?: string;
  /** The port to serve the page on. Default 0: chosen by the system. */
  readonly port?: number;
  /** The secret part of the page's URL: at least 16 of `A-Z a-z 0-9 - _`. Default: 192 random bits. */
  readonly token?: string;
  /** Creates a sender for the page's form. */
  readonly createSender: SenderFactory;
  /** Returns the counters of the server whose packets are shown; called once per second while a page is open. Default: none. */
  readonly counters?: () => Readonly<Record<string, number>>;
  /** Methods to show, with their values and controls to set them. Default: none. */
  readonly methods?: MonitoredMethods;
  /** The directory of the page's files. Default: beside the compiled monitor. */
  readonly files?: URL;
}

/** The source of the packets, shown in the page. */
interface Listening {
  /** The listening URLs. */
  readonly urls: readonly string[];
  /** The form's initial target. */
  readonly target: string;
}

const MIB = 1024 * 1024;
/** Entries kept for pages that connect or reconnect. */
const HISTORY = { maxEntries: 5000, maxBytes: 4 * MIB };
/** Entries queued for one page. */
const QUEUE = { maxEntries: 20_000, maxBytes: 8 * MIB };
const MAX_PAGES = 8;
/** The largest datagram plus the command's overhead. */
const MAX_COMMAND_BYTES = 65_507 + 1024;
const STATUS_MS = 1000;
const ALIVE_MS = 15_000;

/** Errors that the page finds itself, because it decodes the same bytes. */
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

/** Serves a page that shows packets live. It doesn't receive packets itself; its owner passes in each one. */
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

  /** @throws OscServerError `OSC_OPTION` for an unknown option, a bad value, or a token that is too short or isn't URL-safe */
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
   * Starts serving the page.
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
        const message = `Can't serve the monitor's page on ${where}: ${cause.message}`;
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

  /** Shows a received packet. The bytes must not change afterwards. */
  packet(bytes: Uint8Array, from: NetAddress, transport: string): void {
    this.#feed.add({ kind: "packet", time: Date.now(), from: formatAddress(from), transport, bytes });
  }

  /** Shows a problem. Skips decoding errors, because the page finds them itself. */
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
    if (path !== `/${FEED_PATH}`) return { status: 404, reason: "No such WebSocket." };
    if (this.#feed.pages.size >= MAX_PAGES) return { status: 503, reason: `Too many open pages: the limit is ${MAX_PAGES}.` };
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
  throw new OscServerError("OSC_OPTION", "The monitor's token must have 16 to 256 characters of A-Z a-z 0-9 - _");
}
