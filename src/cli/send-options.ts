import { readFileSync } from "node:fs";
import { RECEIVERS, type ReceiverName } from "../client/receivers.ts";
import { OscBundle, type OscPacket } from "../codec/index.ts";
import { countWords, readMessage, type ReadOptions } from "../text/arguments.ts";
import { parseOptions, readChoice, readNumberOption } from "./options.ts";
import { readTime } from "../text/time-text.ts";
import { type OscUrl, parseFraming } from "../url/osc-url.ts";
import { asUsage, parseUrl } from "./url.ts";
import { UsageError } from "../text/usage-error.ts";
import { shellWords, type Word } from "../text/words.ts";

export const DEFAULT_WAIT_MS = 1000;

/** Parts the messages of a bundle. */
const SEPARATOR = "+";

const NUMBERS: ReadonlyMap<string, "auto" | "float"> = new Map([
  ["auto", "auto"],
  ["float", "float"],
]);

const NAMES = Object.keys(RECEIVERS) as ReceiverName[];
const RECEIVER_NAMES: ReadonlyMap<string, ReceiverName> = new Map(NAMES.map((name) => [name, name]));

/** What `send` is asked to do. */
export interface SendOptions {
  readonly url: OscUrl;
  readonly source: Source;
  /** What a number without a type becomes. */
  readonly numbers: "auto" | "float";
  /** The program or device whose habits are to be kept to; null for one that takes all. */
  readonly receiver: ReceiverName | null;
  /** Packets a second; null for as fast as they can be sent. */
  readonly rate: number | null;
  /** How often all is sent. */
  readonly repeat: number;
  /** Milliseconds to wait for replies; null for not at all. */
  readonly wait: number | null;
  /** Replies after which the waiting ends. */
  readonly count: number;
  readonly json: boolean;
}

/** Where the packets come from: the command line, read anew for each round so that `--at +2s` counts from then; or lines of a file, `-` for standard input. */
export type Source =
  | { readonly kind: "words"; packet(): OscPacket; readonly hint: string | null }
  | { readonly kind: "lines"; readonly file: string };

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
  });
  const [place, ...rest] = positionals;
  if (place === undefined)
    throw new UsageError('Where to send is missing: write a URL or a port, as in "oscine send :1337 /hello 1 2.5 text".');
  const receiver = values.for === undefined ? null : readChoice("for", values.for, RECEIVER_NAMES);
  const liked = receiver === null ? "auto" : RECEIVERS[receiver].numbers;
  const numbers = values.numbers === undefined ? liked : readChoice("numbers", values.numbers, NUMBERS);
  const read: ReadOptions = { numbers, readFile: readBlobFile };
  if (values.count !== undefined && values.wait === undefined) throw new UsageError("--count is for the replies: add --wait.");
  return {
    url: withFraming(readPlace(place, rest), values.proto),
    source: readSource(rest, read, { ...values, bundle: values.bundle === true || values.at !== undefined, json: values.json === true }),
    numbers,
    receiver,
    rate: values.rate === undefined ? null : readRate(values.rate),
    repeat: readNumberOption("repeat", values.repeat, { least: 1, whole: true }),
    wait: values.wait === undefined ? null : readNumberOption("wait", values.wait, { least: 0, whole: true }),
    count: values.count === undefined ? Infinity : readNumberOption("count", values.count, { least: 1, whole: true }),
    json: values.json === true,
  };
}

/** `oscsend` has host and port as two words. */
function readPlace(place: string, [next = "", address = ""]: readonly string[]): OscUrl {
  if (/^[^:/]+$/.test(place) && /^\d+$/.test(next) && address.startsWith("/")) {
    throw new UsageError(`Host and port are one word here: write ${place}:${next} ${address}`);
  }
  return parseUrl(place);
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
        'What to send is missing: write an OSC address such as /hello, or "-" for lines on standard input, or --file NAME.',
      );
    }
    if (bundle) throw new UsageError("--bundle and --at are for messages on the command line: lines of JSON have their own time tags.");
    return { kind: "lines", file: file ?? "-" };
  }
  if (file !== undefined) throw new UsageError(`--file says what to send: leave it or ${rest[0]} out.`);
  const messages = bundle ? split(shellWords(rest)) : [shellWords(rest)];
  const packet = (): OscPacket => {
    const list = messages.map((words) => readMessage(words, read));
    const [only] = list;
    return bundle || only === undefined ? new OscBundle(list, at === undefined ? undefined : readTime(at)) : only;
  };
  packet();
  return { kind: "words", packet, hint: hintOfBareTypes(rest) };
}

/** The bare type tags of `oscsend` taken for a string are seldom meant: says so, or null. */
function hintOfBareTypes(words: readonly string[]): string | null {
  const [, types = "", ...values] = words;
  const looksLikeTypes = /^[ifsbhtdScrm]+$/.test(types) && values.length > 0 && countWords(types) === values.length;
  return looksLikeTypes ? `"${types}" was sent as a string. Type tags begin with a comma here: ,${types}` : null;
}

/** `--wait` may stand without its value, which `parseArgs` does not know. */
function withWaitingTime(words: readonly string[]): string[] {
  const end = words.indexOf("--");
  return words.flatMap((word, index) => {
    if (word !== "--wait" || (end !== -1 && index > end)) return [word];
    return /^\d+$/.test(words[index + 1] ?? "") ? [word] : [`--wait=${DEFAULT_WAIT_MS}`];
  });
}

function withFraming(url: OscUrl, proto: string | undefined): OscUrl {
  if (proto === undefined) return url;
  if (url.transport !== "tcp" && url.transport !== "unix")
    throw new UsageError("--proto says how packets are told apart in a stream: use it with osc.tcp:// or osc.unix://, or leave it out.");
  return { ...url, framing: asUsage(() => parseFraming(proto)) };
}

function readRate(text: string): number {
  const rate = readNumberOption("rate", text, { least: 0 });
  if (rate > 0) return rate;
  throw new UsageError("--rate is how many packets are sent in a second, more than 0; leave it out to send as fast as can be.");
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
    throw new UsageError(`The file ${name} of a blob cannot be read: ${(error as Error).message}`);
  }
}
