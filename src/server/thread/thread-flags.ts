import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** `tsx` by its name, or by its file, as its own command line passes it. */
const TSX = /^tsx(\/esm)?$|[\\/]tsx[\\/]dist[\\/]/;
const IMPORT_IN_OPTIONS = /(?:^|\s)--import[=\s]\s*"?([^"\s]+)"?/g;

/** How a thread is to be started that runs the program again, or loads its modules. */
export interface ThreadFlags {
  readonly execArgv: readonly string[];
  readonly nodeOptions: string;
}

/**
 * The flags of the program, for a thread.
 *
 * The loader `tsx` does nothing in threads on most versions of Node 20, 22 and 24: it asks whether it is in the main thread. So it is loaded
 * by a module that says yes while it looks. All other flags stay as they are.
 *
 * @param nodeOptions `NODE_OPTIONS`, which a thread heeds, too
 */
export function threadFlags(flags: readonly string[], nodeOptions = ""): ThreadFlags {
  const loaders: string[] = [];
  const otherOptions = nodeOptions.replaceAll(IMPORT_IN_OPTIONS, (option: string, specifier: string) => {
    if (!TSX.test(specifier)) return option;
    loaders.push("--import", asIfInMainThread(specifier));
    return "";
  });
  const execArgv = flags.flatMap((flag, index) => {
    if (flag === "--import" && TSX.test(flags[index + 1] ?? "")) return [];
    const specifier = flags[index - 1] === "--import" ? flag : flag.startsWith("--import=") ? flag.slice("--import=".length) : null;
    return specifier !== null && TSX.test(specifier) ? ["--import", asIfInMainThread(specifier)] : [flag];
  });
  return { execArgv: [...loaders, ...execArgv], nodeOptions: otherOptions };
}

function asIfInMainThread(specifier: string): string {
  const code = `
    import { syncBuiltinESMExports } from "node:module";
    import threads from "node:worker_threads";
    const { isMainThread } = threads;
    const pretend = (answer) => { threads.isMainThread = answer; syncBuiltinESMExports(); };
    pretend(true);
    try { await import(${JSON.stringify(urlOf(specifier))}); } finally { pretend(isMainThread); }
  `;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** Node takes what `--import` names as if it were imported from the working directory. */
function urlOf(specifier: string): string {
  if (specifier.startsWith("file:")) return specifier;
  const file = createRequire(join(process.cwd(), "any.js")).resolve(specifier);
  return pathToFileURL(file).href;
}
