import { OscServerError } from "../errors.ts";
import { positive } from "../server/options.ts";
import { type NatsConnectionOptions, type NatsConnectionSettings, natsConnectionSettings } from "./nats-options.ts";
import { DEFAULT_PREFIX, checkPrefix } from "./subject.ts";

/**
 * What is promised between a front end and the handlers of a worker. `"at-most-once"`: a packet is published once; what is on its way when something fails is
 * lost, as it would be with UDP. `"at-least-once"`: a stream keeps it until a handler has run to its end, and delivers it again where a worker fails; so a handler
 * may see it twice.
 */
export type Delivery = "at-most-once" | "at-least-once";

/**
 * `"none"`: packets are handled wherever there is room. `"client"`: those of one client one after another, in the order in which its front end received them;
 * docs/nats.md says how far that holds when something fails.
 */
export type DeliveryOrder = "none" | "client";

/** The stream that keeps packets for `"at-least-once"`. It is made where it is missing; one that is there stays as it is. */
export interface NatsStreamOptions {
  /** What it is called: letters, digits, `-` and `_`. Default `OSCINE_` and the prefix, with `_` for what a name cannot have. */
  readonly name?: string;
  /** Default `"file"`: kept when the server ends. `"memory"` is faster. */
  readonly storage?: "file" | "memory";
  /** How many packets it may hold; more are not taken, and wait at the front ends. Default 1,000,000. */
  readonly maxMessages?: number;
  /** How many bytes they may have together. Default 256 MiB, which the server sets aside; as much again for dead letters. */
  readonly maxBytes?: number;
  /** After how long a packet that nobody handled is thrown away, in milliseconds. Default 86,400,000: a day. */
  readonly maxAge?: number;
  /** On how many servers of a cluster it lies, 1 to 5. Default 1. */
  readonly replicas?: number;
  /** How long it remembers the ids of packets, to pass over one that is published again, in milliseconds. Default 120,000. */
  readonly duplicateWindow?: number;
  /** The domain of JetStream that it lies in, for leaf nodes. Default: that of the server. */
  readonly domain?: string;
}

/** What front ends and workers have to agree on, and how they reach NATS. */
export interface NatsDeliveryOptions extends NatsConnectionOptions {
  /** What the subjects of packets begin with. Default `osc`. */
  readonly prefix?: string;
  /** Default `"at-most-once"`. */
  readonly delivery?: Delivery;
  /** Default `"none"`. */
  readonly order?: DeliveryOrder;
  /** With `order: "client"`: among how many partitions clients are spread, 1 to 1,024; those of one are handled one after another. Default 16. */
  readonly partitions?: number;
  /** With `delivery: "at-least-once"`. */
  readonly stream?: NatsStreamOptions;
}

/** {@link NatsStreamOptions}, checked and filled in. */
interface StreamSettings {
  readonly name: string;
  readonly storage: "file" | "memory";
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxAge: number;
  readonly replicas: number;
  readonly duplicateWindow: number;
  readonly domain: string | null;
}

/** {@link NatsDeliveryOptions}, checked and filled in. Plain data. */
export interface DeliverySettings {
  readonly connection: NatsConnectionOptions;
  readonly prefix: string;
  readonly delivery: Delivery;
  /** Null: no order. */
  readonly partitions: number | null;
  readonly stream: StreamSettings;
}

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** @throws OscServerError `OSC_OPTION` where an option has no such value */
export function deliverySettings(options: NatsDeliveryOptions): DeliverySettings {
  const prefix = checkPrefix(options.prefix ?? DEFAULT_PREFIX);
  const delivery = oneOf("delivery", options.delivery ?? "at-most-once", ["at-most-once", "at-least-once"]);
  const order = oneOf("order", options.order ?? "none", ["none", "client"]);
  const partitions = inRange("partitions", options.partitions, 16, 1024);
  return {
    connection: connectionOptionsOf(options),
    prefix,
    delivery,
    partitions: order === "client" ? partitions : null,
    stream: streamSettings(options.stream ?? {}, prefix),
  };
}

function streamSettings(options: NatsStreamOptions, prefix: string): StreamSettings {
  return {
    name: checkName("stream.name", options.name ?? `OSCINE_${prefix.replaceAll(/[^\w-]/g, "_")}`),
    storage: oneOf("stream.storage", options.storage ?? "file", ["file", "memory"]),
    maxMessages: positive("stream.maxMessages", options.maxMessages, 1_000_000),
    maxBytes: positive("stream.maxBytes", options.maxBytes, 256 * MIB),
    maxAge: positive("stream.maxAge", options.maxAge, DAY_MS),
    replicas: inRange("stream.replicas", options.replicas, 1, 5),
    duplicateWindow: positive("stream.duplicateWindow", options.duplicateWindow, 120_000),
    domain: options.domain ?? null,
  };
}

/** Only what belongs to the connection: the options of a server may also hold functions, which cannot go to another thread. */
function connectionOptionsOf(options: NatsConnectionOptions): NatsConnectionOptions {
  const checked: NatsConnectionSettings = natsConnectionSettings(options);
  const names = Object.keys(checked) as (keyof NatsConnectionSettings)[];
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}

/** @throws OscServerError `OSC_OPTION` where it is none of them */
export function oneOf<Value extends string>(name: string, value: string, values: readonly Value[]): Value {
  const found = values.find((one) => one === value);
  if (found !== undefined) return found;
  throw new OscServerError(
    "OSC_OPTION",
    `${name} is ${values.map((one) => JSON.stringify(one)).join(" or ")}; got ${JSON.stringify(value)}.`,
  );
}

/** @throws OscServerError `OSC_OPTION` where NATS does not take it as a name */
export function checkName(option: string, name: string): string {
  if (/^[\w-]{1,128}$/.test(name)) return name;
  throw new OscServerError("OSC_OPTION", `${option} is made of letters, digits, - and _; got ${JSON.stringify(name)}.`);
}

/** A whole number from 1 to `most`. */
export function inRange(name: string, value: number | undefined, fallback: number, most: number): number {
  const number = positive(name, value, fallback);
  if (number <= most) return number;
  throw new OscServerError("OSC_OPTION", `${name} is a whole number from 1 to ${most}; got ${number}.`);
}
