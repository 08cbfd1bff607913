import { decodeOrFault, faultsOf } from "../codec/decode.ts";
import type { OscPacket } from "../codec/index.ts";
import { OscDecodeError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { flatten } from "../text/format.ts";
import { formatCommentedHex } from "../text/hex.ts";
import { formatJson } from "../text/json.ts";
import { MessageFilter } from "../text/message-filter.ts";
import { timeOfDay } from "../text/time-text.ts";
import { UsageError } from "../text/usage-error.ts";
import { KernelDrops } from "../transport/kernel-drops.ts";
import type { Transport } from "../transport/transport.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { createListener } from "./endpoint.ts";
import { parseOptions, readNumberOption } from "./options.ts";
import { MessagePrinter } from "./printer.ts";
import { Tally } from "./tally.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { ArrivalWatch } from "./arrival-watch.ts";
import { describeTargets } from "./reach.ts";
import { boundUrl, parseUrl } from "./url.ts";

const HELP = `Prints every message that arrives, at once, whatever its time tag says.

Usage: oscine dump [options] URL…

A URL is osc.udp://host:port/, osc.tcp://host:port/, osc.unix:///path/of.sock, ws://host:port/path, host:port, :port or a port number.
Without a host it listens on all interfaces (IPv4); with a multicast address it joins that group. Streams (osc.tcp, osc.unix) take both
framings, or only one with ?framing=1.0 or 1.1.

  --json            one JSON object a line for each packet; "oscine send URL --json" reads it back
  --raw             each packet as commented hexadecimal
  --match PATTERN   only messages whose address matches; * crosses slashes, as in "/mixer/*"; may be repeated
  --count N         ends after N messages (with --raw: packets)
  --timeout S       ends after S seconds
  --quiet           nothing on standard error but errors: no greeting, no totals

Messages go to standard output. The totals for each address go to standard error at the end (Ctrl-C).

Examples:
  oscine dump :9000
  oscine dump :9000 osc.udp://[::1]:9001/ --match "/mixer/*"
  oscine dump osc.unix:///tmp/osc.sock ws://127.0.0.1:8080
  oscine dump :9000 --json | jq -r .address
  oscine dump :9000 --raw --count 1`;

/** `oscine dump` */
export const DUMP: Command = {
  name: "dump",
  summary: "prints what arrives on one or several URLs",
  help: HELP,
  run: runDump,
};

interface DumpOptions {
  readonly urls: readonly OscUrl[];
  readonly form: "readable" | "json" | "raw";
  readonly filter: MessageFilter;
  readonly count: number;
  readonly timeout: number | null;
  readonly isQuiet: boolean;
}

async function runDump(words: readonly string[], session: Session): Promise<number> {
  const options = readOptions(words);
  const enough = new AbortController();
  const dump = new Dump(options, session, () => enough.abort());
  const listeners: Transport[] = [];
  const drops: KernelDrops[] = [];
  const dropped = (): number => drops.reduce((sum, { count }) => sum + (count ?? 0), 0);
  let watch: ArrivalWatch | null = null;
  try {
    const urls: OscUrl[] = [];
    for (const url of options.urls) {
      const listener = createListener(url, {
        onPacket: (data, from) => dump.packet(data, from, url),
        onError: (error, from) => report(session, error, from),
      });
      const bound = await listener.open();
      listeners.push(listener);
      if (url.transport === "udp") drops.push(new KernelDrops(bound));
      urls.push(boundUrl(url, bound));
    }
    if (!options.isQuiet) {
      greet(session, options.urls, urls);
      watch = new ArrivalWatch(session, urls, { received: () => dump.received, dropped });
    }
    const signals = [session.stop, enough.signal];
    if (options.timeout !== null) signals.push(AbortSignal.timeout(options.timeout * 1000));
    await aborted(AbortSignal.any(signals));
  } finally {
    watch?.close();
    for (const drop of drops) drop.closing();
    await Promise.all(listeners.map((listener) => listener.close()));
  }
  if (!options.isQuiet) dump.printTotals(dropped());
  return EXIT.success;
}

function greet({ err }: Session, wanted: readonly OscUrl[], bound: readonly OscUrl[]): void {
  for (const [index, url] of bound.entries()) {
    const isAll = wanted[index]?.host === null && url.transport !== "unix";
    err.line(`Listening on ${formatOscUrl(url)}${isAll ? " (all interfaces)" : ""}`);
    const targets = describeTargets(url);
    if (targets !== null) err.line(targets);
  }
}

function readOptions(words: readonly string[]): DumpOptions {
  const { values, positionals } = parseOptions("dump", words, {
    json: { type: "boolean" },
    raw: { type: "boolean" },
    match: { type: "string", multiple: true },
    count: { type: "string" },
    timeout: { type: "string" },
    quiet: { type: "boolean" },
  });
  if (positionals.length === 0) throw new UsageError('Where to listen is missing: write a URL or a port, as in "oscine dump :9000".');
  if (values.json === true && values.raw === true) throw new UsageError("--json and --raw are two forms of output: leave one out.");
  return {
    urls: positionals.map(parseUrl),
    form: values.json === true ? "json" : values.raw === true ? "raw" : "readable",
    filter: readFilter(values.match ?? []),
    count: values.count === undefined ? Infinity : readNumberOption("count", values.count, { least: 1, whole: true }),
    timeout: values.timeout === undefined ? null : readNumberOption("timeout", values.timeout, { least: 0 }),
    isQuiet: values.quiet === true,
  };
}

function readFilter(patterns: readonly string[]): MessageFilter {
  try {
    return new MessageFilter(patterns);
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`--match: ${error.message}`) : error;
  }
}

