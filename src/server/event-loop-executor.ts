import { AsyncLocalStorage } from "node:async_hooks";
import { OscBundle, OscMessage, type OscPacket } from "../codec/index.ts";
import { type ExecutionResult, type OscReply, type PacketContext, encodeReply, tryDecode } from "../dispatch/index.ts";
import { OscDispatchError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { thrownText } from "../options.ts";
import { dropped } from "../packet-result.ts";
import { type Executor, type ExecutorEvents, type Packet, serverClosed, withinTime } from "./executor.ts";
import { FairQueue } from "./fair-queue.ts";
import { type Handling, runPacket } from "./handle.ts";
import type { Limits } from "./options.ts";

/** One client may have all but this part of `concurrency`, so that handlers that never end don't keep out everybody else. */
const RESERVED_PART = 1 / 8;

/** How the event loop takes packets whose handlers return promises. */
export interface EventLoopOptions {
  /** How many packets may be in progress at once while handlers await something. */
  readonly concurrency: number;
  /** Whether packets of one client are handled one after another (`"client"`), or as they come (`"none"`). */
  readonly order: "client" | "none";
}

/** Handles packets in the event loop. Handlers that return no promise cost no promise here; packets wait only while some handler awaits. */
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
    // While no handler awaits anything, no packet waits.
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

  /** Handles the packets whose turn it is, as far as `concurrency` allows. */
  #advance(): void {
    // A stream reads on when a packet ends, and calls `execute` from within.
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

  /** Handles a packet. Returns null if that is done, or the promise of the result, which never rejects. */
  #run(packet: Packet): Promise<ExecutionResult> | null {
    const events = this.#events;
    const context = new LocalContext(this.#handling, events, packet);
    const result = contexts.run(context, runPacket, this.#handling, packet.data, context);
    if (result instanceof Promise) return result;
    events.end(packet, result);
    return null;
  }
}

/** What the handlers of a packet may do in the thread that owns the sockets. A class and not closures, because one is made for every packet (bench/dispatch). */
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
    this.#events.reply(this.#packet, encodeReply(reply));
  }

  error(error: OscError): void {
    this.#events.report(error, this.clientAddress);
  }

  /** A promise that a handler started was rejected, and nothing awaits it. */
  unawaitedRejection(reason: unknown): void {
    const address = firstAddress(this.#packet.data);
    const what = `A handler of ${address} started a promise that nothing awaits, and it was rejected: ${thrownText(reason)}. Await or return it.`;
    this.error(new OscDispatchError("OSC_HANDLER_FAILED", what, address, { cause: reason }));
  }
}

/** The address of a packet, of a bundle that of its first message. */
function firstAddress(data: Uint8Array): string {
  let packet = tryDecode(data);
  while (packet instanceof OscBundle) packet = packet.elements[0] as OscPacket;
  return packet instanceof OscMessage ? packet.address : "";
}

/** The packet whose handlers run or have run, for all that they start. */
const contexts = new AsyncLocalStorage<LocalContext>();
let watchers = 0;

/**
 * From now on, a rejection that a handler caused is reported with its packet and doesn't end the program. All others do what they
 * would do without this.
 *
 * @returns ends that
 */
export function watchRejections(): () => void {
  // With such a flag the program has decided itself what a rejection does.
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
  // Node ends the program for a rejection if nobody listens for it; this listener must not change that.
  if (process.listenerCount("unhandledRejection") === 1) throw reason;
}
