import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorListener, reportToConsole, tellListener } from "../dispatch/index.ts";
import { type OptionChecks, callback, checkHostAndPort, integer, oneOf, readOptions, unchecked } from "../options.ts";
import { type DnsMessage, type DnsRecord, type MdnsLink, type OpenMdns, SendQuota, openMdns } from "./mdns.ts";
import { ALL_SERVICES, SERVICE_TYPES, type ServiceType, checkServiceName, checkTxt, dnsType, encodeTxt } from "./service.ts";

/** The service for {@link advertise}. */
export interface AdvertiseOptions {
  /** The kind of service. */
  readonly type: ServiceType;
  /** The display name. If it is taken, a number is added. */
  readonly name: string;
  /** The port on which the service listens. */
  readonly port: number;
  /** Additional key-value pairs. The version and framing of an OSC server are added automatically. */
  readonly txt?: Readonly<Record<string, string>> | undefined;
  /** Called with later errors. Default: prints to stderr. */
  readonly onError?: ErrorListener | undefined;
}

const CHECKS = {
  type: oneOf(SERVICE_TYPES, undefined),
  name: checkServiceName,
  port: integer(1, undefined, 65_535),
  txt: checkTxt,
  onError: callback<ErrorListener>(),
  openMdns: unchecked<OpenMdns>(),
} satisfies OptionChecks<AdvertiseOptions & { openMdns?: OpenMdns }>;

/** An advertised service. */
export interface Advertisement extends AsyncDisposable {
  /** The final name. */
  readonly name: string;
  /** Withdraws the service. */
  close(): Promise<void>;
}

const TTL = 120;
/** RFC 6762, section 8.1: three queries, 250 ms apart. */
const PROBES = 3;
const PROBE_MS = 250;
const ANNOUNCEMENTS = 2;
const ANNOUNCE_MS = 1000;
const MAX_RENAMES = 99;

/** The TXT record that OSC 1.1 requires of an OSC server. */
const OSC_TXT: Readonly<Record<ServiceType, Readonly<Record<string, string>>>> = {
  "osc.udp": { txtvers: "1", version: "1.1" },
  "osc.tcp": { txtvers: "1", version: "1.1", framing: "slip" },
  oscquery: { txtvers: "1" },
};

/**
 * Advertises a service on the network with DNS-SD over multicast DNS, as Bonjour and Avahi do. Needs the package `multicast-dns`.
 *
 * @throws (rejects) OscServerError `OSC_OPTION` for a bad option, OscDiscoveryError `OSC_DISCOVERY_PACKAGE` if the package isn't installed,
 *   `OSC_DISCOVERY_FAILED` if no network interface is usable
 *
 * @example
 * const service = await advertise({ type: "osc.udp", name: "Mixer", port: 9000 });
 * process.once("SIGINT", () => void service.close());
 */
export async function advertise(options: AdvertiseOptions): Promise<Advertisement> {
  const { type, name, port, txt, onError, openMdns: open = openMdns } = readOptions("advertise", options, CHECKS);
  if (type === undefined) throw new TypeError("unreachable: checked by oneOf");
  checkHostAndPort("localhost", port, 1);
  const responder = new Responder(type, name, port ?? 0, { ...OSC_TXT[type], ...txt });
  const report: ErrorListener = onError ?? reportToConsole;
  await responder.open(open, (error) => tellListener(report, error, undefined));
  return responder;
}

class Responder implements Advertisement {
  readonly #type: string;
  readonly #wanted: string;
  readonly #port: number;
  readonly #txt: Readonly<Record<string, string>>;
  /** A unique host name, because another responder may own the machine's. */
  readonly #host = `oscine-${randomHex(12)}.local`;
  readonly #stop = new AbortController();
  readonly #answers = new SendQuota();
  #name: string;
  #links: readonly MdnsLink[] = [];
  #state: "probing" | "conflict" | "serving" = "probing";

  constructor(type: ServiceType, name: string, port: number, txt: Readonly<Record<string, string>>) {
    this.#type = dnsType(type);
    this.#wanted = name;
    this.#name = name;
    this.#port = port;
    this.#txt = txt;
  }

  get name(): string {
    return this.#name;
  }

