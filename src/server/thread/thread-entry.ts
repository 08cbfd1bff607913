/**
 * A thread of a pool. It is loaded before the program's entry script, which the thread then runs up to the constructor of its server; or,
 * where handlers come from a module, it is what the thread runs. In any other thread or process it does nothing.
 */
import { type MessagePort, getEnvironmentData, parentPort, receiveMessageOnPort, setEnvironmentData } from "node:worker_threads";
import { Doorbell } from "../crossing/doorbell.ts";
import { writeOutputAtOnce } from "../crossing/sync-output.ts";
import { type WorkerService, becomeWorker } from "../pool/worker-role.ts";
import { serviceOfModule } from "../pool/worker-service.ts";
import { ThreadInbox } from "./thread-inbox.ts";
import { LoopServer, serveBlocked } from "./thread-loops.ts";
import { THREAD_KEY, type ThreadInit } from "./thread-messages.ts";
import { ThreadOutbox } from "./thread-outbox.ts";

const init = getEnvironmentData(THREAD_KEY) as ThreadInit | undefined;
if (init !== undefined && parentPort !== null) {
  setEnvironmentData(THREAD_KEY, undefined);
  begin(init, parentPort);
}

function begin(init: ThreadInit, parent: MessagePort): void {
  const { program, limits, packetsAtOnce, packets, nodeOptions } = init;
  const doorbell = new Doorbell(init.doorbell);
  const port = takePort(parent, doorbell);
  const outbox = new ThreadOutbox(init, port, doorbell);
  const place = { port, doorbell, outbox, inbox: new ThreadInbox(packets), end: () => process.exit(0) };
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
      outbox.say({ type: "shutdown" });
    },
  };
  becomeWorker(worker);
  if (program.kind === "entry") return;
  serviceOfModule(program.url, limits, worker)
    .then((service) => new LoopServer(service, place, packetsAtOnce))
    .catch((error: unknown) => {
      outbox.say({ type: "unusable", reason: describe(error) });
      process.exit(1);
    });
}

/** The port comes as the first message: the pool's words and those of the user's code do not meet. */
function takePort(parent: MessagePort, doorbell: Doorbell): MessagePort {
  for (;;) {
    const { rings } = doorbell;
    const first = receiveMessageOnPort(parent);
    if (first !== undefined) return first.message as MessagePort;
    doorbell.sleep(rings, Infinity);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
