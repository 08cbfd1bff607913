import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { HTTP_LIMITS, closeHttp, refuseUpgrade } from "../transport/http.ts";

/** How many connections may be open that haven't shown the token yet; one more replaces the oldest. */
const MAX_STRANGERS = 64;
/** How long a connection may take for the headers of its first request, or be idle, in milliseconds. */
const HEADERS_TIMEOUT_MS = 5000;
const IDLE_TIMEOUT_MS = 10_000;

/** What the page consists of; the build puts these files beside the compiled monitor. */
const FILES: ReadonlyMap<string, { readonly file: string; readonly type: string }> = new Map([
  ["/", { file: "index.html", type: "text/html; charset=utf-8" }],
  ["/page.js", { file: "page.js", type: "text/javascript; charset=utf-8" }],
  ["/page.css", { file: "page.css", type: "text/css; charset=utf-8" }],
  ["/icon.svg", { file: "icon.svg", type: "image/svg+xml" }],
]);

/** Only the page's own files run, nothing may frame it, and no other site learns its address with the token. */
const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** Why a request is refused. */
interface Refusal {
  readonly status: 403 | 404 | 503;
  readonly reason: string;
}

/** A request that knows the token. */
interface Admitted {
  /** The rest of the path after the token, with its leading slash: empty if there is none. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface PageServerOptions {
  /** The first part of every path. */
  readonly token: string;
  /** The host that the monitor was told to listen on, which may be a name. */
  readonly hostName: string;
  /** The folder of the page's files. */
  readonly files: URL;
  /** Takes the connection if a page asks for a WebSocket there; or says why not. */
  readonly onUpgrade: (admitted: Admitted, request: IncomingMessage, socket: Duplex, head: Buffer) => Refusal | null;
}

/**
 * The HTTP server of the page. It answers only those who know the token and come from the page itself.
 *
 * A web site that the user visits meanwhile can't know the token. Even if it did, it couldn't pass for the page: a name that it makes lead to this
 * machine shows in `Host`, and its own origin in `Origin`.
 */
export class PageServer {
  readonly http: Server;
  /** Connections without the token that were closed because there were too many. */
  evicted = 0;
  readonly #options: PageServerOptions;
  readonly #tokenHash: Buffer;
  readonly #strangers = new Set<Duplex>();
  readonly #loaded = new Map<string, Buffer>();

  constructor(options: PageServerOptions) {
    this.#options = options;
    this.#tokenHash = hashOf(options.token);
    this.http = createServer({ ...HTTP_LIMITS, headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) =>
      this.#answer(request, response),
    );
    // Ends connections that say nothing. WebSockets have their own pings instead.
    this.http.setTimeout(IDLE_TIMEOUT_MS);
    this.http.on("connection", (socket) => this.#meet(socket));
    this.http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Resolves when all connections are closed and the port is free. */
  close(): Promise<void> {
    return closeHttp(this.http);
  }

  #meet(socket: Duplex): void {
    if (this.#strangers.size >= MAX_STRANGERS) {
      const [oldest] = this.#strangers;
      oldest?.destroy();
      if (oldest !== undefined) this.#strangers.delete(oldest);
      this.evicted += 1;
    }
    this.#strangers.add(socket);
    socket.once("close", () => this.#strangers.delete(socket));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const admitted = this.#admit(request);
    if ("status" in admitted) return refuse(response, admitted.status, admitted.reason);
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(response, 405, "The page can only be read.");
    if (admitted.path === "") {
      response.writeHead(308, { ...SAFE_HEADERS, location: `/${this.#options.token}/` }).end();
      return;
    }
    const known = FILES.get(admitted.path);
    if (known === undefined) return refuse(response, 404, "There is no such file.");
    const body = this.#read(known.file);
    response.writeHead(200, { ...SAFE_HEADERS, "content-type": known.type, "content-length": body.length });
    response.end(body);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const admitted = this.#admit(request);
    const refusal = "status" in admitted ? admitted : this.#options.onUpgrade(admitted, request, socket, head);
    if (refusal !== null) refuseUpgrade(socket, `${refusal.status} Refused`);
  }

  #admit(request: IncomingMessage): Refusal | Admitted {
    const { host, origin } = request.headers;
    if (host === undefined || !this.#isOwnHost(host)) {
      return { status: 403, reason: "This host name is not the monitor's: open the address that oscine printed." };
    }
    if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
      return { status: 403, reason: "Pages of other origins are refused." };
    }
    const [, token = "", path = "", query = ""] = /^\/([^/?]*)([^?]*)(?:\?(.*))?$/s.exec(request.url ?? "") ?? [];
    if (!timingSafeEqual(hashOf(token), this.#tokenHash)) {
      return { status: 404, reason: "There is nothing here: open the address that oscine printed, with its token." };
    }
    this.#strangers.delete(request.socket);
    return { path, query: new URLSearchParams(query) };
  }

  /** Nobody can make an IP address or `localhost` lead elsewhere; other names can. */
  #isOwnHost(host: string): boolean {
    const name = host.replace(/:\d+$/, "").toLowerCase();
    return name === "localhost" || name === this.#options.hostName.toLowerCase() || isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0;
  }

  #read(file: string): Buffer {
    let body = this.#loaded.get(file);
    if (body === undefined) {
      body = readFileSync(new URL(file, this.#options.files));
      this.#loaded.set(file, body);
    }
    return body;
  }
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { ...SAFE_HEADERS, "content-type": "text/plain; charset=utf-8" }).end(`${reason}\n`);
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
