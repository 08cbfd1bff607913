import { createRequire } from "node:module";
import { Dispatcher } from "../../dispatch/index.ts";
import { OscServerError } from "../../errors.ts";
import type { Namespace } from "../../namespace/index.ts";
import { isFile, moduleUrl } from "./handlers-module.ts";
import type { Program } from "./worker-init.ts";
import { serverAddresses, serversMade, workerRole } from "./worker-role.ts";

/**
 * The handlers of a threading or forking server. With a dispatcher, each worker runs the program again up to the server's constructor.
 * Alternatively a module whose default export is a dispatcher, as a `URL`, a `file:` URL string or an absolute path.
 */
export type HandlersSource = Dispatcher | URL | string;

/** Set by test runners. Programs started by tests inherit them. */
const RUNNER_VARIABLES = ["VITEST", "JEST_WORKER_ID", "MOCHA_WORKER_ID", "AVA_PATH"];
const RUNNERS = /[\\/]node_modules[\\/](\.bin[\\/])?(ava|jasmine|jest[^\\/]*|mocha|tap|tape|tinypool|uvu|vitest)\b/;

/**
 * What the workers of a server run.
 *
 * @throws OscServerError `OSC_ENTRY_NOT_RUNNABLE` for a dispatcher if the program's entry script can't be run again, `OSC_OPTION` if
 * there is no such module
 */
export function programOf(source: HandlersSource, namespace?: Namespace): Program {
  const sendsValues = source instanceof Dispatcher || namespace !== undefined;
  const invocation = { argv: process.argv.slice(2), execArgv: [...process.execArgv], sendsValues };
  if (!(source instanceof Dispatcher)) return { kind: "module", url: moduleUrl(source), ...invocation };
  return { kind: "entry", path: entryPath(), target: serversMade(), addresses: serverAddresses(), ...invocation };
}

/** The message about a worker that didn't become ready. */
export function explainStart(noun: string, program: Program, how: string): string {
  if (program.kind === "module") return `A ${noun} of the server could not load the handlers module ${program.url}: ${how}`;
  return (
    `A ${noun} of the server did not reach the server's constructor. ` +
    `Workers run the entry script (${program.path}) again, without stdin, up to that constructor. Move what must not run again below the ` +
    'constructor, guard it with if (workerRole() === "main"), or pass a handlers module instead of the dispatcher: ' +
    `new URL("./handlers.js", import.meta.url). What went wrong: ${how}`
  );
}

/** The namespace that receives values of described methods from workers; null if there is none. */
export function namespaceOf(source: HandlersSource, options: { readonly namespace?: Namespace }): Namespace | null {
  return source instanceof Dispatcher ? source.namespace : (options.namespace ?? null);
}

/** Taken from the dispatcher; with a module from the options, because its dispatcher isn't loaded here. */
export function strictTimingOf(source: HandlersSource, options: { readonly strictTiming?: boolean }): boolean {
  return source instanceof Dispatcher ? source.strictTiming : (options.strictTiming ?? true);
}

/** The file that Node runs as the program. */
function entryPath(): string {
  if (workerRole() !== "main") throw notRunnable("this code runs in a worker of another server");
  const evaluated = process.execArgv.find((argument) => /^(-e|-p|-pe|-i|--eval|--print|--interactive)(=|$)/.test(argument));
  if (evaluated !== undefined) throw notRunnable(`it was passed with ${evaluated}`);
  const script = process.argv[1];
  if (script === undefined || script === "" || script === "-") throw notRunnable("it was typed in or read from stdin");
  const path = findEntry(script);
  if (path === null) throw notRunnable(`there is no file ${script}`);
  if (isTestRunner(path))
    throw notRunnable(`a test runner is running, so the script is the runner's own or would run the tests again (${path})`);
  return path;
}

function isTestRunner(path: string): boolean {
  if (RUNNERS.test(path)) return true;
  if (/[\\/]node_modules[\\/]/.test(path) && RUNNER_VARIABLES.some((name) => process.env[name] !== undefined)) return true;
  // With Node's own runner, the test file itself is the entry script.
  const { moduleLoadList = [] } = process as { moduleLoadList?: readonly string[] };
  return moduleLoadList.includes("NativeModule internal/test_runner/test");
}

/** Node accepts `node server` for `node server.js`, and a folder for its main file. */
function findEntry(entry: string): string | null {
  try {
    return isFile(entry) ? entry : createRequire(import.meta.url).resolve(entry);
  } catch {
    return null;
  }
}

function notRunnable(why: string): OscServerError {
  return new OscServerError(
    "OSC_ENTRY_NOT_RUNNABLE",
    `The workers of this server would have to run the program's entry script again, but it can't be run again: ${why}. ` +
      'Put the dispatcher into its own module, export it as default, and pass the module instead: new URL("./handlers.js", import.meta.url).',
  );
}