/** Prints packets, and counts what it printed. */
class Dump {
  readonly #options: DumpOptions;
  readonly #session: Session;
  readonly #printer: MessagePrinter;
  readonly #onEnough: () => void;
  readonly #tally = new Tally();
  #left: number;
  #received = 0;

  constructor(options: DumpOptions, session: Session, onEnough: () => void) {
    this.#options = options;
    this.#session = session;
    this.#printer = new MessagePrinter(session.out);
    this.#onEnough = onEnough;
    this.#left = options.count;
  }

  /** Packets so far, also those that are not shown. */
  get received(): number {
    return this.#received;
  }

  /** A packet arrived. */
  packet(data: Uint8Array, from: NetAddress, url: OscUrl): void {
    this.#received += 1;
    if (this.#left === 0) return;
    const time = Date.now();
    const packet = decodeOrFault(data);
    const isRaw = this.#options.form === "raw";
    if (packet instanceof OscDecodeError) {
      if (isRaw) this.#printRaw(data, from, url, time);
      this.#tally.addFault();
      report(this.#session, packet, from);
    } else {
      const wanted = this.#options.filter.select(packet);
      if (wanted !== null && isRaw) this.#printRaw(data, from, url, time);
      for (const fault of faultsOf(packet)) report(this.#session, fault, from);
      if (wanted !== null) this.#printPacket(wanted, from, url, time);
    }
    if (this.#left === 0) this.#onEnough();
  }

  /** @param unseen how many datagrams the system dropped */
  printTotals(unseen: number): void {
    this.#tally.print(this.#session.err, unseen);
  }

  #printPacket(packet: OscPacket, from: NetAddress, url: OscUrl, time: number): void {
    const { form } = this.#options;
    const messages = flatten(packet);
    if (form === "json") this.#session.out.line(formatJson(packet, { time, from: formatAddress(from), transport: url.transport }));
    for (const { message, timeTag } of form === "readable" ? messages.slice(0, this.#left) : messages) {
      if (form === "readable") this.#printer.print(message, timeTag, from, time);
      this.#tally.add(message.address);
    }
    if (form !== "raw") this.#left = Math.max(0, this.#left - messages.length);
  }

  #printRaw(data: Uint8Array, from: NetAddress, url: OscUrl, time: number): void {
    const { out } = this.#session;
    const heading = `# ${timeOfDay(time)}  ${formatAddress(from)}  ${url.transport}  ${data.length} bytes`;
    out.line(`${out.styled("dim", heading)}\n${formatCommentedHex(data)}\n`);
    this.#left -= 1;
  }
}
