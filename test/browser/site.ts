import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../../bench/suite/bundle-size.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".jsonl": "application/jsonl",
  ".css": "text/css",
  ".map": "application/json",
};

/** Which folders of the repository a page can read. */
const FOLDERS: ReadonlySet<string> = new Set(["dist", "test/vectors", "examples"]);

/**
 * A site on 127.0.0.1 for pages that are tests:
 *
 *     /                    the page
 *     /oscine.js           the browser entry, bundled
 *     /dist/browser.js     the same as files, for a plain <script type="module">
 *     /test/vectors/…      the corpus
 *
 * The page's own address is `http://127.0.0.1:port/`; a WebSocket server may be attached to `server`.
 */
export class Site implements AsyncDisposable {
  readonly server: Server;
  readonly #page: string;
  #bundle: string | null = null;

  private constructor(page: string) {
    this.#page = page;
    this.server = createServer((request, response) => {
      this.#answer(request.url ?? "/").then(
        ({ status, type, body }) => response.writeHead(status, { "Content-Type": type }).end(body),
        (error: unknown) => response.writeHead(500, { "Content-Type": "text/plain" }).end(String(error)),
      );
    });
  }

  /** @param page the HTML of the page; its script may `import` from `/oscine.js` */
  static async open(page: string): Promise<Site> {
    const site = new Site(page);
    site.server.listen(0, "127.0.0.1");
    await once(site.server, "listening");
    return site;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, "close");
  }

  async #answer(url: string): Promise<{ status: number; type: string; body: string | Uint8Array }> {
    const path = normalize(decodeURIComponent(new URL(url, this.url).pathname))
      .replaceAll("\\", "/")
      .slice(1);
    if (path === "") return { status: 200, type: TYPES[".html"] ?? "", body: this.#page };
    if (path === "oscine.js") {
      this.#bundle ??= (await bundle('export * from "oscine/browser";')).code;
      return { status: 200, type: TYPES[".js"] ?? "", body: this.#bundle };
    }
    const isPublic = [...FOLDERS].some((folder) => path.startsWith(`${folder}/`));
    if (!isPublic) return { status: 404, type: "text/plain", body: "There is no such file." };
    return { status: 200, type: TYPES[extname(path)] ?? "text/plain", body: readFileSync(join(root, path)) };
  }
}
