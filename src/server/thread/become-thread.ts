import { type MessagePort, getEnvironmentData, parentPort, receiveMessageOnPort, setEnvironmentData } from "node:worker_threads";
import { WakeSignal } from "../io-thread/wake-signal.ts";
import { writeOutputAtOnce } from "../crossing/sync-output.ts";
import { type WorkerService, type WorkerState, becomeWorker } from "../pool/worker-role.ts";
import { ThreadInbox } from "./thread-inbox.ts";
import { type ThreadPlace, serveBlocked } from "./thread-loops.ts";
import { THREAD_KEY, type ThreadInit } from "./thread-messages.ts";
import { ThreadOutbox } from "./thread-outbox.ts";

/** What a thread of a pool knows of itself. */
interface PoolThreadSelf {
  readonly init: ThreadInit;
  readonly place: ThreadPlace;
  readonly worker: WorkerState;
}

/**
 * Makes this thread a worker of the pool that started it. Null in any other thread, where it does nothing.
 *
 * @param end ends the thread
 */
export function becomeThread(end: () => never): PoolThreadSelf | null {
  const init = getEnvironmentData(THREAD_KEY) as ThreadInit | undefined;
  if (init === undefined || parentPort === null) return null;
  setEnvironmentData(THREAD_KEY, undefined);
  const { program, nodeOptions } = init;
  const place = placeOf(init, parentPort, end);
  writeOutputAtOnce();
  process.execArgv = [...program.execArgv];
  if (nodeOptions !== "") process.env["NODE_OPTIONS"] = nodeOptions;
  const worker = {
    role: "thread" as const,
    target: program.kind === "entry" ? program.target : null,
    addresses: program.kind === "entry" ? program.addresses : [],
    loading: true,
    serve: (service: WorkerService) => serveBlocked(service, place),
    shutdown: () => {
      place.outbox.say({ type: "shutdown" });
    },
  };
  becomeWorker(worker);
  return { init, place, worker };
}

function placeOf(init: ThreadInit, parent: MessagePort, end: () => never): ThreadPlace {
  const doorbell = new WakeSignal(init.doorbell);
  const port = takePort(parent, doorbell);
  return {
    port,
    doorbell,
    inbox: new ThreadInbox(init.packets),
    outbox: new ThreadOutbox(init, port, doorbell),
    end,
  };
}

/** The port comes as the first message: the pool's words and those of the user's code do not meet. */
function takePort(parent: MessagePort, doorbell: WakeSignal): MessagePort {
  for (;;) {
    const { rings } = doorbell;
    const first = receiveMessageOnPort(parent);
    if (first !== undefined) return first.message as MessagePort;
    doorbell.sleep(rings, Infinity);
  }
}
