import { networkInterfaces } from "node:os";
import type { MulticastDNS } from "multicast-dns";
import { OscDiscoveryError } from "../errors.ts";

/** A record of a DNS message, as the package `multicast-dns` gives and takes it. */
export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl?: number | undefined;
  readonly data?: unknown;
  readonly flush?: boolean | undefined;
}

/** A message that arrived. */
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
  /** A link failed; the others go on. */
  error(error: OscDiscoveryError): void;
}

/** Opens multicast DNS; tests replace it. */
export type OpenMdns = (events: MdnsEvents) => Promise<readonly MdnsLink[]>;

/** Limits the messages that we send per second: whoever floods the network must not have us flood it, too. */
export class SendQuota {
  #since = -Infinity;
  #sent = 0;

  /** Whether one more may be sent now. Counts it if so. */
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

/** A message with more records or questions than this is nobody's but an attacker's. */
const MAX_RECORDS = 256;

/**
 * Opens multicast DNS on every network interface with an IPv4 address, loopback included: programs on one machine find each other without a network.
 *
 * @throws (rejects) OscDiscoveryError `OSC_DISCOVERY_PACKAGE` if the package isn't installed, `OSC_DISCOVERY_FAILED` if no interface can be used
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
      "No network interface can be used for multicast DNS. Does this machine have an IPv4 address?",
    );
  }
  return links;
};

/** What the package calls back with. */
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
  // Bound to the address of an interface, a socket of Linux hears no multicast.
  const mdns = create({ interface: address, bind: "0.0.0.0", loopback: true, reuseAddr: true });
  /** The answer that was given last. A socket that is closed at once doesn't send it, and it may be a goodbye. */
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
  // What can't be decoded is somebody else's business on this port.
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
