import { isIPv4 } from "node:net";
import { type ErrorListener, reportToConsole, tellListener } from "../dispatch/index.ts";
import {
  MAX_TIMER_MS,
  type OptionChecks,
  callback,
  integer,
  listOf,
  milliseconds,
  oneOf,
  orNull,
  readOptions,
  unchecked,
} from "../options.ts";
import { type DnsMessage, type DnsRecord, type MdnsLink, type OpenMdns, SendQuota, openMdns } from "./mdns.ts";
import { SERVICE_TYPES, type ServiceType, decodeTxt, dnsType } from "./service.ts";

/** A discovered service. */
export interface Service {
  /** The kind of service. */
  readonly type: ServiceType;
  /** The display name. */
  readonly name: string;
  /** Its host name, such as `studio.local`. */
  readonly host: string;
  /** The IPv4 addresses of its host, best first: loopback if it is on this machine. */
  readonly addresses: readonly string[];
  /** The port on which it listens. */
  readonly port: number;
  /** Its key-value pairs. */
  readonly txt: Readonly<Record<string, string>>;
}

/** A service that appeared, changed or left. */
export interface ServiceChange {
  /** What happened. */
  readonly kind: "up" | "changed" | "down";
  /** Its current or last known state. */
  readonly service: Service;
}

/** Options of {@link browse}. */
export interface BrowseOptions {
  /** The kinds to look for. Default: all. */
  readonly type?: ServiceType | readonly ServiceType[] | undefined;
  /** Stops after this many milliseconds; null: never. Default null. */
  readonly timeout?: number | null | undefined;
  /** Stops when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Maximum number of services to track; others are ignored. Default 1,000. */
  readonly maxServices?: number | undefined;
  /** Called with errors of network interfaces. Default: prints to stderr. */
  readonly onError?: ErrorListener | undefined;
}

const CHECKS = {
  type: (value, name) =>
    Array.isArray(value) ? listOf(oneOf(SERVICE_TYPES, undefined))(value, name) : oneOf(SERVICE_TYPES, undefined)(value, name),
  timeout: orNull(milliseconds(undefined, 0, MAX_TIMER_MS)),
  signal: unchecked<AbortSignal>(),
  maxServices: integer(1, 1000),
  onError: callback<ErrorListener>(),
  openMdns: unchecked<OpenMdns>(),
} satisfies OptionChecks<BrowseOptions & { openMdns?: OpenMdns }>;

/** Queries are repeated at these intervals; the last one repeats forever. */
const ASK_AGAIN_MS = [1000, 3000, 10_000, 60_000] as const;
/** Interval for removing expired services. */
const SWEEP_MS = 1000;
/** Upper limit for the TTL of records, in seconds. */
const MAX_TTL = 4500;

/**
 * Discovers services on the network. Yields existing services first, then changes as services appear, change and leave, until `timeout` or
 * `signal` ends it. Needs the package `multicast-dns`.
 *
 * @throws (on the first iteration) OscServerError `OSC_OPTION` for a bad option, OscDiscoveryError `OSC_DISCOVERY_PACKAGE` if the package
 * isn't installed, `OSC_DISCOVERY_FAILED` if no network interface is usable
 *
 * @example
 * for await (const { kind, service } of browse({ type: "oscquery", timeout: 2000 })) console.log(kind, service.name, service.addresses[0], service.port);
 */
