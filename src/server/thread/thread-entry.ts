/**
 * A thread of a pool. It is loaded before the program's entry script, which the thread then runs up to the constructor of its server; or,
 * where handlers come from a module, it is what the thread runs. In any other thread or process it does nothing.
 */
import { type MessagePort, getEnvironmentData, parentPort, receiveMessageOnPort, setEnvironmentData } from "node:worker_threads";
import { Doorbell } from "../crossing/doorbell.ts";
import { packError } from "../crossing/error-transfer.ts";
import { writeOutputAtOnce } from "../crossing/sync-output.ts";
import { type FromThread, THREAD_KEY, type ThreadInit, type ToThread, exactly } from "./thread-messages.ts";
import { type WorkerService, becomeWorker } from "../pool/worker-role.ts";
import { serviceOfModule } from "../pool/worker-service.ts";

type PacketMessage = Extract<ToThread, { type: "packet" }>;

const init = getEnvironmentData(THREAD_KEY) as ThreadInit | undefined;
if (init !== undefined && parentPort !== null) {
  setEnvironmentData(THREAD_KEY, undefined);
  begin(init, parentPort);
}

function begin({ program, limits, doorbell: memory, nodeOptions }: ThreadInit, parent: MessagePort): void {
  const doorbell = new Doorbell(memory);
  const port = takePort(parent, doorbell);
  const tell = (message: FromThread): void => post(port, message);
  writeOutputAtOnce();
  process.execArgv = [...program.execArgv];
  if (nodeOptions !== "") process.env["NODE_OPTIONS"] = nodeOptions;
  const worker = {
    role: "thread" as const,
    target: program.kind === "entry" ? program.target : null,
    addresses: program.kind === "entry" ? program.addresses : [],
    loading: true,
    serve: (service: WorkerService) => serveBlocked(service, port, doorbell),
    shutdown: () => {
      tell({ type: "shutdown" });
    },
  };
  becomeWorker(worker);
  if (program.kind === "entry") return;
  serviceOfModule(program.url, limits, worker)
    .then((service) => serveInEventLoop(service, port))
    .catch((error: unknown) => {
      tell({ type: "unusable", reason: describe(error) });
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

function serveBlocked(service: WorkerService, port: MessagePort, doorbell: Doorbell): never {
  post(port, { type: "ready", strictTiming: service.strictTiming });
  for (;;) {
    const { rings } = doorbell;
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const message = next.message as ToThread;
      if (message.type === "end") process.exit(0);
      void handle(service, port, message);
    }
    doorbell.sleep(rings, Infinity);
  }
}

function serveInEventLoop(service: WorkerService, port: MessagePort): void {
  let running = 0;
  let ending = false;
  const endIfDone = (): void => {
    if (ending && running === 0) process.exit(0);
  };
  const settled = (): void => {
    running -= 1;
    endIfDone();
  };
  port.on("message", (message: ToThread) => {
    if (message.type === "end") {
      ending = true;
      return endIfDone();
    }
    running += 1;
    const pending = handle(service, port, message);
    if (pending === null) settled();
    else void pending.then(settled);
  });
  post(port, { type: "ready", strictTiming: service.strictTiming });
}

/** Handles a packet; null where that is done, or the promise of its end, which never rejects. */
function handle(service: WorkerService, port: MessagePort, { id, data, client, asOf }: PacketMessage): Promise<void> | null {
  const outcome = service.run(data, client, asOf, {
    reply: (reply) => post(port, { type: "reply", id, data: exactly(reply) }),
    report: (error) => post(port, { type: "report", id, error: packError(error) }),
  });
  const settle = (late: Awaited<typeof outcome>): void =>
    post(port, { type: "settled", id, outcome: late === null ? null : packError(late) });
  if (outcome instanceof Promise) return outcome.then(settle);
  settle(outcome);
  return null;
}

function post(port: MessagePort, message: FromThread): void {
  port.postMessage(message);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
