import { stat } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Dispatcher } from "../dispatch/index.ts";
import { UsageError } from "../text/usage-error.ts";
import { MessagePrinter, type Output } from "./output.ts";

/** The handlers of the messages. */
export interface Handlers {
  readonly dispatcher: Dispatcher;
  /** The module whose default export is the dispatcher. Threads and processes load it again. */
  readonly module: URL;
}

/**
 * Loads the dispatcher from a module's default export.
 *
 * @param ignoresTime true to handle bundles immediately, whatever the dispatcher's `strictTiming`
 * @throws UsageError that says what is wrong with the module
 */
export async function loadHandlers(module: string, ignoresTime: boolean = false): Promise<Handlers> {
  const path = resolve(module);
  const file = await stat(path).catch(() => null);
  if (file?.isFile() !== true)
    throw new UsageError(`The handlers module "${module}" does not exist. Give the path of a .mjs, .js or .ts file.`);
  const url = pathToFileURL(path);
  let exported: unknown;
  try {
    exported = ((await import(url.href)) as { default?: unknown }).default;
  } catch (error) {
    throw new UsageError(describeLoadError(module, error));
  }
  if (exported instanceof Dispatcher) {
    // The dispatcher belongs to this process alone, and no server has read the option yet.
    if (ignoresTime) (exported as { strictTiming: boolean }).strictTiming = false;
    return { dispatcher: exported, module: url };
  }
  throw new UsageError(
    `The default export of ${module} must be a Dispatcher of this oscine ("export default dispatcher"); it is ${describeExport(exported)}.`,
  );
}

/** Handlers that print every message. In threads and processes, each aligns its own columns. */
export function printingHandlers(out: Output, ignoresTime: boolean = false): Handlers {
  return { dispatcher: printingDispatcher(out, ignoresTime), module: new URL("./printing-handlers.js", import.meta.url) };
}

/** A dispatcher that prints every message. */
export function printingDispatcher(out: Output, ignoresTime: boolean = false): Dispatcher {
  const printer = new MessagePrinter(out);
  const dispatcher = new Dispatcher({ strictTiming: !ignoresTime });
  dispatcher.map("/*", ({ message, timeTag, clientAddress }) => printer.print(message, timeTag, clientAddress, Date.now()), {
    needsContext: true,
  });
  return dispatcher;
}

function describeLoadError(module: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const text = String(error);
  const extension = extname(module);
  if (code === "ERR_UNKNOWN_FILE_EXTENSION" && /^\.[cm]?ts$/.test(extension)) {
    return `${module} is TypeScript, which Node ${process.versions.node} cannot run: use Node 22.18 or newer, or compile it to .mjs.`;
  }
  if (code === "ERR_MODULE_NOT_FOUND" && text.includes("package 'oscine'")) {
    return `${module} imports "oscine", which is not installed in its folder: run "npm install oscine" there.`;
  }
  // Node's messages for import and export in a CommonJS file, which is what "npm init -y" declares.
  if (/^SyntaxError: (?:Cannot use import statement outside a module|Unexpected token '?export'?|Cannot use 'import\.meta')/.test(text)) {
    const renamed = `${module.slice(0, module.length - extension.length)}${extension === ".ts" ? ".mts" : ".mjs"}`;
    return `${module} uses import and export, but Node loads it as CommonJS because package.json says "type": "commonjs" or its name ends in ${extension}. Rename it to ${renamed}, or set "type": "module".`;
  }
  const [line] = text.split("\n");
  return `${module} cannot be loaded: ${line ?? ""}`;
}

function describeExport(exported: unknown): string {
  if (exported === undefined) return "missing";
  if (typeof exported !== "object" || exported === null) return `a ${typeof exported}`;
  return exported.constructor === Object
    ? "a plain object"
    : `an instance of another class, ${exported.constructor?.name ?? "without a name"}`;
}
