import { readFileSync, statSync } from "node:fs";
import { decodeOrFault, faultsOf } from "../codec/decode.ts";
import type { OscPacket } from "../codec/index.ts";
import { OscDecodeError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { flatten } from "../text/format.ts";
import { formatCommentedHex } from "../text/hex.ts";
import { formatJson } from "../text/json.ts";
import { MessageFilter } from "../text/message-filter.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { timeOfDay } from "../text/values.ts";
import { UsageError } from "../text/usage-error.ts";
import { KernelDrops } from "../transport/kernel-drops.ts";
import { notOsc } from "../server/admission.ts";
import type { Transport } from "../transport/transport.ts";
import type { OscUrl } from "../url/osc-url.ts";
import { ArrivalWatch, describeBound, describeTargets, openToOthers } from "./bind-scope.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { boundUrl, createListener, parseUrl, withInterface } from "./endpoint.ts";
import { parseOptions, readNumberOption } from "./options.ts";
import { MessagePrinter, type Output, UNKNOWN_SENDER, plural } from "./output.ts";

const HELP = `Prints every message as it arrives, regardless of time tags.

Usage: oscine dump [options] URL…
       oscine dump [options] FILE…
       oscine dump [options] --bytes FILE

A URL or a port without a host listens on all interfaces (IPv4); a multicast
address joins that group. URLs: osc.udp://host:port/, osc.tcp://host:port/,
osc.unix:///path/of.sock, osc.serial:///dev/ttyACM0?baud=115200,
ws://host:port/path, host:port, :port, or a port number. Streams (osc.tcp,
osc.unix, osc.serial) accept both framings, or one with ?framing=1.0 or 1.1.
A FILE is a recording in any format that "oscine play" reads.

  --json            one JSON object per packet and line;
                    "oscine send URL --json" reads it back
  --raw             each packet as an annotated hex dump
  --match PATTERN   only messages whose address matches; * also matches
                    slashes, as in "/mixer/*"; may be repeated
  --count N         exits after N messages (with --raw: packets)
  --timeout S       exits after S seconds
  --bytes FILE      one packet from a file with its bytes or hexadecimal
                    digits; - is standard input
  --interface IF    for a multicast address: the network interface to join on,
                    by name or address, such as eth0
  --origin ORIGIN   a page that may connect to ws://, such as
                    https://example.org; may be repeated
  --quiet           prints only errors on standard error: no greeting, no totals

Messages go to standard output, everything else to standard error. Ctrl-C stops
it and prints the number of messages per address.

Examples:
  oscine dump :9000
  oscine dump :9000 'osc.udp://[::1]:9001/' --match "/mixer/*"
  oscine dump osc.unix:///tmp/osc.sock ws://127.0.0.1:8080
  oscine dump 'osc.tcp://:9000/?framing=1.0'
  oscine dump osc.serial:///dev/ttyACM0
  oscine dump :9000 --json | jq -r .address
  oscine dump show.pcapng --match "/cue/*"
  oscine dump :9000 --raw --count 1
  echo 2f67 6169 6e00 0000 2c66 0000 3f00 0000 | oscine dump --raw --bytes -`;

/** `oscine dump` */
export const DUMP: Command = { help: HELP, run: runDump };

interface DumpOptions {
  readonly urls: readonly OscUrl[];
  /** Recordings to read instead of listening on URLs. */
  readonly files: readonly string[];
  /** A file with one packet to read instead of listening on URLs. */
  readonly bytes: string | null;
  readonly form: "readable" | "json" | "raw";
  readonly filter: MessageFilter;
  readonly count: number;
  readonly timeout: number | null;
  readonly origins: readonly string[];
  readonly isQuiet: boolean;
}

async function runDump(words: readonly string[], session: Session): Promise<number> {
  const options = readOptions(words);
  const enough = new AbortController();
  const dump = new Dump(options, session, () => enough.abort());
  if (options.bytes !== null) {
    dump.packet(readPacket(options.bytes), UNKNOWN_SENDER, "file");
    return dump.hasFault ? EXIT.failure : EXIT.success;
  }
  if (options.files.length > 0) {
    await dumpFiles(options.files, dump, AbortSignal.any([session.stop, enough.signal]), session);
    if (!options.isQuiet) dump.printTotals(0);
    return EXIT.success;
  }
  const listeners: Transport[] = [];
  const drops: KernelDrops[] = [];
  const dropped = (): number => drops.reduce((sum, { count }) => sum + (count ?? 0), 0);
  let watch: ArrivalWatch | null = null;
  try {
    const urls: OscUrl[] = [];
    for (const url of options.urls) {
      const events = {
        onPacket: (data: Uint8Array, from: NetAddress) => dump.packet(data, from, url.transport),
        onError: (error: Parameters<typeof report>[1], from?: NetAddress) => report(session, error, from),
      };
      const listener = await createListener(url, events, options.origins);
      const bound = await listener.open();
      listeners.push(listener);
      if (url.transport === "udp") drops.push(new KernelDrops(bound));
      urls.push(boundUrl(url, bound));
    }
    const [first] = urls;
    if (!options.isQuiet && first !== undefined) {
      greet(session, urls);
      const arrivals = { received: () => dump.received, dropped };
      watch = new ArrivalWatch(session, first, arrivals, openToOthers(session, "dump", first));
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

async function dumpFiles(files: readonly string[], dump: Dump, signal: AbortSignal, session: Session): Promise<void> {
  const { openInput } = await import("./recordings.ts");
  for (const file of files) {
    for await (const { data, source, transport, time } of await openInput(file, undefined, session)) {
      if (signal.aborted) return;
      dump.packet(data, source ?? UNKNOWN_SENDER, transport ?? "file", time);
    }
  }
}

/** Reads a packet as raw bytes or hexadecimal digits. Unambiguous, because a packet begins with "/" or "#". */
function readPacket(file: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    throw new UsageError(`${file === "-" ? "Standard input" : file} can't be read: ${(error as Error).message}`);
  }
  const digits = Buffer.from(bytes)
    .toString("latin1")
    .replaceAll(/0x|[\s,:]/gi, "");
  return digits.length >= 8 && digits.length % 2 === 0 && /^[\da-f]+$/i.test(digits) ? Buffer.from(digits, "hex") : bytes;
}

function greet({ err }: Session, urls: readonly OscUrl[]): void {
  for (const url of urls) {
    err.line(describeBound(url));
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
    origin: { type: "string", multiple: true },
    bytes: { type: "string" },
    interface: { type: "string" },
    quiet: { type: "boolean" },
  });
  const bytes = values.bytes ?? null;
  if (bytes !== null && positionals.length > 0)
    throw new UsageError(`--bytes reads a file instead of listening: leave out --bytes or ${positionals[0]}.`);
  if (positionals.length === 0 && bytes === null)
    throw new UsageError('The URL to listen on is missing: give a URL or a port, as in "oscine dump :9000".');
  if (values.json === true && values.raw === true) throw new UsageError("Use --json or --raw, not both.");
  const files = positionals.filter(isFile);
  if (files.length > 0 && files.length < positionals.length) throw new UsageError("dump takes URLs or files, not both at once.");
  const urls = files.length > 0 ? [] : positionals.map((word) => withInterface(parseUrl(word), values.interface));
  if (values.origin !== undefined && !urls.some(({ transport }) => transport === "websocket")) {
    throw new UsageError("--origin only applies to ws:// URLs.");
  }
  return {
    urls,
    files,
    bytes,
    form: values.json === true ? "json" : values.raw === true ? "raw" : "readable",
    filter: readFilter(values.match ?? []),
    count: values.count === undefined ? Infinity : readNumberOption("count", values.count, { least: 1, whole: true }),
    timeout: values.timeout === undefined ? null : readNumberOption("timeout", values.timeout, { least: 0 }),
    origins: values.origin ?? [],
    isQuiet: values.quiet === true,
  };
}

function isFile(word: string): boolean {
  return statSync(word, { throwIfNoEntry: false })?.isFile() === true;
}

function readFilter(patterns: readonly string[]): MessageFilter {
  try {
    return new MessageFilter(patterns);
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`--match: ${error.message}`) : error;
  }
}

/** Prints and counts packets. */
class Dump {
  readonly #options: DumpOptions;
  readonly #session: Session;
  readonly #printer: MessagePrinter;
  readonly #onEnough: () => void;
  readonly #tally = new Tally();
  #left: number;
  #received = 0;
  #hasFault = false;

  constructor(options: DumpOptions, session: Session, onEnough: () => void) {
    this.#options = options;
    this.#session = session;
    this.#printer = new MessagePrinter(session.out);
    this.#onEnough = onEnough;
    this.#left = options.count;
  }

  /** Packets received so far, including those not shown. */
  get received(): number {
    return this.#received;
  }

  /** Whether any packet couldn't be decoded completely. */
  get hasFault(): boolean {
    return this.#hasFault;
  }

  packet(data: Uint8Array, from: NetAddress, transport: string, time: number = Date.now()): void {
    this.#received += 1;
    if (this.#left === 0) return;
    const packet = decodeOrFault(data);
    const isRaw = this.#options.form === "raw";
    if (packet instanceof OscDecodeError) {
      if (isRaw) this.#printRaw(data, from, transport, time);
      this.#hasFault = true;
      this.#tally.addFault();
      report(this.#session, notOsc(data) ?? packet, from);
    } else {
      const wanted = this.#options.filter.select(packet);
      if (wanted !== null && isRaw) this.#printRaw(data, from, transport, time);
      for (const fault of faultsOf(packet)) {
        this.#hasFault = true;
        report(this.#session, fault, from);
      }
      if (wanted !== null) this.#printPacket(wanted, from, transport, time);
    }
    if (this.#left === 0) this.#onEnough();
  }

  /** @param kernelDropped the number of datagrams that the kernel dropped */
  printTotals(kernelDropped: number): void {
    this.#tally.print(this.#session.err, kernelDropped);
  }

  #printPacket(packet: OscPacket, from: NetAddress, transport: string, time: number): void {
    const { form } = this.#options;
    const messages = flatten(packet);
    if (form === "json") this.#session.out.line(formatJson(packet, { time, from: formatAddress(from), transport }));
    for (const { message, timeTag } of form === "readable" ? messages.slice(0, this.#left) : messages) {
      if (form === "readable") this.#printer.print(message, timeTag, from, time);
      this.#tally.add(message.address);
    }
    if (form !== "raw") this.#left = Math.max(0, this.#left - messages.length);
  }

  #printRaw(data: Uint8Array, from: NetAddress, transport: string, time: number): void {
    const { out } = this.#session;
    const heading = `# ${timeOfDay(time)}  ${formatAddress(from)}  ${transport}  ${data.length} bytes`;
    out.line(`${out.styled("dim", heading)}\n${formatCommentedHex(data)}\n`);
    this.#left -= 1;
  }
}

/** Limits for senders of random addresses: the number of addresses counted one by one, and their total characters. */
const MAX_ADDRESSES = 10_000;
const MAX_CHARACTERS = 1024 * 1024;

/** Counts messages by address. */
export class Tally {
  readonly #counts = new Map<string, number>();
  #characters = 0;
  #others = 0;
  #faults = 0;

  add(address: string): void {
    const count = this.#counts.get(address);
    const isFull = this.#counts.size >= MAX_ADDRESSES || this.#characters + address.length > MAX_CHARACTERS;
    if (count === undefined && isFull) this.#others += 1;
    else this.#counts.set(address, (count ?? 0) + 1);
    if (count === undefined && !isFull) this.#characters += address.length;
  }

  /** Counts a packet that couldn't be decoded. */
  addFault(): void {
    this.#faults += 1;
  }

  /** Prints the counts, largest first. */
  print(output: Output, kernelDropped = 0): void {
    const rows = [...this.#counts].toSorted(([, a], [, b]) => b - a);
    if (this.#others > 0) rows.push(["(further addresses)", this.#others]);
    const total = rows.reduce((sum, [, count]) => sum + count, 0);
    const width = String(total).length;
    for (const [address, count] of rows) output.line(`${String(count).padStart(width)}  ${escapeForTerminal(address)}`);
    const faults = this.#faults === 0 ? "" : `; ${plural(this.#faults, "packet")} could not be read`;
    const dropped = kernelDropped === 0 ? "" : `; ${plural(kernelDropped, "packet")} dropped by the kernel`;
    output.line(output.styled("bold", `${plural(total, "message")}${faults}${dropped}`));
  }
}
