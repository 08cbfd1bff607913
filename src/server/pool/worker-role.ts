/** Finds out whether the program's code runs as the program itself, or again in a worker to reach a server's constructor. */
import type { NetAddress } from "../../net-address.ts";
import { type WorkerContext, workerContext } from "./worker-loop.ts";

/** Where the calling code runs: in the main program, or in a worker thread or process that handles packets for it. */
export type WorkerRole = "main" | "thread" | "process";

/** What the constructor of a server should create. */
export type Role =
  /** A normal server. */
  | { readonly kind: "server" }
  /** A server that doesn't bind: the worker runs the program again to reach another server. */
  | { readonly kind: "inert"; readonly address: NetAddress | null }
  /** A worker's loop: the constructor never returns. */
  | { readonly kind: "worker"; readonly worker: WorkerContext };

interface State {
  /** Addresses of the servers created so far; null for inert ones. */
  readonly addresses: (NetAddress | null)[];
  /** Undefined until first needed. */
  worker?: WorkerContext | null;
}

/** A registered symbol, because a program may load this file twice: for `import` and for `require`. */
const STATE = Symbol.for("oscine.worker");

function state(): State {
  const holder = globalThis as { [STATE]?: State };
  if (holder[STATE] === undefined) Object.defineProperty(holder, STATE, { value: { addresses: [] }, enumerable: false });
  return holder[STATE] as State;
}

/**
 * Tells whether this code runs in the main program or in a worker. Threading and forking servers run the program again in their workers, up to
 * the server's constructor. Guard code above it that must run only once with `workerRole() === "main"`.
 *
 * ```ts
 * if (workerRole() === "main") console.log("starting …");
 * ```
 */
export function workerRole(): WorkerRole {
  return currentWorker()?.role ?? "main";
}

/** True while a worker runs the program again to reach its server, or loads the handlers module. Other servers created meanwhile don't bind. */
export function isLoadingWorker(): boolean {
  return currentWorker()?.loading === true;
}

/** The context of this worker thread or process; null in the main program. */
export function currentWorker(): WorkerContext | null {
  const known = state();
  if (known.worker === undefined) known.worker = workerContext();
  return known.worker;
}

/** Replaces the context of this worker. Call it before any user code runs. */
export function becomeWorker(worker: WorkerContext | null): void {
  state().worker = worker;
}

/** Number of servers created so far, which is also the index of the next one. */
export function serversMade(): number {
  return state().addresses.length;
}

/** Addresses of the servers created so far. */
export function serverAddresses(): readonly NetAddress[] {
  return state().addresses.filter((address) => address !== null);
}

/** Decides what the constructor of a server should create. Call it before any side effect, such as binding. */
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

/** Records a server that now listens on this address. A server whose constructor throws isn't counted. */
export function countServer(address: NetAddress): void {
  state().addresses.push(address);
}
