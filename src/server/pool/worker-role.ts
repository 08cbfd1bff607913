import type { OscError } from "../../errors.ts";
import type { NetAddress } from "../../net-address.ts";
import type { PacketResult } from "../../packet-result.ts";

/** How the code that asks is run: as the program itself, or again in a thread or process that handles packets for it. */
export type WorkerRole = "main" | "thread" | "process";

/** What a worker does with a packet. */
export interface WorkerService {
  /** Whether the dispatcher wants bundles to wait for their time. */
  readonly strictTiming: boolean;
  /** Verifies and handles one packet. */
  run(data: Uint8Array, client: NetAddress, asOf: number, sink: WorkerSink): PacketResult | Promise<PacketResult>;
}

/** What a packet gives back while it is handled. */
interface WorkerSink {
  reply(data: Uint8Array): void;
  report(error: OscError): void;
}

/** This thread or process as a worker: what the entry of workers knows, and the constructors of servers need. */
export interface WorkerState {
  readonly role: "thread" | "process";
  /** Which server of the program this worker works for: how many the program made before it. Null where none is to be reached. */
  readonly target: number | null;
  /** Where the servers before that one listen. */
  readonly addresses: readonly NetAddress[];
  /** True until the program has come to that server, or the handlers module is loaded. */
  loading: boolean;
  /** Handles packets, blocking, until this thread or process ends. */
  serve(service: WorkerService): never;
  /** Asks the server to end. */
  shutdown(): void;
}

/** What a server that is being made is to become. */
export type Claim =
  /** A server, as usual. */
  | { readonly kind: "server" }
  /** Nothing: the program is only run again to come to another server. */
  | { readonly kind: "inert"; readonly address: NetAddress | null }
  /** The loop of a worker. */
  | { readonly kind: "worker"; readonly worker: WorkerState };

interface State {
  /** Where the servers made so far listen. */
  readonly addresses: (NetAddress | null)[];
  worker: WorkerState | null;
}

/** In the registry of symbols, for a loader may have loaded this file twice: once for `import` and once for `require`. */
const STATE = Symbol.for("oscine.worker");

function state(): State {
  const holder = globalThis as { [STATE]?: State };
  if (holder[STATE] === undefined) Object.defineProperty(holder, STATE, { value: { addresses: [], worker: null }, enumerable: false });
  return holder[STATE] as State;
}

/**
 * Which part this code plays. Threading and forking servers run the program again in their workers, up to the constructor of the server:
 * what a program does before that, and is to do only once, it can do where this is `"main"`.
 *
 * ```ts
 * if (workerRole() === "main") console.log("starting …");
 * ```
 */
export function workerRole(): WorkerRole {
  return state().worker?.role ?? "main";
}

/** True while a worker runs the program again to come to its server, or loads the handlers module: what else is made meanwhile does not bind. */
export function isLoadingWorker(): boolean {
  return state().worker?.loading === true;
}

/** Makes this thread or process a worker. To be called before any code of the user runs. */
export function becomeWorker(worker: WorkerState): void {
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

/** Asked by the constructor of a server, before it does anything that reaches beyond the server. */
export function claimServer(): Claim {
  const { worker, addresses } = state();
  if (worker === null || !worker.loading) return { kind: "server" };
  const index = addresses.length;
  if (index === worker.target) {
    worker.loading = false;
    return { kind: "worker", worker };
  }
  addresses.push(null);
  return { kind: "inert", address: worker.addresses[index] ?? null };
}

/** Counts a server that was made, and now listens there. One whose constructor throws does not count: the program goes on without it. */
export function countServer(address: NetAddress): void {
  state().addresses.push(address);
}
