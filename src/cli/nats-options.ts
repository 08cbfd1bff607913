import type { BridgeOptions } from "../bridge/index.ts";
import type { NatsDeliveryOptions } from "../nats/index.ts";
import { UsageError } from "../text/usage-error.ts";
import { readChoice, readNumberOption } from "./options.ts";

/** How to connect to NATS, as words of the command line. */
export const CONNECTION_OPTIONS = {
  credentials: { type: "string" },
  ca: { type: "string" },
} as const;

/** What front ends and workers have to agree on, and how they connect. */
export const NATS_OPTIONS = {
  nats: { type: "string", multiple: true },
  prefix: { type: "string" },
  delivery: { type: "string" },
  order: { type: "string" },
  partitions: { type: "string" },
  credentials: { type: "string" },
  ca: { type: "string" },
} as const;

/** The part of `--help` for these. */
export const NATS_HELP = `  --nats URLS       servers of NATS: nats://host:4222, several with commas between them; tls://, and user:password@ before the host
  --prefix PREFIX   what the subjects of packets begin with (default osc)
  --delivery HOW    at-most-once (default): what is on its way when something fails is lost, as with UDP; at-least-once: JetStream keeps it
                    until a handler has run to its end (nats-server -js)
  --order HOW       none (default), or client: the packets of one client one after another
  --partitions N    with --order client: among how many partitions clients are spread (default 16)
  --credentials F   a file of credentials (.creds)
  --ca FILE         the certificates of those whose servers are trusted, as PEM`;

interface ConnectionWords {
  readonly credentials?: string | undefined;
  readonly ca?: string | undefined;
}

interface NatsWords extends ConnectionWords {
  readonly nats?: string[] | undefined;
  readonly prefix?: string | undefined;
  readonly delivery?: string | undefined;
  readonly order?: string | undefined;
  readonly partitions?: string | undefined;
}

const DELIVERIES: ReadonlyMap<string, "at-most-once" | "at-least-once"> = new Map([
  ["at-most-once", "at-most-once"],
  ["at-least-once", "at-least-once"],
]);
const ORDERS: ReadonlyMap<string, "none" | "client"> = new Map([
  ["none", "none"],
  ["client", "client"],
]);

/** How to connect, without where. */
export function readConnection({ credentials, ca }: ConnectionWords): NonNullable<BridgeOptions["nats"]> {
  return { ...(credentials === undefined ? {} : { credentials }), ...(ca === undefined ? {} : { tls: { caFile: ca } }) };
}

/**
 * What was said about NATS; null where `--nats` was not.
 *
 * @throws UsageError for words that cannot be, or that mean nothing without `--nats`
 */
export function readNats(words: NatsWords): (NatsDeliveryOptions & { readonly servers: readonly string[] }) | null {
  const { nats, prefix, delivery, order, partitions } = words;
  if (nats === undefined) {
    const names = Object.keys(NATS_OPTIONS).filter((name) => words[name as keyof NatsWords] !== undefined);
    if (names.length > 0) throw new UsageError(`--${names.join(" and --")} goes with --nats, which is missing.`);
    return null;
  }
  const isOrdered = order !== undefined && readChoice("order", order, ORDERS) === "client";
  if (partitions !== undefined && !isOrdered) throw new UsageError("--partitions goes with --order client.");
  return {
    ...readConnection(words),
    servers: nats.flatMap((list) => list.split(",")).filter((server) => server !== ""),
    ...(prefix === undefined ? {} : { prefix }),
    ...(delivery === undefined ? {} : { delivery: readChoice("delivery", delivery, DELIVERIES) }),
    ...(isOrdered ? { order: "client" } : {}),
    ...(partitions === undefined ? {} : { partitions: readNumberOption("partitions", partitions, { least: 1, whole: true }) }),
  };
}
