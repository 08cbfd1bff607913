import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { HTTP_LIMITS, closeHttp, refuseUpgrade } from "../transport/http.ts";

/** Maximum number of connections that haven't sent the token yet; a new one replaces the oldest. */
const MAX_STRANGERS = 64;
/** Time limits for the headers of the first request, and for idle connections. */
const HEADERS_TIMEOUT_MS = 5000;
const IDLE_TIMEOUT_MS = 10_000;

/** The files of the page; the build puts them beside the compiled monitor. */
const FILES: ReadonlyMap<string, { readonly file: string; readonly type: string }> = new Map([
  ["/", { file: "index.html", type: "text/html; charset=utf-8" }],
  ["/page.js", { file: "page.js", type: "text/javascript; charset=utf-8" }],
  ["/page.css", { file: "page.css", type: "text/css; charset=utf-8" }],
  ["/icon.svg", { file: "icon.svg", type: "image/svg+xml" }],
]);

/** Only the page's own scripts run, no site can frame it, and its URL with the token isn't leaked to other sites. */
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

/** Why a request is rejected. */
interface Refusal {
  readonly status: 403 | 404 | 503;
  readonly reason: string;
}

/** A request with the right token. */
interface Admitted {
  /** The path after the token, with its leading slash; may be empty. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface PageServerOptions {
  /** The first segment of every path. */
  readonly token: string;
  /** The configured host, which may be a name. */
  readonly hostName: string;
  /** The directory of the page's files. */
  readonly files: URL;
  /** Handles a WebSocket upgrade, or returns why it is rejected. */
  readonly onUpgrade: (admitted: Admitted, request: IncomingMessage, socket: Duplex, head: Buffer) => Refusal | null;
}

/**
 * The HTTP server of the page. It answers only requests that have the token and come from the page itself.
 *
 * Other web sites open in the browser don't know the token. Even if one did, its requests would be rejected: DNS rebinding shows in `Host`, and a
 * cross-origin request in `Origin`.
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
    // Closes idle connections. WebSockets use pings instead.
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
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(response, 405, "This page is read-only.");
    if (admitted.path === "") {
      response.writeHead(308, { ...SAFE_HEADERS, location: `/${this.#options.token}/` }).end();
      return;
    }
    const known = FILES.get(admitted.path);
    if (known === undefined) return refuse(response, 404, "No such file.");
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
      return { status: 403, reason: "Unknown host name: open the URL that oscine printed." };
    }
    if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
      return { status: 403, reason: "Requests from other origins are rejected." };
    }
    const [, token = "", path = "", query = ""] = /^\/([^/?]*)([^?]*)(?:\?(.*))?$/s.exec(request.url ?? "") ?? [];
    if (!timingSafeEqual(hashOf(token), this.#tokenHash)) {
      return { status: 404, reason: "Not found: open the URL that oscine printed, with its token." };
    }
    this.#strangers.delete(request.socket);
    return { path, query: new URLSearchParams(query) };
  }

  /** DNS rebinding can't use an IP address or `localhost`, only other names. */
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
