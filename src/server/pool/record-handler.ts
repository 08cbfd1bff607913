import type { ExecutionResult, OscReply, PacketContext } from "../../dispatch/index.ts";
import { OscDispatchError, type OscError } from "../../errors.ts";
import type { Namespace } from "../../namespace/index.ts";
import type { NetAddress } from "../../net-address.ts";
import type { Handling, LateReason, encodeReply, runPacket } from "../handle.ts";
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

/** What a worker does with a packet. */
export interface WorkerService {
  /** Whether the dispatcher wants bundles to wait for their time. */
  readonly strictTiming: boolean;
  /** The address of a handler that is an async function; null if none is known. */
  readonly asyncHandler: string | null;
  readonly asyncAdvice: string;
  /** The methods whose values the program wants to know; null if none. */
  readonly namespace: Namespace | null;
  readonly handling: Handling;
  /** These two are those that know the classes of the dispatcher: the program may have loaded our modules twice. */
  readonly runPacket: typeof runPacket;
  readonly encodeReply: typeof encodeReply;
}

/** Tells the pool that packets may come. */
export function readyRecord({ strictTiming }: WorkerService): Uint8Array {
  return encodeJson(READY, 0, { strictTiming } satisfies Ready);
}

/** Handles packets of records and writes what comes of them. */
export class RecordHandler {
  readonly #service: WorkerService;
  readonly #channel: Pick<WorkerChannel, "write" | "flush">;
  readonly #leftovers: LeftoverWatch | null;
  readonly #pending: PendingWatch | null;
  /** What was asked for, in a worker whose handlers may be asynchronous; not all of it if that is much. */
  readonly #addresses = new Set<string>();
  /** The packet whose handlers are running; 0 for none. */
  #packetId = 0;

  /** @param leftovers notices what handlers begin that doesn't go on here; null if it does */
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

  /** Handles one packet. @returns a promise if its handlers await something, which never rejects */
  handle(record: RecordBody): Promise<void> | undefined {
    const id = idOf(record);
    const { data, client, asOf } = packetOf(record);
    const context = new RecordContext(this, this.#service, id, client, asOf);
    const begun = performance.now();
    this.#leftovers?.begin();
    if (this.#pending !== null && this.#addresses.size < MAX_ADDRESSES) this.#addresses.add(addressOf(data));
    this.#packetId = id;
    const result = this.#service.runPacket(this.#service.handling, data, context);
    this.#packetId = 0;
    const leftover = this.#leftovers?.end() ?? null;
    if (leftover !== null && !context.returnedPromise) this.#reportLeftover(id, data, leftover);
    if (result instanceof Promise) return result.then((ended) => this.#end(context, ended, performance.now() - begun));
    this.#end(context, result, performance.now() - begun);
    return undefined;
  }

  /** The worker ends: reports what handlers have begun and not awaited. */
  reportPending(): void {
    const what = this.#pending?.found ?? null;
    if (what === null) return;
    const addresses = [...this.#addresses].join(" or ");
    const message = `A handler of ${addresses} left ${what} behind when its worker ended, which doesn't go on: ${AWAIT_ADVICE}`;
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

  /** At once, because the handler, or the next one, may take long. */
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
    const message = `A handler of ${address} returned a promise, and nothing can await it: ${this.#service.asyncAdvice}`;
    return new OscDispatchError("OSC_ASYNC_HANDLER", message, address);
  }

  #reportLeftover(id: number, data: Uint8Array, { what, where }: Leftover): void {
    const address = addressOf(data);
    const message = `A handler of ${address} left ${what} behind, at ${where}, which doesn't go on: ${this.#service.asyncAdvice}`;
    this.send(encodeJson(LEFTOVER, id, packError(new OscDispatchError("OSC_ASYNC_HANDLER", message, address))));
  }
}

/** What the handlers of a packet may do in a worker. */
class RecordContext implements PacketContext {
  readonly handling: Handling;
  readonly id: number;
  readonly clientAddress: NetAddress;
  readonly asOf: number;
  /** Whether the pool has been told its end. */
  isOver = false;
  /** Whether it was reported that a handler returned a promise. */
  returnedPromise = false;
  readonly #handler: RecordHandler;
  readonly #encodeReply: typeof encodeReply;

  constructor(handler: RecordHandler, service: WorkerService, id: number, client: NetAddress, asOf: number) {
    this.handling = service.handling;
    this.id = id;
    this.clientAddress = client;
    this.asOf = asOf;
    this.#handler = handler;
    this.#encodeReply = service.encodeReply;
  }

  reply(reply: OscReply): void {
    const { id } = this;
    const data = this.#encodeReply(reply);
    // The pool forgets a packet when it has ended, so a late reply names its client.
    this.#handler.send(this.isOver ? encodeSend(id, data, this.clientAddress) : encodeRecord(REPLY, id, data));
  }

  error(error: OscError): void {
    this.returnedPromise ||= error.code === "OSC_ASYNC_HANDLER";
    this.#handler.send(encodeJson(REPORT, this.id, packError(this.#handler.explain(error))));
  }
}

/** How many addresses a report of what is pending names at most. */
const MAX_ADDRESSES = 8;
const AWAIT_ADVICE = "return a promise that resolves when the work is done.";
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
