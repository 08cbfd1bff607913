/** Which part the program's code plays: it may be the program itself, or run again in a worker to reach a server. */
import type { NetAddress } from "../../net-address.ts";
import { type WorkerContext, workerContext } from "./worker-loop.ts";

/** How the code that asks is run: as the program itself, or again in a thread or process that handles packets for it. */
export type WorkerRole = "main" | "thread" | "process";

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
  if (known.worker === undefined) known.worker = workerContext();
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
