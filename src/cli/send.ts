import { createReadStream, readFileSync } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fitPacket } from "../client/fit-packet.ts";
import type { PacketClient } from "../client/packet-client.ts";
import { RECEIVERS, RECEIVER_NAMES, type ReceiverName } from "../client/receivers.ts";
import { OscBundle, type OscPacket, decode, encode } from "../codec/index.ts";
import { type OscError, OscEncodeError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { countWords, readLine, readMessage, type ReadOptions, shellWords, type Word } from "../text/arguments.ts";
import { flatten, formatMessage } from "../text/format.ts";
import { formatCommentedHex } from "../text/hex.ts";
import { formatJson } from "../text/json.ts";
import { readTime } from "../text/values.ts";
import { UsageError } from "../text/usage-error.ts";
import { type OscUrl, parseFraming } from "../url/osc-url.ts";
import { type Command, EXIT, report, type Session } from "./command.ts";
import { asUsage, createSender, parseUrl, shownUrl, withInterface } from "./endpoint.ts";
import { parseOptions, readChoice, readNumberOption } from "./options.ts";
import { MessagePrinter, type Output, plural } from "./output.ts";

const DEFAULT_WAIT_MS = 1000;

/** Separates the messages of a bundle. */
const SEPARATOR = "+";

const HELP = `Sends a message, a bundle, or the lines of a file.

Usage: oscine send [options] URL ADDRESS [,types] [arguments…]
       oscine send [options] URL -             (lines from standard input)
       oscine send [options] URL --file FILE

A URL is osc.udp://host:port/, osc.tcp://host:port/, osc.unix:///path/of.sock,
osc.serial:///dev/ttyACM0?baud=115200, ws://host:port/path, wss://…, host:port,
:port (this machine) or a port number.

Without types: 1 is an int, 1.0 a float; true, false and nil have their own
types; everything else is a string. '"1"' is the string 1, '",abc"' is ,abc.
Put -- before a word that begins with -.
With types (after a comma; one word per tag, except T F N I [ ]):
  i int            h 64-bit int     f float          d double
  s string         S symbol         c character      b blob: hex or @file
  t time: now, +2.5s, a date        r color: '#rrggbbaa'
  m MIDI: 00903c7f                  T true  F false  N nil  I impulse  [ ] list

  --bundle          sends the messages, separated by +, in one bundle
  --at TIME         the bundle's time: now, +2s, +250ms, 2026-10-04T20:00:00Z
  --file FILE       sends the lines of a file in the output format of
                    "oscine dump", with or without --json
  --json            reads JSON lines from standard input if no address is given;
                    prints replies as JSON
  --numbers float   sends numbers without a type as floats, even 1
  --for RECEIVER    sends what the receiver accepts, such as true as 1:
                    supercollider, max, puredata, touchdesigner, touchosc,
                    grandma3, x32, vrchat, juce, chuck, csound, liblo, oscpack,
                    python-osc
  --rate N          at most N packets per second
  --repeat N        sends everything N times
  --wait [MS]       prints replies for this many milliseconds (default ${DEFAULT_WAIT_MS});
                    exit code 1 if there are none
  --count N         with --wait: exits after N replies
  --verbose         also prints what is sent: address, types, values and bytes
  --dry-run         prints the same but sends nothing
  --interface IF    for a multicast address: the network interface to send from,
                    by name or address, such as eth0
  --proto VERSION   for osc.tcp://, osc.unix:// and osc.serial://: 1.0 (size
                    prefixes) or 1.1 (SLIP, the default); same as ?framing=

Examples:
  oscine send :1337 /hello 1 2.5 text
  oscine send localhost:9000 /mixer/gain ,f 1
  oscine send 'osc.tcp://10.0.0.5:3032/?framing=1.0' /eos/ping
  oscine send :9000 /gain 1 --for grandma3 --dry-run
  oscine send :57110 /status --wait 500
  oscine send :9000 --at +2s /note/on 60 + /gain ,f 0.5
  oscine dump :9000 --json | oscine send 192.168.1.20:9000 --json`;

/** `oscine send` */
export const SEND: Command = { help: HELP, run: runSend };

/** The parsed command line of `send`. */
export interface SendOptions {
  readonly url: OscUrl;
  readonly source: Source;
  /** How to send numbers without a type. */
  readonly numbers: "auto" | "float";
  /** The receiving program or device; null if it accepts everything. */
  readonly receiver: ReceiverName | null;
  /** Packets per second; null for as fast as possible. */
  readonly rate: number | null;
  /** How many times to send everything. */
  readonly repeat: number;
  /** Milliseconds to wait for replies; null to not wait. */
  readonly wait: number | null;
  /** Stop waiting after this many replies. */
  readonly count: number;
  readonly json: boolean;
  /** True to only show what would be sent. */
  readonly isDry: boolean;
  readonly isVerbose: boolean;
}

/**
 * The source of packets: the command line, parsed again in each round so that `--at +2s` is relative to it, with warnings about words that may be
 * misunderstood; or the lines of a file, `-` for standard input.
 */
export type Source =
  | { readonly kind: "words"; packet(): OscPacket; readonly warnings: readonly string[] }
  | { readonly kind: "lines"; readonly file: string };

async function runSend(words: readonly string[], session: Session): Promise<number> {
  const options = readSendOptions(words);
  const { source } = options;
  if (source.kind === "words") for (const warning of source.warnings) session.err.text(session.err.styled("yellow", warning));
  const onError = (error: OscError, from?: NetAddress): void => report(session, error, from);
  if (options.isDry) {
    await sendAll((packet) => showPacket(session.out, bytesOf(packet, options), options.url), options, session);
    return EXIT.success;
  }
  const client = await createSender(options.url, { numbers: options.numbers, onError });
  try {
    if (options.wait === null) {
      await sendAll(senderOf(client, options, session), options, session);
      return EXIT.success;
    }
    return await sendAndWait(client, options, options.wait, session);
  } finally {
    await client.close();
  }
}

async function sendAndWait(client: PacketClient, options: SendOptions, wait: number, session: Session): Promise<number> {
  const over = new AbortController();
  const replies = printReplies(client, options, session, AbortSignal.any([over.signal, session.stop]));
  // If the socket can't be opened, sending reports it.
  replies.catch(() => undefined);
  await sendAll(senderOf(client, options, session), options, session);
  const timer = setTimeout(() => over.abort(), wait);
  const count = await replies;
  clearTimeout(timer);
  if (count > 0 || session.stop.aborted) return EXIT.success;
  session.err.line(`no reply within ${wait} ms`);
  return EXIT.failure;
}

/** @returns the number of replies */
async function printReplies(
  client: PacketClient,
  { url, json, count }: SendOptions,
  { out }: Session,
  signal: AbortSignal,
): Promise<number> {
  const printer = new MessagePrinter(out);
  let printed = 0;
  for await (const { message, timeTag, from } of client.receive({ signal })) {
    const time = Date.now();
    const arrival = { time, from: formatAddress(from), transport: url.transport };
    if (json) out.line(formatJson(timeTag === null ? message : new OscBundle(message, timeTag), arrival));
    else printer.print(message, timeTag, from, time);
    printed += 1;
    if (printed === count) break;
  }
  return printed;
}

function bytesOf(packet: OscPacket, { numbers, receiver }: SendOptions): Uint8Array {
  return encode(receiver === null ? packet : fitPacket(packet, receiver, { numbers }), { numbers });
}

function senderOf(client: PacketClient, options: SendOptions, { err }: Session): (packet: OscPacket) => Promise<void> {
  return async (packet) => {
    const bytes = bytesOf(packet, options);
    await client.sendBytes(bytes);
    if (options.isVerbose) showPacket(err, bytes, options.url);
  };
}

/** Shows an outgoing packet: each message on a line, then all bytes. */
function showPacket(output: Output, bytes: Uint8Array, url: OscUrl): void {
  const isStream = url.transport === "tcp" || url.transport === "unix";
  const framing = isStream ? `, framed ${url.framing === "1.0" ? "by its size (OSC 1.0)" : "with SLIP (OSC 1.1)"}` : "";
  const lines = flatten(decode(bytes)).map((message) => output.styled("bold", formatMessage(message)));
  output.line(
    [...lines, output.styled("dim", `# to ${shownUrl(url)}, ${bytes.length} bytes${framing}`), formatCommentedHex(bytes), ""].join("\n"),
  );
}

async function sendAll(send: (packet: OscPacket) => Promise<void> | void, options: SendOptions, { stop, err }: Session): Promise<void> {
  const { source, rate, repeat } = options;
  // A pipe can be read only once.
  const kept = source.kind === "lines" && source.file === "-" && repeat > 1 ? await collect(readLines(source.file, stop)) : null;
  const start = performance.now();
  let sent = 0;
  for (let round = 0; round < repeat && !stop.aborted; round++) {
    for await (const packet of packetsOf(source, kept, options, stop)) {
      if (rate !== null) await sleepUntil(start + (sent * 1000) / rate, stop);
      if (stop.aborted) break;
      await send(packet);
      sent += 1;
    }
  }
  if (sent > 1 && !options.isDry) err.line(`sent ${plural(sent, "packet")} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

async function* packetsOf(
  source: Source,
  kept: readonly string[] | null,
  { numbers }: SendOptions,
  stop: AbortSignal,
): AsyncGenerator<OscPacket> {
  if (source.kind === "words") {
    yield source.packet();
    return;
  }
  let number = 0;
  for await (const line of kept ?? readLines(source.file, stop)) {
    number += 1;
    const packet = packetOfLine(line, number, numbers);
    if (packet !== null) yield packet;
  }
}

function packetOfLine(line: string, number: number, numbers: "auto" | "float"): OscPacket | null {
  try {
    return readLine(line, { numbers });
  } catch (error) {
    if (error instanceof UsageError || error instanceof OscEncodeError) throw new UsageError(`Line ${number}: ${error.message}`);
    throw error;
  }
}

/** The lines of a file, `-` for standard input. */
async function* readLines(file: string, stop: AbortSignal): AsyncGenerator<string> {
  const input: Readable = file === "-" ? process.stdin : createReadStream(file);
  input.setEncoding("utf8");
  addAbortSignal(stop, input);
  let rest = "";
  try {
    for await (const chunk of input as AsyncIterable<string>) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    if (stop.aborted) return;
    throw new UsageError(`${file === "-" ? "Standard input" : file} cannot be read: ${(error as Error).message}`);
  }
  yield rest;
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const kept: string[] = [];
  for await (const line of lines) kept.push(line);
  return kept;
}

/** @param time from `performance.now()` */
async function sleepUntil(time: number, stop: AbortSignal): Promise<void> {
  const left = time - performance.now();
  if (left > 1) await sleep(left, undefined, { signal: stop }).catch(() => undefined);
}

/** @throws UsageError */
export function readSendOptions(words: readonly string[]): SendOptions {
  const { values, positionals } = parseOptions("send", withWaitingTime(words), {
    file: { type: "string" },
    json: { type: "boolean" },
    bundle: { type: "boolean" },
    at: { type: "string" },
    numbers: { type: "string" },
    for: { type: "string" },
    proto: { type: "string" },
    rate: { type: "string" },
    repeat: { type: "string", default: "1" },
    wait: { type: "string" },
    count: { type: "string" },
    verbose: { type: "boolean" },
    "dry-run": { type: "boolean" },
    interface: { type: "string" },
  });
  const [target, ...rest] = positionals;
  if (target === undefined)
    throw new UsageError('The receiver is missing: give a URL or a port, as in "oscine send :1337 /hello 1 2.5 text".');
  const receiver = values.for === undefined ? null : readChoice("for", values.for, RECEIVER_NAMES);
  const liked = receiver === null ? "auto" : RECEIVERS[receiver].numbers;
  const numbers = values.numbers === undefined ? liked : readChoice("numbers", values.numbers, ["auto", "float"]);
  const read: ReadOptions = { numbers, readFile: readBlobFile };
  if (values.count !== undefined && values.wait === undefined) throw new UsageError("--count counts replies: add --wait.");
  const isDry = values["dry-run"] === true;
  if (isDry && values.wait !== undefined) throw new UsageError("--dry-run sends nothing, so there are no replies: leave out --wait.");
  return {
    url: withInterface(withFraming(readTarget(target, rest), values.proto), values.interface),
    source: readSource(rest, read, { ...values, bundle: values.bundle === true || values.at !== undefined, json: values.json === true }),
    numbers,
    receiver,
    rate: values.rate === undefined ? null : readRate(values.rate),
    repeat: readNumberOption("repeat", values.repeat, { least: 1, whole: true }),
    wait: values.wait === undefined ? null : readNumberOption("wait", values.wait, { least: 0, whole: true }),
    count: values.count === undefined ? Infinity : readNumberOption("count", values.count, { least: 1, whole: true }),
    json: values.json === true,
    isDry,
    isVerbose: values.verbose === true,
  };
}

/** Detects host and port as two words, as in `oscsend`. */
function readTarget(target: string, [next = "", address = ""]: readonly string[]): OscUrl {
  if (/^[^:/]+$/.test(target) && /^\d+$/.test(next) && address.startsWith("/")) {
    throw new UsageError(`Write host and port as one word: ${target}:${next} ${address}`);
  }
  return parseUrl(target);
}

interface SourceOptions {
  readonly file?: string | undefined;
  readonly json: boolean;
  readonly bundle: boolean;
  readonly at?: string | undefined;
}

function readSource(rest: readonly string[], read: ReadOptions, { file, json, bundle, at }: SourceOptions): Source {
  const isStandardInput = rest.length === 1 && rest[0] === "-";
  if (rest.length === 0 || isStandardInput) {
    if (file === undefined && !json && !isStandardInput) {
      throw new UsageError(
        'The message is missing: give an OSC address such as /hello, or "-" for lines from standard input, or --file NAME.',
      );
    }
    if (bundle) throw new UsageError("--bundle and --at are for messages on the command line: JSON lines have their own time tags.");
    return { kind: "lines", file: file ?? "-" };
  }
  if (file !== undefined) throw new UsageError(`--file already says what to send: leave out --file or "${rest[0]}".`);
  const messages = bundle ? split(shellWords(rest)) : [shellWords(rest)];
  const packet = (): OscPacket => {
    const list = messages.map((words) => readMessage(words, read));
    const [only] = list;
    return bundle || only === undefined ? new OscBundle(list, at === undefined ? undefined : readTime(at)) : only;
  };
  try {
    packet();
  } catch (error) {
    throw withQuotingHint(error, messages);
  }
  return { kind: "words", packet, warnings: messages.flatMap((words) => warningsOf(words, bundle)) };
}

/** Adds a hint if a first argument such as `,abc`, parsed as type tags, may be text. */
function withQuotingHint(error: unknown, messages: readonly (readonly Word[])[]): unknown {
  if (!(error instanceof UsageError)) return error;
  const types = messages.map(([, second]) => second?.text ?? "").find((text) => /^,./.test(text) && !/^,[ifsShtdcrmbTFNI[\]]+$/.test(text));
  return types === undefined ? error : new UsageError(`${error.message}. If ${types} is text, write '"${types}"'.`);
}

/** Warnings about words that may be misunderstood. */
function warningsOf(words: readonly Word[], isInBundle: boolean): string[] {
  const [address, first, ...others] = words.map(({ text }) => text);
  const warnings: string[] = [];
  if (first !== undefined && /^[ifsbhtdScrm]+$/.test(first) && others.length > 0 && countWords(first) === others.length) {
    warnings.push(`"${first}" was sent as a string. Type tags begin with a comma: ,${first}`);
  }
  if (first?.startsWith(",") === true) return warnings;
  const next = words.slice(1).findIndex(({ text }) => text.startsWith("/"));
  if (isInBundle && next !== -1) {
    const [text = ""] = words.slice(1 + next).map((word) => word.text);
    warnings.push(
      `"${text}" was sent as an argument of ${address}. To send it as another message of the bundle, put + before it: + ${text}`,
    );
  }
  if (!isInBundle && words.some(({ text }, index) => text === SEPARATOR && words[index + 1]?.text.startsWith("/") === true)) {
    warnings.push('"+" was sent as a string. To send several messages in one bundle, add --bundle.');
  }
  return warnings;
}

/** Allows `--wait` without a value, which `parseArgs` doesn't support. */
function withWaitingTime(words: readonly string[]): string[] {
  const end = words.indexOf("--");
  return words.flatMap((word, index) => {
    if (word !== "--wait" || (end !== -1 && index > end)) return [word];
    return /^\d+$/.test(words[index + 1] ?? "") ? [word] : [`--wait=${DEFAULT_WAIT_MS}`];
  });
}

function withFraming(url: OscUrl, proto: string | undefined): OscUrl {
  if (proto === undefined) return url;
  if (url.transport !== "tcp" && url.transport !== "unix" && url.transport !== "serial")
    throw new UsageError("--proto sets the framing of a stream: use it with osc.tcp://, osc.unix:// or osc.serial://, or leave it out.");
  return { ...url, framing: asUsage(() => parseFraming(proto)) };
}

function readRate(text: string): number {
  const rate = readNumberOption("rate", text, { least: 0 });
  if (rate > 0) return rate;
  throw new UsageError("--rate is a number of packets per second, more than 0; leave it out to send as fast as possible.");
}

function split(words: readonly Word[]): Word[][] {
  const messages: Word[][] = [[]];
  for (const word of words) {
    if (word.text === SEPARATOR) messages.push([]);
    else messages.at(-1)?.push(word);
  }
  return messages;
}

function readBlobFile(name: string): Uint8Array {
  try {
    return readFileSync(name);
  } catch (error) {
    throw new UsageError(`The blob's file ${name} cannot be read: ${(error as Error).message}`);
  }
}
