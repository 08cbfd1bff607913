/** What a thread or process does that a pool has started: it runs the program again up to its server, or loads a handlers module, and then handles packets. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Dispatcher, type ExecutionResult } from "../../dispatch/index.ts";
import { OscDispatchError, type OscError, OscServerError } from "../../errors.ts";
import type { Namespace } from "../../namespace/index.ts";
import type { NetAddress } from "../../net-address.ts";
import { type LateReason, type PacketSink, runPacket } from "../handle.ts";
import { packError } from "./error-transfer.ts";
import { type Leftover, LeftoverWatch } from "./leftovers.ts";
import {
  FAILED,
  LEFTOVER,
  PACKET,
  READY,
  REPLY,
  REPORT,
  type Ready,
  type RecordBody,
  SHUTDOWN,
  encodeHandled,
  encodeJson,
  encodeRecord,
  encodeRejected,
  encodeValue,
  idOf,
  kindOf,
  packetOf,
} from "./records.ts";
import { ProcessChannel, ThreadChannel, type WorkerChannel } from "./worker-channel.ts";
import { type Program, type WorkerLimits, workerInit } from "./worker-init.ts";

/** How the code that asks is run: as the program itself, or again in a thread or process that handles packets for it. */
export type WorkerRole = "main" | "thread" | "process";

/** What a worker does with a packet. */
export interface WorkerService {
  /** Whether the dispatcher wants bundles to wait for their time. */
  readonly strictTiming: boolean;
  /** The address of a handler that is an async function; null if none is known. */
  readonly asyncHandler: string | null;
  readonly asyncAdvice: string;
  /** The methods whose values the program wants to know; null if none. */
  readonly namespace: Namespace | null;
  /** Verifies and handles one packet. */
  run(data: Uint8Array, client: NetAddress, asOf: number, sink: PacketSink): ExecutionResult | Promise<ExecutionResult>;
}

/** This thread or process as a worker. */
export interface WorkerContext {
  readonly role: "thread" | "process";
  readonly program: Program;
  readonly limits: WorkerLimits;
  /** True until the program has reached its server, or the handlers module is loaded. */
  loading: boolean;
  /** Whether handlers of a module may be asynchronous. */
  readonly awaits: boolean;
  /** Why a handler can't be asynchronous here, and what to do. */
  readonly asyncAdvice: string;
  /** Handles packets, blocked, until the thread or process ends. */
  serve(service: WorkerService): never;
  /** Handles packets in the event loop. */
  serveInEventLoop(service: WorkerService): void;
  /** Tells the pool something. */
  send(record: Uint8Array): void;
}

/** What a server that is being constructed is to be. */
export type Role =
  /** A server, as usual. */
  | { readonly kind: "server" }
  /** Nothing: the program only runs again to reach another server. */
  | { readonly kind: "inert"; readonly address: NetAddress | null }
  /** The loop of a worker. */
  | { readonly kind: "worker"; readonly worker: WorkerContext };

interface State {
  /** Where the servers made so far listen. */
  readonly addresses: (NetAddress | null)[];
  /** Undefined until somebody asks. */
  worker?: WorkerContext | null;
}

/** In the registry of symbols, because a program may have loaded this file twice: once for `import` and once for `require`. */
const STATE = Symbol.for("oscine.worker");

function state(): State {
  const holder = globalThis as { [STATE]?: State };
  if (holder[STATE] === undefined) Object.defineProperty(holder, STATE, { value: { addresses: [] }, enumerable: false });
  return holder[STATE] as State;
}

/**
 * Which part this code plays. Threading and forking servers run the program again in their workers, up to the constructor of the server:
 * what a program does before that, but must do only once, it can do if this is `"main"`.
 *
 * ```ts
 * if (workerRole() === "main") console.log("starting …");
 * ```
 */
export function workerRole(): WorkerRole {
  return currentWorker()?.role ?? "main";
}

/** True while a worker runs the program again to reach its server, or loads the handlers module: what else is made meanwhile doesn't bind. */
export function isLoadingWorker(): boolean {
  return currentWorker()?.loading === true;
}

/** This thread or process as a worker; null if it isn't one. */
export function currentWorker(): WorkerContext | null {
  const known = state();
  if (known.worker === undefined) known.worker = contextOf();
  return known.worker;
}

/** Makes this process a worker of another kind. To be called before any code of the user runs. */
export function becomeWorker(worker: WorkerContext | null): void {
  state().worker = worker;
}

/** How many servers the program has made: the number of the next one. */
export function serversMade(): number {
  return state().addresses.length;
}

/** Where the servers listen that the program has made. */
export function serverAddresses(): readonly NetAddress[] {
  return state().addresses.filter((address) => address !== null);
}

/** What the constructor of a server is to do. It asks before it does anything that reaches beyond the server. */
export function resolveRole(): Role {
  const worker = currentWorker();
  if (worker === null || !worker.loading) return { kind: "server" };
  const { addresses } = state();
  const index = addresses.length;
  const entry = worker.program.kind === "entry" ? worker.program : null;
  if (index === entry?.target) {
    worker.loading = false;
    return { kind: "worker", worker };
  }
  addresses.push(null);
  return { kind: "inert", address: entry?.addresses[index] ?? null };
}

