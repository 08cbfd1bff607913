import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Dispatcher } from "../../dispatch/index.ts";
import { OscServerError } from "../../errors.ts";
import type { NetAddress } from "../../net-address.ts";
import type { Limits } from "../options.ts";
import { runPacket } from "../handle.ts";
import type { WorkerService, WorkerState } from "./worker-role.ts";

/** How a worker decodes packets. */
export type WorkerLimits = Pick<Limits, "strict" | "maxNesting" | "maxPacketSize">;

/** A server's method, or what a handlers module exports in its place. */
type Verify = (data: Uint8Array, clientAddress: NetAddress) => boolean;

/** The limits that a worker needs, as plain data. */
export function workerLimits({ strict, maxNesting, maxPacketSize }: Limits): WorkerLimits {
  return { strict, maxNesting, maxPacketSize };
}

/** What a worker does that runs the program again: its thread is blocked, so handlers' promises cannot be awaited. */
export function serviceOfServer(
  server: { verifyRequest: Verify },
  dispatcher: Dispatcher,
  limits: WorkerLimits,
  worker: WorkerState,
): WorkerService {
  return service(dispatcher, "sync", limits, (data, client) => server.verifyRequest(data, client), worker);
}

/**
 * What a worker does that loads a handlers module: handlers' promises are awaited, but for `mode` `"sync"`.
 *
 * @throws OscServerError `OSC_OPTION` where the module's default export is no dispatcher
 */
export async function serviceOfModule(
  url: string,
  limits: WorkerLimits,
  worker: WorkerState,
  mode: "sync" | "async" = "async",
): Promise<WorkerService> {
  const { dispatcher, verifyRequest } = await loadHandlers(url);
  worker.loading = false;
  return service(dispatcher, mode, limits, verifyRequest ?? (() => true), worker);
}

/** What a handlers module exports. */
export interface HandlersModule {
  readonly dispatcher: Dispatcher;
  readonly verifyRequest?: Verify;
}

/** @throws OscServerError `OSC_OPTION` where the module's default export is no dispatcher */
export async function loadHandlers(url: string): Promise<HandlersModule> {
  const { default: dispatcher, verifyRequest } = await importHandlers(url);
  if (!isDispatcher(dispatcher)) {
    throw new OscServerError(
      "OSC_OPTION",
      `The default export of the handlers module ${url} is no Dispatcher: write "export default dispatcher".`,
    );
  }
  if (verifyRequest !== undefined && typeof verifyRequest !== "function") {
    throw new OscServerError("OSC_OPTION", `The handlers module ${url} exports a verifyRequest that is no function.`);
  }
  return verifyRequest === undefined ? { dispatcher } : { dispatcher, verifyRequest: verifyRequest as Verify };
}

interface LoadedModule {
  readonly default?: unknown;
  readonly verifyRequest?: unknown;
}

async function importHandlers(url: string): Promise<LoadedModule> {
  const loaded = await importOrRequire(url);
  // What was compiled to CommonJS has its exports one level deeper.
  const inner = loaded.default as LoadedModule | null | undefined;
  return !isDispatcher(inner) && isDispatcher(inner?.default) ? inner : loaded;
}

async function importOrRequire(url: string): Promise<LoadedModule> {
  try {
    return (await import(url)) as LoadedModule;
  } catch (error) {
    // A loader of the older kind, which is there for `require` only.
    if ((error as NodeJS.ErrnoException).code !== "ERR_UNKNOWN_FILE_EXTENSION") throw error;
    return createRequire(import.meta.url)(fileURLToPath(url)) as LoadedModule;
  }
}

function service(dispatcher: Dispatcher, mode: "sync" | "async", limits: WorkerLimits, verify: Verify, worker: WorkerState): WorkerService {
  // A loader may have loaded our modules once more, for `require`; what handlers answer with is then of the classes that were loaded there.
  const run = dispatcher instanceof Dispatcher ? runPacket : loadedForRequire();
  const handling = { ...limits, dispatcher, mode, verify, shutdown: (): void => worker.shutdown() };
  freezeForPool(dispatcher);
  return { strictTiming: dispatcher.strictTiming, run: (data, client, asOf, sink) => run(handling, data, client, asOf, sink) };
}

function loadedForRequire(): typeof runPacket {
  const path = fileURLToPath(new URL("./handle.js", import.meta.url));
  return (createRequire(import.meta.url)(path) as { readonly runPacket: typeof runPacket }).runPacket;
}

/** Lets later changes throw: they would be made in one thread or process only. */
export function freezeForPool(dispatcher: Dispatcher): void {
  dispatcher.freeze(
    "A threading or forking server uses it, whose handlers run in other threads or processes: what is changed here would not reach them.",
  );
}

/** By its looks, for a loader may have loaded our classes twice: once for `import` and once for `require`. */
function isDispatcher(value: unknown): value is Dispatcher {
  const { match, strictTiming } = (value ?? {}) as Partial<Dispatcher>;
  return typeof match === "function" && typeof strictTiming === "boolean";
}
