import type { Dispatcher } from "../dispatch/index.ts";
import { OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { ChildPoolOptions } from "../server/pool/pool-options.ts";
import { type ServerOptions, positive } from "../server/options.ts";
import { durationOf } from "../server/transports.ts";
import type { ThreadPoolOptions } from "../server/pool/pool-options.ts";
import { type DeliverySettings, type NatsDeliveryOptions, checkName, deliverySettings, inRange, oneOf } from "./delivery-options.ts";

/** Where a worker runs its handlers: in the event loop, each packet in a thread, or each packet in a process. */
export type WorkerKind = "async" | "threading" | "forking";

/** Options of {@link serveNats}. Those of a server hold for each worker by itself. */
export interface ServeNatsOptions extends NatsDeliveryOptions, ServerOptions {
  /** Default `"async"`. */
  readonly kind?: WorkerKind;
  /** The name that workers share among whom packets are spread: each packet goes to one of them. Default `oscine`. */
  readonly queue?: string;
  /**
   * How many packets may be handled at once: async, while handlers await something; else threads or processes. Default 64 for `"async"`, 32 for
   * `"threading"`, 8 for `"forking"`.
   */
  readonly concurrency?: number;
  /** With `kind: "threading"`: more about the threads. */
  readonly threads?: Omit<ThreadPoolOptions, "maxThreads">;
  /** With `kind: "forking"`: more about the processes. */
  readonly children?: Omit<ChildPoolOptions, "maxChildren">;
  /** With a handlers module: the `strictTiming` of its dispatcher, which bundles that no front end has scheduled are held to. Default true. */
  readonly strictTiming?: boolean;
  /** How long `close()` waits for handlers that have begun, in milliseconds. Default 5,000. */
  readonly closeTimeout?: number;
  /** With `"async"`: asked for each packet just before it is handled. A handlers module may export such a function. Default: all are accepted. */
  readonly verifyRequest?: (data: Uint8Array, clientAddress: NetAddress) => boolean;
  /** Closes the worker when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * With `"at-least-once"`: how long the worker may be silent about a packet, in milliseconds, before that is delivered again. A worker that lives
   * speaks up for those it has at a third of that. Default 30,000.
   */
  readonly ackWait?: number;
  /** With `"at-least-once"`: how often a packet is given to workers before it becomes a dead letter. Default 5. */
  readonly maxDeliver?: number;
  /**
   * With `"at-least-once"`: after how long the worker no longer speaks up for a packet, in milliseconds, so that one whose handler never ends is delivered
   * again. Default 60,000.
   */
  readonly handlerTimeout?: number;
  /** With `"at-least-once"`: how many packets the worker may have, those being handled included. Default twice `concurrency`. */
  readonly prefetch?: number;
  /**
   * With `"at-most-once"` and `order: "client"`: which partitions are this worker's. `[1, 3]`: of three workers it is the second (they count from 0), and has every
   * third partition. Default `[0, 1]`: all of them, so that there must be no other worker.
   */
  readonly share?: readonly [index: number, of: number];
}

/** {@link ServeNatsOptions}, checked and filled in. */
export interface WorkerSettings {
  readonly delivery: DeliverySettings;
  readonly queue: string;
  readonly ackWait: number;
  readonly maxDeliver: number;
  readonly handlerTimeout: number;
  readonly prefetch: number;
  readonly share: readonly [index: number, of: number];
}

const CONCURRENCY: Readonly<Record<WorkerKind, number>> = { async: 64, threading: 32, forking: 8 };
const MAX_WORKERS = 1024;

/** @throws OscServerError `OSC_OPTION` where it is none */
export function workerKind({ kind = "async" }: ServeNatsOptions): WorkerKind {
  return oneOf("kind", kind, ["async", "threading", "forking"]);
}

/** How many packets may be handled at once. */
export function concurrencyOf(options: ServeNatsOptions): number {
  return positive("concurrency", options.concurrency, CONCURRENCY[workerKind(options)]);
}

/** @throws OscServerError `OSC_OPTION` where an option has no such value */
export function workerSettings(options: ServeNatsOptions): WorkerSettings {
  const [index, of] = options.share ?? [0, 1];
  inRange("share", of, 1, MAX_WORKERS);
  if (!(Number.isInteger(index) && index >= 0 && index < of)) {
    throw new OscServerError("OSC_OPTION", `share is [index, of] with an index from 0 to below of, such as [0, 3]; got [${index}, ${of}].`);
  }
  return {
    delivery: deliverySettings(options),
    queue: checkName("queue", options.queue ?? "oscine"),
    ackWait: durationOf("ackWait", options.ackWait ?? 30_000) ?? 30_000,
    maxDeliver: positive("maxDeliver", options.maxDeliver, 5),
    handlerTimeout: durationOf("handlerTimeout", options.handlerTimeout ?? 60_000) ?? 60_000,
    prefetch: inRange("prefetch", options.prefetch, Math.min(2 * concurrencyOf(options), 10_000), 10_000),
    share: [index, of],
  };
}

/** What handles packets: a dispatcher, or a module whose default export is one. */
export type WorkerHandlers = Dispatcher | URL | string;