/** Counts a server that was made, and now listens there. One whose constructor throws doesn't count: the program goes on without it. */
export function countServer(address: NetAddress): void {
  state().addresses.push(address);
}

/** What a worker does that runs the program again. Its thread is blocked, so handlers' promises can't be awaited. */
export function serveAsWorker(
  worker: WorkerContext,
  server: { verifyRequest: (data: Uint8Array, clientAddress: NetAddress) => boolean },
  dispatcher: Dispatcher,
): never {
  return worker.serve(serviceOf(worker, dispatcher, "sync", (data, client) => server.verifyRequest(data, client)));
}

/** What a worker does whose handlers come from a module. */
export async function serveModule(worker: WorkerContext, url: string): Promise<void> {
  try {
    const { dispatcher, verifyRequest } = await loadHandlers(url);
    worker.loading = false;
    const service = serviceOf(worker, dispatcher, worker.awaits ? "async" : "sync", verifyRequest ?? (() => true));
    if (worker.awaits) worker.serveInEventLoop(service);
    else worker.serve(service);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    worker.send(encodeRecord(FAILED, 0, Buffer.from(reason)));
    process.exit(1);
  }
}

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

/** Lets later changes throw: they would be made in one thread or process only. */
export function freezeForPool(dispatcher: Dispatcher): void {
  dispatcher.freeze(
    "A threading or forking server uses it, whose handlers run in other threads or processes: what is changed here would not reach them.",
  );
}

/** Handles packets of records and writes what comes of them. */
export class RecordHandler {
  readonly #service: WorkerService;
  readonly #channel: Pick<WorkerChannel, "write" | "flush">;
  readonly #leftovers: LeftoverWatch | null;
  /** The packet whose handlers are running; 0 for none. */
  #packetId = 0;

  /** @param leftovers notices what handlers begin that doesn't go on here; null if it does */
  constructor(service: WorkerService, channel: Pick<WorkerChannel, "write" | "flush">, leftovers: LeftoverWatch | null) {
    this.#service = service;
    this.#channel = channel;
    this.#leftovers = leftovers;
    service.namespace?.subscribe((change) => {
      if (change.kind !== "value") return;
      channel.write(encodeValue(this.#packetId, change.method));
      if (this.#packetId === 0) channel.flush();
    });
  }

  /** Handles one packet. @returns a promise if its handlers await something, which never rejects */
  handle(record: RecordBody): Promise<void> | undefined {
    const id = idOf(record);
    const { data, client, asOf } = packetOf(record);
    let returnedPromise = false;
    this.#leftovers?.begin();
    this.#packetId = id;
    const result = this.#service.run(data, client, asOf, {
      reply: (reply) => this.#send(encodeRecord(REPLY, id, reply)),
      report: (error) => {
        returnedPromise ||= error.code === "OSC_ASYNC_HANDLER";
        this.#send(encodeJson(REPORT, id, packError(this.#explain(error))));
      },
    });
    this.#packetId = 0;
    const leftover = this.#leftovers?.end() ?? null;
    if (leftover !== null && !returnedPromise) this.#reportLeftover(id, data, leftover);
    if (result instanceof Promise) return result.then((late) => this.#end(id, late));
    this.#end(id, result);
    return undefined;
  }

  #end(id: number, result: ExecutionResult): void {
    if (result.kind === "handled") this.#channel.write(encodeHandled(id, result.unmatched));
    else {
      const text = result.reason === "arguments" ? result.explain().message : "";
      this.#send(encodeRejected(id, result.reason as LateReason, text));
    }
  }

  /** At once, because the handler, or the next one, may take long. */
  #send(record: Uint8Array): void {
    this.#channel.write(record);
    this.#channel.flush();
  }

  #explain(error: OscError): OscError {
    if (this.#leftovers === null || !(error.code === "OSC_ASYNC_HANDLER" || isUninitialized(error.cause))) return error;
    const { address } = error as OscDispatchError;
    if (error.code !== "OSC_ASYNC_HANDLER") {
      return new OscDispatchError("OSC_HANDLER_FAILED", `${error.message}. ${UNINITIALIZED_ADVICE}`, address, { cause: error.cause });
    }
    const message = `A handler of ${address} returned a promise, and nothing can await it: ${this.#service.asyncAdvice}`;
    return new OscDispatchError("OSC_ASYNC_HANDLER", message, address);
  }

  #reportLeftover(id: number, data: Uint8Array, { what, where }: Leftover): void {
    const address = addressOf(data);
    const message = `A handler of ${address} left ${what} behind, at ${where}, which doesn't go on: ${this.#service.asyncAdvice}`;
    this.#send(encodeJson(LEFTOVER, id, packError(new OscDispatchError("OSC_ASYNC_HANDLER", message, address))));
  }
}

