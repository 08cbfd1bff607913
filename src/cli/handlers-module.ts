import { stat } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Dispatcher } from "../dispatch/index.ts";
import { UsageError } from "../text/usage-error.ts";

/** What handles the messages. */
export interface Handlers {
  readonly dispatcher: Dispatcher;
  /** The module whose default export the dispatcher is, for threads and processes that load it again. */
  readonly module: URL;
}

/**
 * The dispatcher that a module exports as its default.
 *
 * @throws UsageError that says what is wrong with the module
 */
export async function loadHandlers(module: string): Promise<Handlers> {
  const path = resolve(module);
  const file = await stat(path).catch(() => null);
  if (file?.isFile() !== true) throw new UsageError(`There is no handlers module ${module}. Write the path of a .js or .mjs file.`);
  const url = pathToFileURL(path);
  let exported: unknown;
  try {
    exported = ((await import(url.href)) as { default?: unknown }).default;
  } catch (error) {
    throw new UsageError(describeLoadError(module, error));
  }
  if (exported instanceof Dispatcher) return { dispatcher: exported, module: url };
  throw new UsageError(
    `${module} has to export a Dispatcher of this oscine as its default: export default dispatcher; it exports ${describeExport(exported)}.`,
  );
}

function describeLoadError(module: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ERR_UNKNOWN_FILE_EXTENSION" && /^\.[cm]?ts$/.test(extname(module))) {
    return `${module} is TypeScript, which Node ${process.versions.node} cannot run: use Node 22.18 or newer, or compile it to .js.`;
  }
  if (code === "ERR_MODULE_NOT_FOUND" && String(error).includes("package 'oscine'")) {
    return `${module} imports "oscine", which is not installed in its folder: run "npm install oscine" there.`;
  }
  const [line] = String(error).split("\n");
  return `${module} cannot be loaded: ${line ?? ""}`;
}

function describeExport(exported: unknown): string {
  if (exported === undefined) return "no default";
  if (typeof exported !== "object" || exported === null) return `a ${typeof exported}`;
  return exported.constructor === Object ? "an object" : `an object of another class ${exported.constructor?.name ?? ""}`.trimEnd();
}
