import { networkInterfaces } from "node:os";
import type { MulticastDNS } from "multicast-dns";
import { OscDiscoveryError } from "../errors.ts";

/** A record of a DNS message, in the format of the package `multicast-dns`. */
export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl?: number | undefined;
  readonly data?: unknown;
  readonly flush?: boolean | undefined;
}

/** A received message. */
export interface DnsMessage {
  readonly questions: readonly { readonly name: string; readonly type: string }[];
  readonly records: readonly DnsRecord[];
  readonly isQuery: boolean;
}

/** Multicast DNS on one network interface. */
export interface MdnsLink {
  /** The IPv4 address of this machine on the interface. */
  readonly address: string;
  query(questions: readonly { readonly name: string; readonly type: string }[]): void;
  respond(answers: readonly DnsRecord[], additionals: readonly DnsRecord[]): void;
  close(): Promise<void>;
}

export interface MdnsEvents {
  message(message: DnsMessage, link: MdnsLink): void;
  /** A link failed; the others keep working. */
  error(error: OscDiscoveryError): void;
}

/** Opens multicast DNS. Replaced in tests. */
export type OpenMdns = (events: MdnsEvents) => Promise<readonly MdnsLink[]>;

/** Limits the number of messages sent per second, so that a flood of queries doesn't make us flood the network too. */
export class SendQuota {
  #since = -Infinity;
  #sent = 0;

  /** Whether one more message may be sent now. If so, counts it. */
  take(): boolean {
    const now = performance.now();
    if (now - this.#since >= 1000) {
      this.#since = now;
      this.#sent = 0;
    }
    this.#sent += 1;
    return this.#sent <= MAX_PER_SECOND;
  }
}

const MAX_PER_SECOND = 50;

/** Only an attacker sends a message with more records or questions than this. */
const MAX_RECORDS = 256;

/**
 * Opens multicast DNS on every network interface with an IPv4 address, including loopback, so that programs on one machine find each other
 * without a network.
 *
 * @throws (rejects) OscDiscoveryError `OSC_DISCOVERY_PACKAGE` if the package isn't installed, `OSC_DISCOVERY_FAILED` if no interface is
 *   usable
 */
export const openMdns: OpenMdns = async (events) => {
  const create = await loadPackage();
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter(({ family }) => family === "IPv4").map(({ address }) => address),
  );
  const opened = await Promise.all(addresses.map((address) => openLink(create, address, events)));
  const links = opened.filter((link) => link !== null);
  if (links.length === 0) {
    throw new OscDiscoveryError(
      "OSC_DISCOVERY_FAILED",
      "No network interface is usable for multicast DNS. Does this machine have an IPv4 address?",
    );
  }
  return links;
};

/** The argument of the package's callbacks. */
interface RawPacket {
  readonly type: "query" | "response";
  readonly questions?: DnsMessage["questions"];
  readonly answers?: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
}

type CreateMdns = (options: { interface: string; bind: string; loopback: boolean; reuseAddr: boolean }) => MulticastDNS;

async function loadPackage(): Promise<CreateMdns> {
  try {
    const { default: create } = await import("multicast-dns");
    return create;
  } catch (cause) {
    throw new OscDiscoveryError("OSC_DISCOVERY_PACKAGE", "Discovery needs the package multicast-dns: npm install multicast-dns@7", {
      cause,
    });
  }
}

async function openLink(create: CreateMdns, address: string, events: MdnsEvents): Promise<MdnsLink | null> {
  // On Linux, a socket bound to the address of an interface receives no multicast.
  const mdns = create({ interface: address, bind: "0.0.0.0", loopback: true, reuseAddr: true });
  /** The last answer sent. Closing the socket immediately would lose it, and it may be a goodbye. */
  let sent = Promise.resolve();
  const link: MdnsLink = {
    address,
    query: (questions) => mdns.query({ questions: questions as never }),
    respond: (answers, additionals) => {
      sent = new Promise((resolve) => {
        mdns.respond({ answers: answers as never, additionals: additionals as never }, () => resolve());
      });
    },
    close: async () => {
      await sent;
      await new Promise<void>((resolve) => {
        mdns.destroy(() => resolve());
      });
    },
  };
  const failed = (cause: Error): OscDiscoveryError =>
    new OscDiscoveryError("OSC_DISCOVERY_FAILED", `Multicast DNS doesn't work on the interface with ${address}: ${cause.message}`, {
      cause,
    });
  mdns.on("packet", (packet: RawPacket) => {
    const records = [...(packet.answers ?? []), ...(packet.additionals ?? []), ...(packet.authorities ?? [])];
    const { questions = [] } = packet;
    if (records.length > MAX_RECORDS || questions.length > MAX_RECORDS) return;
    events.message({ questions, records, isQuery: packet.type === "query" }, link);
  });
  // Ignore undecodable packets from other users of this port.
  mdns.on("warning", () => undefined);
  const error = await new Promise<Error | null>((resolve) => {
    mdns.once("ready", () => resolve(null));
    mdns.once("error", resolve);
  });
  mdns.on("error", (later: Error) => events.error(failed(later)));
  if (error === null) return link;
  events.error(failed(error));
  await link.close();
  return null;
}