  async open(open: OpenMdns, onError: (error: Parameters<ErrorListener>[0]) => void): Promise<void> {
    this.#links = await open({ message: (message, link) => this.#receive(message, link), error: onError });
    for (let count = 2; !(await this.#isFree()); count += 1) {
      // With this many conflicts, somebody probably claims every name.
      this.#name = count > MAX_RENAMES ? `${this.#wanted} (${randomHex(4)})` : `${this.#wanted} (${count})`;
      if (count > MAX_RENAMES) break;
    }
    this.#state = "serving";
    void this.#announce();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const links = this.#links;
    this.#links = [];
    if (this.#state === "serving") for (const link of links) link.respond(this.#records(link, 0), []);
    await Promise.all(links.map((link) => link.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #fullName(): string {
    return `${escapeDots(this.#name)}.${this.#type}`;
  }

  /** Checks whether the name is available. */
  async #isFree(): Promise<boolean> {
    this.#state = "probing";
    for (let probe = 0; probe < PROBES; probe += 1) {
      for (const link of this.#links) link.query([{ name: this.#fullName, type: "ANY" }]);
      await this.#pause(PROBE_MS);
      if ((this.#state as string) === "conflict") return false;
    }
    return true;
  }

  async #announce(): Promise<void> {
    for (let count = 0; count < ANNOUNCEMENTS && !this.#stop.signal.aborted; count += 1) {
      for (const link of this.#links) link.respond(this.#records(link, TTL), []);
      await this.#pause(ANNOUNCE_MS);
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
  }

  #receive({ isQuery, questions, records }: DnsMessage, link: MdnsLink): void {
    const fullName = this.#fullName.toLowerCase();
    if (this.#state !== "serving") {
      const isTaken = records.some(
        ({ type, name, data }) => !isQuery && type === "SRV" && name.toLowerCase() === fullName && targetOf(data) !== this.#host,
      );
      if (isTaken) this.#state = "conflict";
      return;
    }
    if (!isQuery) return;
    const asked = new Set(questions.map(({ name, type }) => `${type} ${name.toLowerCase()}`));
    for (const question of asked) {
      const [type = "", name = ""] = /^(\S*) (.*)$/s.exec(question)?.slice(1) ?? [];
      const answer = this.#answerTo(name, type, link);
      if (answer !== null && this.#answers.take()) link.respond(...answer);
    }
  }

  /** The answers and additional records for a question; null if it concerns another service. */
  #answerTo(asked: string, type: string, link: MdnsLink): [answers: DnsRecord[], additionals: DnsRecord[]] | null {
    const isAny = type === "ANY";
    const [pointer, ...others] = this.#records(link, TTL);
    if (asked === this.#type && (type === "PTR" || isAny) && pointer !== undefined) return [[pointer], others];
    if (asked === this.#fullName.toLowerCase() && (type === "SRV" || type === "TXT" || isAny)) {
      const own = others.filter((record) => record.name === this.#fullName && (isAny || record.type === type));
      return [own, [this.#addressRecord(link, TTL)]];
    }
    if (asked === this.#host && (type === "A" || isAny)) return [[this.#addressRecord(link, TTL)], []];
    if (asked === ALL_SERVICES && type === "PTR") return [[{ name: ALL_SERVICES, type: "PTR", ttl: TTL, data: this.#type }], []];
    return null;
  }

  /** All records, PTR first. */
  #records(link: MdnsLink, ttl: number): DnsRecord[] {
    return [
      { name: this.#type, type: "PTR", ttl, data: this.#fullName },
      { name: this.#fullName, type: "SRV", ttl, flush: true, data: { port: this.#port, target: this.#host, priority: 0, weight: 0 } },
      { name: this.#fullName, type: "TXT", ttl, flush: true, data: encodeTxt(this.#txt) },
      this.#addressRecord(link, ttl),
    ];
  }

  #addressRecord({ address }: MdnsLink, ttl: number): DnsRecord {
    // The same host has a different address on each interface: don't flush the other one from the caches of peers that see both.
    return { name: this.#host, type: "A", ttl, data: address };
  }
}

function randomHex(digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join("");
}

function targetOf(data: unknown): unknown {
  return typeof data === "object" && data !== null && "target" in data ? data.target : undefined;
}

/** A dot in a name doesn't end a label, but the package can't escape it. */
function escapeDots(name: string): string {
  return name.replaceAll(".", "\u2024");
}
