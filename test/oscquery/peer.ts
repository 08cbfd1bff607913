import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { afterEach } from "vitest";
import { WebSocket } from "ws";
import { decode } from "../../src/codec/index.ts";
import type { Dispatcher } from "../../src/dispatch/index.ts";
import { Namespace } from "../../src/namespace/index.ts";
import { type OscQueryServer, type OscQueryServerOptions, serveOscQuery } from "../../src/oscquery/index.ts";

/** What ends after each test. */
export const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** A server that closes after the test. */
export async function serve(source: Dispatcher | Namespace, options: OscQueryServerOptions = {}): Promise<OscQueryServer> {
  const server = await serveOscQuery(source, options);
  closers.push(() => server.close());
  return server;
}

/** The tree of the examples of the OSCQuery proposal. */
export function proposal(): Namespace {
  const namespace = new Namespace();
  namespace.add("/foo", { types: "f", access: "readwrite", value: [0.5], range: [{ min: 0, max: 100 }], description: "test float node" });
  namespace.add("/bar/baz", {
    types: "i",
    access: "write",
    value: [50],
    range: [{ min: 0, max: 100, clip: "both" }],
    description: "test integer node",
  });
  namespace.add("/bar/color", { types: "r", value: [{ r: 255, g: 0, b: 16, a: 255 }], tags: ["light"] });
  namespace.add("/bar/many", {
    types: "ifT[s]",
    range: [{ values: [0, 2, 4] }, null],
    unit: ["time.second", "gain.db"],
    extendedType: ["a", "b"],
    critical: true,
  });
  return namespace;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

/** Asks over HTTP. */
export async function ask(server: OscQueryServer, path: string, options: { method?: string; host?: string } = {}): Promise<Answer> {
  const { address, port } = server.address;
  const headers = options.host === undefined ? {} : { Host: options.host };
  const request = httpRequest({ host: address, port, path, method: options.method ?? "GET", headers });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const piece of response) text += String(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}

/** A WebSocket client that keeps what it gets. */
export class Peer {
  readonly socket: WebSocket;
  readonly got: unknown[] = [];
  readonly #waiting = new Set<() => void>();
  constructor(server: OscQueryServer, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(server.url.replace("http", "ws"), { headers });
    this.socket.on("message", (data: Buffer, isBinary: boolean) => {
      this.got.push(isBinary ? decode(data) : JSON.parse(data.toString()));
      for (const wake of this.#waiting) wake();
    });
    this.socket.on("error", () => undefined);
    closers.push(() => this.socket.terminate());
  }
  async open(): Promise<this> {
    await once(this.socket, "open");
    return this;
  }
  command(name: string, data: unknown): void {
    this.socket.send(JSON.stringify({ COMMAND: name, DATA: data }));
  }
  async until(count: number): Promise<unknown[]> {
    while (this.got.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
    return this.got;
  }
}
