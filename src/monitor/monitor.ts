import { randomBytes, randomUUID } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { OscDecodeError, type OscError, OscRejectedError, OscServerError, OscSocketError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { Feed } from "./feed.ts";
import { FEED_PATH, encodeHello, encodeStatus } from "./feed-protocol.ts";
import { Guard } from "./guard.ts";
import { PageConnection } from "./page-connection.ts";
import { PageFiles, SAFE_HEADERS } from "./page-files.ts";
import type { SenderFactory } from "./page-senders.ts";

/** What a monitor is made of. */
export interface MonitorOptions {
  /** The address to serve the page on. Default `127.0.0.1`: this machine only. */
  readonly host?: string;
  /** Its port. Default 0: the system chooses. */
  readonly port?: number;
  /** What guards the page, at least 16 of `A-Z a-z 0-9 - _`. Default: 192 random bits. */
  readonly token?: string;
  /** Makes what the page's form sends with. */
  readonly createSender: SenderFactory;
  /** Counters of the server whose packets are shown, asked for once a second while a page is open. Default: none. */
  readonly counters?: () => Readonly<Record<string, number>>;
  /** Where the files of the page are. Default: beside the compiled monitor. */
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
/** What a page that comes, or comes back, gets to see of the past. */
const HISTORY = { maxEntries: 5000, maxBytes: 4 * MIB };
/** What may wait for one page. */
const QUEUE = { maxEntries: 20_000, maxBytes: 8 * MIB };
const MAX_PAGES = 8;
/** The largest datagram, and what the command needs around it. */
const MAX_COMMAND_BYTES = 65_507 + 1024;
const STATUS_MS = 1000;
const ALIVE_MS = 15_000;

/** Errors of which the page tells by itself, since it reads the same bytes. */
const SEEN_IN_BYTES: ReadonlySet<string> = new Set(["empty", "malformed", "not-osc"]);

/** Serves a page that shows packets live. It is told of every packet; it does not listen for any itself. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #token: string;
  readonly #session = randomUUID();
  readonly #feed = new Feed(HISTORY);
  readonly #guard: Guard;
  readonly #files: PageFiles;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_COMMAND_BYTES, perMessageDeflate: false });
  readonly #timers: NodeJS.Timeout[] = [];
  #listening: Listening = { urls: [], target: "" };
  #ignoredFrames = 0;

  /** @throws OscServerError `OSC_OPTION` for a token that could be guessed or does not fit into a URL */
  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#token = checkToken(options.token ?? randomBytes(24).toString("base64url"));
    this.#guard = new Guard(this.#token, options.host ?? "127.0.0.1");
    this.#files = new PageFiles(options.files ?? new URL("./page/", import.meta.url));
    this.#http = createServer((request, response) => this.#answer(request, response));
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Entries that were refused or lost on the way to pages are not among them: see the page. */
  get entries(): number {
    return this.#feed.newest;
  }

  /**
   * Begins to serve the page.
   *
   * @returns its URL, with the token
   * @throws OscSocketError where the port cannot be had
   */
  async open(listening: Listening): Promise<string> {
    const { host = "127.0.0.1", port = 0 } = this.#options;
    this.#listening = listening;
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", (cause: NodeJS.ErrnoException) => {
        const place = `${host}:${port}`;
        reject(
          new OscSocketError(cause.code ?? "EUNKNOWN", `The page of the monitor cannot be served on ${place}: ${cause.message}`, place, {
            cause,
          }),
        );
      });
      this.#http.listen(port, host, resolve);
    });
    this.#timers.push(setInterval(() => this.#tellStatus(), STATUS_MS).unref());
    this.#timers.push(setInterval(() => this.#checkPages(), ALIVE_MS).unref());
    const { address, port: boundPort, family } = this.#http.address() as AddressInfo;
    const isAny = address === "0.0.0.0" || address === "::";
    return `http://${isAny ? "127.0.0.1" : family === "IPv6" ? `[${address}]` : address}:${boundPort}/${this.#token}/`;
  }

  /** A packet arrived. The bytes must not change any more. */
  packet(bytes: Uint8Array, from: NetAddress, transport: string): void {
    this.#feed.add({ kind: "packet", time: Date.now(), from: formatAddress(from), transport, bytes });
  }

  /** Something went wrong. What is wrong with a packet's bytes the page sees by itself; it is passed over here. */
  problem(error: OscError, from?: NetAddress): void {
    if (error instanceof OscDecodeError || (error instanceof OscRejectedError && SEEN_IN_BYTES.has(error.reason))) return;
    const sender = from === undefined ? "" : formatAddress(from);
    this.#feed.add({ kind: "problem", time: Date.now(), from: sender, code: error.code, message: error.message });
  }

  /** Sends the pages away and frees the port. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const page of this.#feed.pages) page.close();
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const admitted = this.#guard.admit(request);
    if ("status" in admitted) return refuse(response, admitted.status, admitted.reason);
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(response, 405, "The page can only be read.");
    if (admitted.path === "") {
      response.writeHead(308, { ...SAFE_HEADERS, location: `/${this.#token}/` }).end();
      return;
    }
    if (!this.#files.serve(admitted.path, response)) refuse(response, 404, "There is no such file.");
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const admitted = this.#guard.admit(request);
    if ("status" in admitted) return refuseUpgrade(socket, admitted.status);
    if (admitted.path !== `/${FEED_PATH}`) return refuseUpgrade(socket, 404);
    if (this.#feed.pages.size >= MAX_PAGES) return refuseUpgrade(socket, 503);
    const isSameSession = admitted.query.get("session") === this.#session;
    const after = isSameSession ? Number(admitted.query.get("after")) || 0 : 0;
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const page = new PageConnection(webSocket, QUEUE, {
        createSender: this.#options.createSender,
        ignored: () => (this.#ignoredFrames += 1),
      });
      webSocket.once("close", () => this.#feed.pages.delete(page));
      const { urls, target } = this.#listening;
      page.say(encodeHello({ session: this.#session, listening: urls, target, time: Date.now(), newest: this.#feed.newest }));
      this.#feed.join(page, after);
      this.#tellStatus();
    });
  }

  #tellStatus(): void {
    const { pages, newest } = this.#feed;
    if (pages.size === 0) return;
    const counters = this.#options.counters?.() ?? {};
    for (const page of pages) {
      page.say(encodeStatus({ entries: newest, dropped: page.dropped, ignoredFrames: this.#ignoredFrames, pages: pages.size, counters }));
    }
  }

  #checkPages(): void {
    for (const page of this.#feed.pages) page.checkAlive();
  }
}

function checkToken(token: string): string {
  if (/^[\w-]{16,256}$/.test(token)) return token;
  throw new OscServerError("OSC_OPTION", "The token of the monitor's page has at least 16 of the characters A-Z a-z 0-9 - _");
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { ...SAFE_HEADERS, "content-type": "text/plain; charset=utf-8" }).end(`${reason}\n`);
}

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.on("error", () => undefined);
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
