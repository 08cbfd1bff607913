/** The loop of a worker thread or process: handles the packets from its channel, either blocking or in the event loop. */
import type { Dispatcher } from "../../dispatch/index.ts";
import type { Verifier } from "../handle.ts";
import { loadHandlers } from "./handlers-module.ts";
import { LeftoverWatch } from "./leftovers.ts";
import { RecordHandler, type WorkerService, readyRecord } from "./record-handler.ts";
import { FAILED, PACKET, type RecordBody, SHUTDOWN, encodeRecord, idOf, kindOf } from "./records.ts";
import { ProcessChannel, ThreadChannel, type WorkerChannel } from "./worker-channel.ts";
import { type Program, type WorkerLimits, workerInit } from "./worker-init.ts";

/** What code in a worker needs to know about it. */
export interface WorkerContext {
  readonly role: "thread" | "process";
  readonly program: Program;
  readonly limits: WorkerLimits;
  /** True until the program has reached the server, or the handlers module is loaded. */
  loading: boolean;
  /** Whether handlers from a module may be async. */
  readonly awaits: boolean;
  /** Why a handler can't be async here, and what to do. */
  readonly asyncAdvice: string;
  /** Handles packets, blocking, until the thread or process ends. */
  serve(service: WorkerService): never;
  /** Handles packets in the event loop. */
  serveInEventLoop(service: WorkerService): void;
  /** Sends a record to the pool. */
  send(record: Uint8Array): void;
}

const ASYNC_ADVICE = "Make the handler synchronous, or pass a handlers module instead of the dispatcher: its handlers may be asynchronous.";

/** Creates the context of this worker; null if this thread or process isn't one. */
export function workerContext(): WorkerContext | null {
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
    if (!isEnding || running > 0 || waiting.length > 0) return;
    handler.reportPending();
    process.exit();
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

/** Runs the loop of a worker that has reached the server's constructor. It blocks, so handlers can't be async. */
export function serveAsWorker(worker: WorkerContext, server: Verifier, dispatcher: Dispatcher): never {
  return worker.serve(serviceOf(worker, dispatcher, "sync", server));
}

/** Loads the handlers module and runs the worker's loop. */
export async function serveModule(worker: WorkerContext, url: string): Promise<void> {
  try {
    const { dispatcher, verifyRequest = () => true } = await loadHandlers(url);
    worker.loading = false;
    const service = serviceOf(worker, dispatcher, worker.awaits ? "async" : "sync", { verifyRequest });
    if (worker.awaits) worker.serveInEventLoop(service);
    else worker.serve(service);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    worker.send(encodeRecord(FAILED, 0, Buffer.from(reason)));
    process.exit(1);
  }
}

/** Makes later changes throw, because they would affect only one thread or process. */
export function freezeForPool(dispatcher: Dispatcher): void {
  dispatcher.freeze(
    "A threading or forking server uses it and runs its handlers in other threads or processes, which would not see the change.",
  );
}

function serviceOf(worker: WorkerContext, dispatcher: Dispatcher, mode: "sync" | "async", verifier: Verifier): WorkerService {
  const shutdown = (): void => worker.send(encodeRecord(SHUTDOWN, 0));
  freezeForPool(dispatcher);
  return {
    strictTiming: dispatcher.strictTiming,
    asyncHandler: asyncHandlerOf(dispatcher),
    asyncAdvice: worker.asyncAdvice,
    namespace: worker.program.sendsValues ? dispatcher.namespace : null,
    handling: { ...worker.limits, dispatcher, mode, verifier, shutdown },
  };
}

/** Finds a handler declared async. Other functions that return promises can't be detected before they run. */
function asyncHandlerOf(dispatcher: Dispatcher): string | null {
  const handlers = [...dispatcher.handlersForAddress("//*"), ...dispatcher.handlersForAddress("/*")];
  const found = handlers.find(({ callback }) => callback.constructor.name === "AsyncFunction");
  return found === undefined ? null : (found.address ?? "the default handler");
}