export async function* browse(options?: BrowseOptions): AsyncGenerator<ServiceChange, void, undefined> {
  const { type = SERVICE_TYPES, timeout, signal, maxServices, onError, openMdns: open = openMdns } = readOptions("browse", options, CHECKS);
  const report: ErrorListener = onError ?? reportToConsole;
  const changes = new Changes();
  let wake = (): void => undefined;
  const finder = new Finder([type].flat(), maxServices, (change) => {
    changes.add(change);
    wake();
  });
  const links = await open({
    message: (message, link) => finder.receive(message, link),
    error: (error) => tellListener(report, error, undefined),
  });
  const signals = [signal, typeof timeout === "number" ? AbortSignal.timeout(timeout) : undefined].filter((one) => one !== undefined);
  const end = AbortSignal.any(signals);
  const onEnd = (): void => wake();
  end.addEventListener("abort", onEnd, { once: true });
  let asked = 0;
  const ask = (): void => {
    for (const link of links) link.query(finder.questions());
    asking = setTimeout(ask, ASK_AGAIN_MS[Math.min(asked++, ASK_AGAIN_MS.length - 1)]);
  };
  let asking: ReturnType<typeof setTimeout> | undefined;
  ask();
  const sweeping = setInterval(() => finder.sweep(), SWEEP_MS);
  try {
    while (!end.aborted) {
      const change = changes.shift();
      if (change !== undefined) yield change;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    for (let change = changes.shift(); change !== undefined; change = changes.shift()) yield change;
  } finally {
    end.removeEventListener("abort", onEnd);
    clearTimeout(asking);
    clearInterval(sweeping);
    await Promise.all(links.map((link) => link.close()));
  }
}

/** Pending changes, merged into one for each service. */
class Changes {
  readonly #waiting = new Map<string, ServiceChange>();

  add(change: ServiceChange): void {
    const key = `${change.service.type} ${change.service.name}`;
    const before = this.#waiting.get(key)?.kind;
    if (before === "up" && change.kind === "down") this.#waiting.delete(key);
    else if (before === "up") this.#waiting.set(key, { ...change, kind: "up" });
    else this.#waiting.set(key, before === "down" ? { ...change, kind: "changed" } : change);
  }

  shift(): ServiceChange | undefined {
    for (const [key, change] of this.#waiting) {
      this.#waiting.delete(key);
      return change;
    }
    return undefined;
  }
}

/** What is known about a service. It is reported once complete. */
interface Candidate {
  readonly type: ServiceType;
  readonly name: string;
  host: string | null;
  port: number;
  txt: Readonly<Record<string, string>>;
  /** When the service expires unless it is announced again, in milliseconds. */
  expires: number;
  told: Service | null;
}

/** Assembles services from records. Records are untrusted: each is checked, and their number is limited. */
class Finder {
  readonly #types: ReadonlyMap<string, ServiceType>;
  readonly #maxServices: number;
  readonly #onChange: (change: ServiceChange) => void;
  /** By full name in lower case. */
  readonly #candidates = new Map<string, Candidate>();
  /** The addresses of hosts, by name in lower case. */
  readonly #addresses = new Map<string, Set<string>>();
  readonly #questions = new SendQuota();

  constructor(types: readonly ServiceType[], maxServices: number, onChange: (change: ServiceChange) => void) {
    this.#types = new Map(types.map((type) => [dnsType(type), type]));
    this.#maxServices = maxServices;
    this.#onChange = onChange;
  }

  questions(): { readonly name: string; readonly type: string }[] {
    const questions: { readonly name: string; readonly type: string }[] = [...this.#types.keys()].map((name) => ({ name, type: "PTR" }));
    for (const [fullName, { host }] of this.#candidates) {
      if (host === null) questions.push({ name: fullName, type: "SRV" }, { name: fullName, type: "TXT" });
      else if (!this.#addresses.has(host.toLowerCase())) questions.push({ name: host, type: "A" });
    }
    return questions.slice(0, 64);
  }

  receive({ isQuery, records }: DnsMessage, link: MdnsLink): void {
    if (isQuery) return;
    const touched = new Set<string>();
    for (const record of records) if (record.type === "PTR") this.#pointer(record, touched);
    for (const record of records) if (record.type === "SRV" || record.type === "TXT") this.#details(record, touched);
    const addresses = records.filter(({ type }) => type === "A");
    if (addresses.length > 0) this.#receiveAddresses(addresses, touched);
    let isMissing = false;
    for (const fullName of touched) {
      const candidate = this.#candidates.get(fullName);
      if (candidate === undefined) continue;
      this.#tell(candidate);
      isMissing ||= candidate.told === null;
    }
    // Query the missing records of an incomplete service.
    if (isMissing && this.#questions.take()) link.query(this.questions());
  }

  /** Removes services whose TTL has expired. */
  sweep(): void {
    const now = performance.now();
    for (const [fullName, { expires }] of this.#candidates) if (expires <= now) this.#remove(fullName);
  }

  #pointer({ name, data, ttl = 0 }: DnsRecord, touched: Set<string>): void {
    const dns = name.toLowerCase();
    const type = this.#types.get(dns);
    if (type === undefined || typeof data !== "string" || !data.toLowerCase().endsWith(`.${dns}`)) return;
    const fullName = data.toLowerCase();
    if (ttl === 0) return this.#remove(fullName);
    touched.add(fullName);
    const known = this.#candidates.get(fullName);
    const expires = performance.now() + Math.min(ttl, MAX_TTL) * 1000;
    if (known !== undefined) known.expires = expires;
    else if (this.#candidates.size < this.#maxServices) {
      this.#candidates.set(fullName, { type, name: data.slice(0, -dns.length - 1), host: null, port: 0, txt: {}, expires, told: null });
    }
  }

  #details({ name, type, data, ttl = 0 }: DnsRecord, touched: Set<string>): void {
    const fullName = name.toLowerCase();
    const candidate = this.#candidates.get(fullName);
    if (candidate === undefined) return;
    if (ttl === 0) return this.#remove(fullName);
    touched.add(fullName);
    if (type === "TXT") candidate.txt = decodeTxt(data);
    else if (typeof data === "object" && data !== null && "port" in data && "target" in data) {
      const { port, target } = data;
      if (typeof port !== "number" || port < 1 || port > 65_535 || typeof target !== "string" || target === "") return;
      candidate.port = port;
      candidate.host = target;
    }
  }

  /** Stores addresses only for the hosts of wanted services. */
  #receiveAddresses(records: readonly DnsRecord[], touched: Set<string>): void {
    const services = new Map<string, string[]>();
    for (const [fullName, { host }] of this.#candidates) {
      if (host === null) continue;
      const own = services.get(host.toLowerCase());
      if (own === undefined) services.set(host.toLowerCase(), [fullName]);
      else own.push(fullName);
    }
    for (const { name, data, ttl = 0 } of records) {
      const host = name.toLowerCase();
      const own = services.get(host);
      if (own === undefined || typeof data !== "string" || !isIPv4(data) || ttl === 0) continue;
      const addresses = this.#addresses.get(host) ?? new Set();
      if (addresses.size < 16) addresses.add(data);
      this.#addresses.set(host, addresses);
      for (const fullName of own) touched.add(fullName);
    }
  }

  #tell(candidate: Candidate): void {
    const { type, name, host, port, txt, told } = candidate;
    const addresses = host === null ? undefined : this.#addresses.get(host.toLowerCase());
    if (host === null || addresses === undefined) return;
    const isLoopback = (address: string): number => (address.startsWith("127.") ? 0 : 1);
    const service: Service = { type, name, host, addresses: [...addresses].toSorted((a, b) => isLoopback(a) - isLoopback(b)), port, txt };
    if (told !== null && JSON.stringify(told) === JSON.stringify(service)) return;
    candidate.told = service;
    this.#onChange({ kind: told === null ? "up" : "changed", service });
  }

  #remove(fullName: string): void {
    const candidate = this.#candidates.get(fullName);
    this.#candidates.delete(fullName);
    if (candidate?.host === null || candidate === undefined) return;
    const host = candidate.host.toLowerCase();
    if (![...this.#candidates.values()].some((other) => other.host?.toLowerCase() === host)) this.#addresses.delete(host);
    if (candidate.told !== null) this.#onChange({ kind: "down", service: candidate.told });
  }
}
