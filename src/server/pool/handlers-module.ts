/** Loads a handlers module and checks its exports. */
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Dispatcher } from "../../dispatch/index.ts";
import { OscServerError } from "../../errors.ts";
import type { NetAddress } from "../../net-address.ts";

/** What a handlers module exports. */
export interface HandlersModule {
  readonly dispatcher: Dispatcher;
  readonly verifyRequest?: (data: Uint8Array, clientAddress: NetAddress) => boolean;
}

/** @throws OscServerError `OSC_OPTION` if the module's default export isn't a dispatcher */
export async function loadHandlers(url: string): Promise<HandlersModule> {
  const { default: dispatcher, verifyRequest } = await importHandlers(url);
  if (!isDispatcher(dispatcher)) {
    throw new OscServerError(
      "OSC_OPTION",
      `The handlers module ${url} has no default export, or it isn't a Dispatcher: write "export default dispatcher".`,
    );
  }
  if (verifyRequest === undefined) return { dispatcher };
  if (typeof verifyRequest !== "function") {
    throw new OscServerError("OSC_OPTION", `The handlers module ${url} exports a verifyRequest that isn't a function.`);
  }
  return { dispatcher, verifyRequest: verifyRequest as NonNullable<HandlersModule["verifyRequest"]> };
}

/**
 * The URL of a handlers module.
 *
 * @throws OscServerError `OSC_OPTION` if there is no such file
 */
export function moduleUrl(source: URL | string): string {
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new OscServerError(
      "OSC_OPTION",
      `Handlers must be a Dispatcher, or a module given as a URL or an absolute path; got ${String(source)}.`,
    );
  }
  const url = toUrl(source);
  if (url === null || url.protocol !== "file:") {
    throw new OscServerError(
      "OSC_OPTION",
      `A handlers module must be a file: URL, such as new URL("./handlers.js", import.meta.url), or an absolute path; got ${String(source)}.`,
    );
  }
  if (!isFile(fileURLToPath(url))) {
    throw new OscServerError(
      "OSC_OPTION",
      `There is no handlers module ${fileURLToPath(url)}. Pass it as new URL("./handlers.js", import.meta.url).`,
    );
  }
  return url.href;
}

function toUrl(source: URL | string): URL | null {
  if (typeof source !== "string") return source;
  if (source.startsWith("/") || /^[a-z]:[\\/]/i.test(source) || source.startsWith("\\\\")) return pathToFileURL(source);
  return URL.canParse(source) ? new URL(source) : null;
}

/** Whether this path is an existing file. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

interface LoadedModule {
  readonly default?: unknown;
  readonly verifyRequest?: unknown;
}

async function importHandlers(url: string): Promise<LoadedModule> {
  const loaded = await importOrRequire(url);
  // A module compiled to CommonJS has its exports one level deeper.
  const inner = loaded.default as LoadedModule | null | undefined;
  return !isDispatcher(inner) && isDispatcher(inner?.default) ? inner : loaded;
}

async function importOrRequire(url: string): Promise<LoadedModule> {
  try {
    return (await import(url)) as LoadedModule;
  } catch (error) {
    // An older kind of loader may support only `require`.
    if ((error as NodeJS.ErrnoException).code !== "ERR_UNKNOWN_FILE_EXTENSION") throw error;
    return createRequire(import.meta.url)(fileURLToPath(url)) as LoadedModule;
  }
}

/** Duck-typed, because a loader may load our classes twice: for `import` and for `require`. */
function isDispatcher(value: unknown): value is Dispatcher {
  const { match, strictTiming } = (value ?? {}) as Partial<Dispatcher>;
  return typeof match === "function" && typeof strictTiming === "boolean";
}
