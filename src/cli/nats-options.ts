import type { BridgeOptions } from "../bridge/index.ts";
import type { NatsDeliveryOptions } from "../nats/index.ts";
import { UsageError } from "../text/usage-error.ts";
import { maskSecrets } from "../url/secrets.ts";
import { readChoice, readNumberOption } from "./options.ts";

/** Options for connecting to NATS. */
export const CONNECTION_OPTIONS = {
  credentials: { type: "string" },
  ca: { type: "string" },
} as const;

/** Options for connecting, and those that front ends and workers must agree on. */
export const NATS_OPTIONS = {
  nats: { type: "string", multiple: true },
  prefix: { type: "string" },
  delivery: { type: "string" },
  order: { type: "string" },
  partitions: { type: "string" },
  ...CONNECTION_OPTIONS,
} as const;

/** The part of `--help` for these options. */
export const NATS_HELP = `  --nats URLS       NATS servers: nats://host:4222, several separated by commas;
                    tls:// for TLS; user:password@ may precede the host
  --prefix PREFIX   the prefix of packet subjects (default osc)
  --delivery HOW    at-most-once (default): packets in flight are lost on
                    failure, as over UDP; at-least-once: JetStream keeps them
                    until a handler has finished (nats-server -js)
  --order HOW       none (default), or client: each client's packets in order
  --partitions N    with --order client: the number of partitions to
                    distribute clients over (default 16)
  --credentials F   a credentials file (.creds)
  --ca FILE         PEM certificates of the authorities to trust`;

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

const DELIVERIES = ["at-most-once", "at-least-once"] as const;
const ORDERS = ["none", "client"] as const;

/** The connection options except the servers. */
export function readConnection({ credentials, ca }: ConnectionWords): NonNullable<BridgeOptions["nats"]> {
  return { ...(credentials === undefined ? {} : { credentials }), ...(ca === undefined ? {} : { tls: { caFile: ca } }) };
}

/**
 * Reads the NATS options of a command line; null without `--nats`.
 *
 * @throws UsageError for invalid options, and for options that need `--nats`
 */
export function readNats(words: NatsWords): (NatsDeliveryOptions & { readonly servers: readonly string[] }) | null {
  const { nats, prefix, delivery, order, partitions } = words;
  if (nats === undefined) {
    const names = Object.keys(NATS_OPTIONS).filter((name) => words[name as keyof NatsWords] !== undefined);
    if (names.length > 0) throw new UsageError(`--${names.join(" and --")} needs --nats.`);
    return null;
  }
  const isOrdered = order !== undefined && readChoice("order", order, ORDERS) === "client";
  if (partitions !== undefined && !isOrdered) throw new UsageError("--partitions needs --order client.");
  return {
    ...readConnection(words),
    servers: nats.flatMap(splitServers),
    ...(prefix === undefined ? {} : { prefix }),
    ...(delivery === undefined ? {} : { delivery: readChoice("delivery", delivery, DELIVERIES) }),
    ...(isOrdered ? { order: "client" } : {}),
    ...(partitions === undefined ? {} : { partitions: readNumberOption("partitions", partitions, { least: 1, whole: true }) }),
  };
}

/** Splits a list of URLs at commas. Passwords can't contain commas. */
function splitServers(list: string): string[] {
  return list.split(/,(?=[a-z]+:\/\/)/i).flatMap((group) => {
    const [, scheme = "", user = "", hosts = ""] = /^([a-z]+:\/\/)?(.*@)?(.*)$/is.exec(group) ?? [];
    if (/[,/?]/.test(user) || /@./.test(user)) {
      throw new UsageError(`--nats "${maskSecrets(group)}" has a user or password with @ , / or ?: write %40 %2C %2F %3F instead.`);
    }
    const [first = "", ...others] = hosts.split(",").filter((host) => host !== "");
    return [scheme + user + first, ...others.map((host) => scheme + host)].filter((server) => server !== "");
  });
}
