/** Serves the pages of this example, and Oscine from the package, so no bundler is needed. */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname } from "node:path";

const PAGES = new URL("./page/", import.meta.url);
const OSCINE = new URL("./", import.meta.resolve("oscine"));

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

export function answerWithFiles(request: IncomingMessage, response: ServerResponse): void {
  // Safe from path traversal: the URL parser has resolved every "..".
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const type = TYPES[extname(pathname)];
  const file = pathname.startsWith("/oscine/") ? new URL(pathname.slice("/oscine/".length), OSCINE) : new URL(`.${pathname}`, PAGES);
  if (type === undefined) {
    response.writeHead(404).end();
    return;
  }
  readFile(file).then(
    (body) => response.writeHead(200, { "content-type": type }).end(body),
    () => response.writeHead(404).end(),
  );
}
