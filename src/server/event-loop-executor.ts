import { AsyncLocalStorage } from "node:async_hooks";
import { OscBundle, OscMessage, type OscPacket } from "../codec/index.ts";
import { type ExecutionResult, type OscReply, type PacketContext, tryDecode } from "../dispatch/index.ts";
import { OscDispatchError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { thrownText } from "../options.ts";
import { dropped } from "../packet-result.ts";
import { type Executor, type ExecutorEvents, type Packet, serverClosed, withinTime } from "./executor.ts";
import { FairQueue } from "./fair-queue.ts";
import { type Handling, runPacket } from "./handle.ts";
import type { Limits } from "./options.ts";

/** The part of `concurrency` that a single client can't use, so that its hanging handlers don't block all other clients. */
const RESERVED_PART = 1 / 8;

/** How the event loop handles packets whose handlers return promises. */
export interface EventLoopOptions {
  /** Maximum number of packets in progress while handlers await something. */
  readonly concurrency: number;
  /** Whether packets of one client are handled one after another (`"client"`), or concurrently (`"none"`). */
  readonly order: "client" | "none";
}

/** Handles packets in the event loop. Sync handlers run without a promise; packets are queued only while some handler awaits. */
export class EventLoopExecutor implements Executor {
  readonly #handling: Handling;
  readonly #events: ExecutorEvents;
  readonly #concurrency: number;
  readonly #queue: FairQueue;
  #awaited = 0;
  #advancing = false;
  #closing = false;
  #onIdle: (() => void) | null = null;

  constructor(handling: Handling, limits: Limits, { concurrency, order }: EventLoopOptions, events: ExecutorEvents) {
    this.#handling = handling;
    this.#events = events;
    this.#concurrency = concurrency;
    const share = concurrency - Math.floor(concurrency * RESERVED_PART);
    this.#queue = new FairQueue(limits, (packet, error) => events.end(packet, dropped(error)), { order, share });
  }

  execute(packet: Packet): void {
    if (this.#closing) return this.#events.end(packet, dropped(serverClosed()));
    // While no handler awaits anything, the queue is empty.
    if (this.#awaited === 0 && !this.#advancing) {
      const pending = this.#run(packet);
      if (pending === null) return;
      this.#queue.begin(packet);
      this.#await(packet, pending);
    } else {
      this.#queue.push(packet);
      this.#advance();
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const packet of this.#queue.clear()) this.#events.end(packet, dropped(serverClosed()));
    if (this.#awaited === 0) return;
    await withinTime(graceMs, (done) => (this.#onIdle = done));
  }

  /** Handles queued packets, as far as `concurrency` allows. */
  #advance(): void {
    // Reentrant: a stream reads on when a packet ends, and then calls `execute` synchronously.
    if (this.#advancing) return;
    this.#advancing = true;
    while (this.#awaited < this.#concurrency) {
      const packet = this.#queue.take();
      if (packet === undefined) break;
      const pending = this.#run(packet);
      if (pending === null) this.#queue.done(packet);
      else this.#await(packet, pending);
    }
    this.#advancing = false;
  }

  #await(packet: Packet, pending: Promise<ExecutionResult>): void {
    this.#awaited += 1;
    // It never rejects.
    void pending.then((result) => {
      this.#events.end(packet, result);
      this.#awaited -= 1;
      this.#queue.done(packet);
      this.#advance();
      if (this.#awaited === 0) this.#onIdle?.();
    });
  }

  /** Handles a packet. Returns null if it is done, otherwise a promise of the result, which never rejects. */
  #run(packet: Packet): Promise<ExecutionResult> | null {
    const events = this.#events;
    const context = new LocalContext(this.#handling, events, packet);
    const result = contexts.run(context, runPacket, this.#handling, packet.data, context);
    if (result instanceof Promise) return result;
    events.end(packet, result);
    return null;
  }
}

/** The context of a packet's handlers in the thread that owns the sockets. A class instead of closures, for speed (bench/dispatch). */
export class LocalContext implements PacketContext {
  readonly handling: Handling;
  readonly clientAddress: NetAddress;
  readonly asOf: number;
  readonly #events: ExecutorEvents;
  readonly #packet: Packet;

  constructor(handling: Handling, events: ExecutorEvents, packet: Packet) {
    this.handling = handling;
    this.clientAddress = packet.peer.address;
    this.asOf = packet.asOf;
    this.#events = events;
    this.#packet = packet;
  }

  reply(reply: OscReply): void {
    this.#events.reply(this.#packet, this.handling.dispatcher.functions.encodeReply(reply));
  }

  error(error: OscError): void {
    this.#events.report(error, this.clientAddress);
  }

  /** Reports that a promise started by a handler was rejected, and nothing awaits it. */
  unawaitedRejection(reason: unknown): void {
    const address = firstAddress(this.#packet.data);
    const what = `A handler of ${address} started a promise that nothing awaits, and it was rejected: ${thrownText(reason)}. Await or return it.`;
    this.error(new OscDispatchError("OSC_HANDLER_FAILED", what, address, { cause: reason }));
  }
}

/** The address of a message, or of a bundle's first message. */
function firstAddress(data: Uint8Array): string {
  let packet = tryDecode(data);
  while (packet instanceof OscBundle) packet = packet.elements[0] as OscPacket;
  return packet instanceof OscMessage ? packet.address : "";
}

/** Finds the packet whose handlers started the current async operation. */
const contexts = new AsyncLocalStorage<LocalContext>();
let watchers = 0;

/**
 * Starts reporting unhandled rejections caused by handlers, with their packet, instead of letting them end the program. Other rejections
 * are unaffected.
 *
 * @returns a function that stops it
 */
export function watchRejections(): () => void {
  // With this flag, the program has chosen what rejections do.
  const flags = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].join(" ");
  if (flags.includes("--unhandled-rejections")) return () => undefined;
  if (watchers === 0) process.on("unhandledRejection", onRejection);
  watchers += 1;
  return () => {
    watchers -= 1;
    if (watchers === 0) process.off("unhandledRejection", onRejection);
  };
}

function onRejection(reason: unknown): void {
  const context = contexts.getStore();
  if (context !== undefined) return context.unawaitedRejection(reason);
  // Without listeners, Node ends the program on a rejection. This listener must not change that.
  if (process.listenerCount("unhandledRejection") === 1) throw reason;
}
