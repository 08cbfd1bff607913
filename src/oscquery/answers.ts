import type { IncomingMessage, ServerResponse } from "node:http";
import type { Namespace } from "../namespace/index.ts";
import { type NetAddress, plainAddress } from "../net-address.ts";
import { type MemoryAccount, MemoryBudget } from "../transport/memory-budget.ts";
import { isHostAllowed } from "../transport/origin.ts";
import { ATTRIBUTES, attributeToText, isAttribute, nodeToText } from "./attributes.ts";

/** The server options that affect responses. */
interface AnswerSettings {
  readonly name: string;
  readonly server: { readonly serverAddress: NetAddress } | undefined;
  readonly transport: "UDP" | "TCP";
  readonly hosts: readonly string[] | undefined;
  readonly maxMemory: number;
}

/**
 * Answers HTTP requests about a namespace, one at a time per connection. A client that pipelines requests could have a whole tree generated
 * for each line it sends, so its connection is closed. If all unread bytes exceed the limit, the connection with the most is closed too.
 */
export class HttpAnswers {
  /** Requests that were answered. */
  requests = 0;
  /** Clients disconnected because they read too slowly. */
  evicted = 0;
  readonly #namespace: Namespace;
  readonly #settings: AnswerSettings;
  readonly #memory: MemoryBudget;

  constructor(namespace: Namespace, settings: AnswerSettings) {
    this.#namespace = namespace;
    this.#settings = settings;
    this.#memory = new MemoryBudget(settings.maxMemory);
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    // Node assigns the socket to a response once the previous responses are sent.
    if (response.socket === null) return void request.socket.destroy();
    this.requests += 1;
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Cache-Control", "no-store");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return empty(response.setHeader("Allow", "GET, HEAD"), 405);
    }
    if (!isHostAllowed(request.headers.host, this.#settings.hosts ?? [])) return empty(response, 421);
    const { path, query } = splitUrl(request.url ?? "/");
    if (path === null) return empty(response, 400);
    const isHostInfo = query === "HOST_INFO" || query === "HOST_INFO=1";
    if (isHostInfo) return this.#json(response, JSON.stringify(this.#hostInfo(request)));
    const node = this.#namespace.node(path);
    if (node === undefined) return empty(response, 404);
    if (query === "") return this.#json(response, nodeToText(node));
    if (!isAttribute(query)) return empty(response, 400);
    const value = attributeToText(node, query);
    if (value === undefined) return empty(response, 204);
    this.#json(response, `{"${query}":${value}}`);
  }

  #hostInfo(request: IncomingMessage): unknown {
    const { name, server, transport } = this.#settings;
    const bound = server?.serverAddress;
    // A server on all interfaces is available at the address that the client used.
    const isAny = bound?.address === "0.0.0.0" || bound?.address === "::";
    const here = plainAddress(request.socket.localAddress ?? "");
    return {
      NAME: name,
      EXTENSIONS: {
        ...Object.fromEntries(ATTRIBUTES.map((attribute) => [attribute, true])),
        LISTEN: true,
        IGNORE: true,
        PATH_ADDED: true,
        PATH_REMOVED: true,
        PATH_RENAMED: true,
        PATH_CHANGED: true,
      },
      ...(bound !== undefined && { OSC_IP: isAny ? here : bound.address, OSC_PORT: bound.port, OSC_TRANSPORT: transport }),
    };
  }

  #json(response: ServerResponse, text: string): void {
    const body = Buffer.from(text);
    const account: MemoryAccount = this.#memory.open(() => {
      this.evicted += 1;
      response.destroy();
      // "close" is emitted later. Until then its memory would count against other clients.
      account.close();
    });
    response.once("close", () => account.close());
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length }).end(body);
    account.set(body.length);
  }
}

function empty(response: ServerResponse, status: number): void {
  response.writeHead(status, { "Content-Length": 0 }).end();
}

/** The path is null if its percent-encoding is invalid. */
function splitUrl(url: string): { readonly path: string | null; readonly query: string } {
  const [, path = "/", query = ""] = /^([^?#]*)(?:\?([^#]*))?/s.exec(url) ?? [];
  try {
    const decoded = decodeURIComponent(path);
    return { path: decoded.length > 1 ? decoded.replace(/\/$/, "") : "/", query: decodeURIComponent(query) };
  } catch {
    return { path: null, query: "" };
  }
}
