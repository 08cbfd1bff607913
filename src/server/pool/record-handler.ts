import type { ExecutionResult, OscReply, PacketContext } from "../../dispatch/index.ts";
import { OscDispatchError, type OscError } from "../../errors.ts";
import type { Namespace } from "../../namespace/index.ts";
import type { NetAddress } from "../../net-address.ts";
import { type Handling, type LateReason, runPacket } from "../handle.ts";
import { packError } from "./error-transfer.ts";
import { type Leftover, type LeftoverWatch, PendingWatch } from "./leftovers.ts";
import {
  LEFTOVER,
  READY,
  REPLY,
  REPORT,
  type Ready,
  type RecordBody,
  encodeHandled,
  encodeJson,
  encodeRecord,
  encodeRejected,
  encodeSend,
  encodeValue,
  idOf,
  packetOf,
} from "./records.ts";
import type { WorkerChannel } from "./worker-channel.ts";

/** What a worker needs to handle packets. */
export interface WorkerService {
  /** Whether bundles wait for their time, as the dispatcher says. */
  readonly strictTiming: boolean;
  /** Address of a handler that is an async function; null if none is known. */
  readonly asyncHandler: string | null;
  readonly asyncAdvice: string;
  /** The methods whose values are reported to the program; null if it doesn't need them. */
  readonly namespace: Namespace | null;
  readonly handling: Handling;
}

/** Tells the pool that this worker is ready for packets. */
export function readyRecord({ strictTiming }: WorkerService): Uint8Array {
  return encodeJson(READY, 0, { strictTiming } satisfies Ready);
}

/** Handles the packets in a worker's records, and writes replies, errors and results as records. */
export class RecordHandler {
  readonly #service: WorkerService;
  readonly #channel: Pick<WorkerChannel, "write" | "flush">;
  readonly #leftovers: LeftoverWatch | null;
  readonly #pending: PendingWatch | null;
  /** Addresses of handled packets, up to `MAX_ADDRESSES`. Only for handlers that may be async. */
  readonly #addresses = new Set<string>();
  /** Id of the packet whose handlers are running; 0 if none. */
  #packetId = 0;

