import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";

/** What the page consists of: the build puts these files beside the compiled monitor. */
const FILES: ReadonlyMap<string, { readonly file: string; readonly type: string }> = new Map([
  ["/", { file: "index.html", type: "text/html; charset=utf-8" }],
  ["/page.js", { file: "page.js", type: "text/javascript; charset=utf-8" }],
  ["/page.css", { file: "page.css", type: "text/css; charset=utf-8" }],
  ["/icon.svg", { file: "icon.svg", type: "image/svg+xml" }],
]);

/** The files of the page, and what browsers are told about them. */
export class PageFiles {
  readonly #folder: URL;
  readonly #loaded = new Map<string, Buffer>();

  constructor(folder: URL) {
    this.#folder = folder;
  }

  /** Answers with a file. False where there is none of that path. */
  serve(path: string, response: ServerResponse): boolean {
    const known = FILES.get(path);
    if (known === undefined) return false;
    let body = this.#loaded.get(known.file);
    if (body === undefined) {
      body = readFileSync(new URL(known.file, this.#folder));
      this.#loaded.set(known.file, body);
    }
    response.writeHead(200, { ...SAFE_HEADERS, "content-type": known.type, "content-length": body.length });
    response.end(body);
    return true;
  }
}

/** Only the page's own files run; nothing may frame it, and the address with its token is told to nobody. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
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