const UNINITIALIZED_ADVICE =
  "A worker runs the program again up to the server's constructor, which doesn't return there, so the variable of the server is never set. " +
  "Map the handler with needsContext: true and use its context, such as context.shutdown()";

/** Whether the program's script didn't get as far as to set a variable. */
function isUninitialized(cause: unknown): boolean {
  try {
    return cause instanceof ReferenceError && cause.message.includes("before initialization");
  } catch {
    // A proxy that lets nobody look at it.
    return false;
  }
}

/** The address of a message, or "a bundle". */
function addressOf(data: Uint8Array): string {
  const end = data.indexOf(0);
  return data[0] === 0x2f ? new TextDecoder().decode(data.subarray(0, end === -1 ? data.length : end)) : "a bundle";
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

function serviceOf(
  worker: WorkerContext,
  dispatcher: Dispatcher,
  mode: "sync" | "async",
  verify: (data: Uint8Array, clientAddress: NetAddress) => boolean,
): WorkerService {
  // A loader may have loaded our modules a second time, for `require`; handlers then reply with instances of those classes.
  const run = dispatcher instanceof Dispatcher ? runPacket : loadedForRequire();
  const shutdown = (): void => worker.send(encodeRecord(SHUTDOWN, 0));
  const handling = { ...worker.limits, dispatcher, mode, verify, shutdown };
  freezeForPool(dispatcher);
  return {
    strictTiming: dispatcher.strictTiming,
    asyncHandler: asyncHandlerOf(dispatcher),
    asyncAdvice: worker.asyncAdvice,
    namespace: worker.program.sendsValues ? dispatcher.namespace : null,
    run: (data, client, asOf, sink) => run(handling, data, client, asOf, sink),
  };
}

/** A function that returns a promise without being declared async can't be known before it runs. */
function asyncHandlerOf(dispatcher: Dispatcher): string | null {
  const handlers = [...dispatcher.handlersForAddress("//*"), ...dispatcher.handlersForAddress("/*")];
  const found = handlers.find(({ callback }) => callback.constructor.name === "AsyncFunction");
  return found === undefined ? null : (found.address ?? "the default handler");
}

function loadedForRequire(): typeof runPacket {
  const path = fileURLToPath(new URL("./handle.js", import.meta.url));
  return (createRequire(import.meta.url)(path) as { readonly runPacket: typeof runPacket }).runPacket;
}

/** By its looks, because a loader may have loaded our classes twice: once for `import` and once for `require`. */
function isDispatcher(value: unknown): value is Dispatcher {
  const { match, strictTiming } = (value ?? {}) as Partial<Dispatcher>;
  return typeof match === "function" && typeof strictTiming === "boolean";
}

const ASYNC_ADVICE = "Make the handler synchronous, or pass a handlers module instead of the dispatcher: its handlers may be asynchronous.";

function contextOf(): WorkerContext | null {
  const init = workerInit();
  if (init === null) return null;
  const { program, limits, thread } = init;
  const channel = thread === null ? new ProcessChannel() : new ThreadChannel(thread);
  return {
    role: thread === null ? "process" : "thread",
    program,
    limits,
    loading: true,
    awaits: true,
    asyncAdvice: `this ${thread === null ? "process" : "thread"} is blocked between packets because it runs the program again. ${ASYNC_ADVICE}`,
    serve: (service) => serveBlocked(service, channel),
    serveInEventLoop: (service) => serveInEventLoop(service, channel, thread === null || thread.claims !== null),
    send: (record) => {
      channel.write(record);
      channel.flush();
    },
  };
}

/** Tells the pool that packets may come. */
export function readyRecord({ strictTiming }: WorkerService): Uint8Array {
  return encodeJson(READY, 0, { strictTiming } satisfies Ready);
}

function serveBlocked(service: WorkerService, channel: WorkerChannel): never {
  const handler = new RecordHandler(service, channel, new LeftoverWatch());
  channel.write(readyRecord(service));
  channel.flush();
  for (let record = channel.next(); record !== null && kindOf(record) === PACKET; record = channel.next()) {
    void handler.handle(record);
  }
  process.exit();
}

/** @param sequential whether packets are handled one after another */
function serveInEventLoop(service: WorkerService, channel: WorkerChannel, sequential: boolean): void {
  const waiting: RecordBody[] = [];
  let running = 0;
  let isEnding = false;
  const handler = new RecordHandler(service, channel, null);
  const advance = (): void => {
    const most = sequential ? 1 : Infinity;
    while (running < most) {
      const record = waiting.shift();
      if (record === undefined) break;
      if (!channel.claim(idOf(record))) continue;
      const pending = handler.handle(record);
      if (pending === undefined) continue;
      running += 1;
      void pending.then(() => {
        running -= 1;
        advance();
      });
    }
    channel.flush();
    if (isEnding && running === 0 && waiting.length === 0) process.exit();
  };
  const end = (): void => {
    isEnding = true;
    advance();
  };
  channel.listen((record) => {
    if (kindOf(record) !== PACKET) return end();
    waiting.push(record);
    advance();
  }, end);
  channel.write(readyRecord(service));
  channel.flush();
}