  /** @param leftovers detects async work that can't continue in this worker; null if it can */
  constructor(service: WorkerService, channel: Pick<WorkerChannel, "write" | "flush">, leftovers: LeftoverWatch | null) {
    this.#service = service;
    this.#channel = channel;
    this.#leftovers = leftovers;
    this.#pending = leftovers === null ? new PendingWatch() : null;
    service.namespace?.subscribe((change) => {
      if (change.kind !== "value") return;
      channel.write(encodeValue(this.#packetId, change.method));
      if (this.#packetId === 0) channel.flush();
    });
  }

  /** Handles one packet. @returns a promise, which never rejects, if its handlers await something */
  handle(record: RecordBody): Promise<void> | undefined {
    const id = idOf(record);
    const { data, client, asOf } = packetOf(record);
    const context = new RecordContext(this, this.#service, id, client, asOf);
    const begun = performance.now();
    this.#leftovers?.begin();
    if (this.#pending !== null && this.#addresses.size < MAX_ADDRESSES) this.#addresses.add(addressOf(data));
    this.#packetId = id;
    const result = runPacket(this.#service.handling, data, context);
    this.#packetId = 0;
    const leftover = this.#leftovers?.end() ?? null;
    if (leftover !== null && !context.returnedPromise) this.#reportLeftover(id, data, leftover);
    if (result instanceof Promise) return result.then((ended) => this.#end(context, ended, performance.now() - begun));
    this.#end(context, result, performance.now() - begun);
    return undefined;
  }

  /** Called when the worker ends. Reports work that handlers started and didn't await. */
  reportPending(): void {
    const what = this.#pending?.found ?? null;
    if (what === null) return;
    const addresses = [...this.#addresses].join(" or ");
    const message = `A handler of ${addresses} left behind ${what} when its worker ended, which won't continue: ${AWAIT_ADVICE}`;
    this.send(encodeJson(LEFTOVER, 0, packError(new OscDispatchError("OSC_ASYNC_HANDLER", message, addresses))));
  }

  #end(context: RecordContext, result: ExecutionResult, tookMs: number): void {
    const { id } = context;
    context.isOver = true;
    if (result.kind === "handled") this.#channel.write(encodeHandled(id, result.unmatched, tookMs));
    else {
      const text = result.reason === "arguments" ? result.explain().message : "";
      this.send(encodeRejected(id, result.reason as LateReason, text));
    }
  }

  /** Flushes at once, because this handler, or the next, may run for a long time. */
  send(record: Uint8Array): void {
    this.#channel.write(record);
    this.#channel.flush();
  }

  explain(error: OscError): OscError {
    if (this.#leftovers === null || !(error.code === "OSC_ASYNC_HANDLER" || isUninitialized(error.cause))) return error;
    const { address } = error as OscDispatchError;
    if (error.code !== "OSC_ASYNC_HANDLER") {
      return new OscDispatchError("OSC_HANDLER_FAILED", `${error.message}. ${UNINITIALIZED_ADVICE}`, address, { cause: error.cause });
    }
    const message = `A handler of ${address} returned a promise, which can't be awaited here: ${this.#service.asyncAdvice}`;
    return new OscDispatchError("OSC_ASYNC_HANDLER", message, address);
  }

  #reportLeftover(id: number, data: Uint8Array, { what, where }: Leftover): void {
    const address = addressOf(data);
    const message = `A handler of ${address} left behind ${what} at ${where}, which won't continue: ${this.#service.asyncAdvice}`;
    this.send(encodeJson(LEFTOVER, id, packError(new OscDispatchError("OSC_ASYNC_HANDLER", message, address))));
  }
}

/** The context of a packet's handlers in a worker. */
class RecordContext implements PacketContext {
  readonly handling: Handling;
  readonly id: number;
  readonly clientAddress: NetAddress;
  readonly asOf: number;
  /** Whether the pool has the packet's result. */
  isOver = false;
  /** Whether a returned promise was already reported. */
  returnedPromise = false;
  readonly #handler: RecordHandler;

  constructor(handler: RecordHandler, service: WorkerService, id: number, client: NetAddress, asOf: number) {
    this.handling = service.handling;
    this.id = id;
    this.clientAddress = client;
    this.asOf = asOf;
    this.#handler = handler;
  }

  reply(reply: OscReply): void {
    const { id } = this;
    const data = this.handling.dispatcher.functions.encodeReply(reply);
    // The pool forgets a packet once it has the result, so a late reply carries the client's address.
    this.#handler.send(this.isOver ? encodeSend(id, data, this.clientAddress) : encodeRecord(REPLY, id, data));
  }

  error(error: OscError): void {
    this.returnedPromise ||= error.code === "OSC_ASYNC_HANDLER";
    this.#handler.send(encodeJson(REPORT, this.id, packError(this.#handler.explain(error))));
  }
}

/** Maximum number of addresses named in a report of pending work. */
const MAX_ADDRESSES = 8;
const AWAIT_ADVICE = "return a promise that resolves when the work is done.";
const UNINITIALIZED_ADVICE =
  "A worker runs the program again up to the server's constructor, which never returns there, so the server's variable is never set. " +
  "Map the handler with needsContext: true and use its context, such as context.shutdown()";

/** Whether the error is about a variable that the program's script hasn't initialized. */
function isUninitialized(cause: unknown): boolean {
  try {
    return cause instanceof ReferenceError && cause.message.includes("before initialization");
  } catch {
    // A proxy that throws on access.
    return false;
  }
}

/** The address of a message, or "a bundle". */
function addressOf(data: Uint8Array): string {
  const end = data.indexOf(0);
  return data[0] === 0x2f ? new TextDecoder().decode(data.subarray(0, end === -1 ? data.length : end)) : "a bundle";
}
