import { createReadStream } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { PacketClient } from "../client/packet-client.ts";
import { OscBundle, type OscPacket } from "../codec/index.ts";
import { type OscError, OscEncodeError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { type Command, EXIT, report, type Session } from "./command.ts";
import { createSender } from "./endpoint.ts";
import { formatJson } from "../text/json.ts";
import { readLine } from "../text/lines.ts";
import { MessagePrinter } from "./printer.ts";
import { DEFAULT_WAIT_MS, readSendOptions, type SendOptions, type Source } from "./send-options.ts";
import { plural } from "./tally.ts";
import { UsageError } from "../text/usage-error.ts";

const HELP = `Sends a message, a bundle, or what a file holds.

Usage: oscine send [options] URL ADDRESS [,types] [arguments…]
       oscine send [options] URL -                 (lines on standard input)

A URL is osc.udp://host:port/, osc.tcp://host:port/, osc.unix:///path/of.sock (a stream), ws://host:port/path, wss://…, host:port,
:port (this machine) or a port number.

Without types: 1 is an int, 1.0 a float, true false nil are themselves, all else is a string; '"1"' is the string 1.
With types (after a comma, one word for each tag but T F N I [ ]):
  i int   h 64-bit int   f float   d double   s string   S symbol   c character   b blob: hex or @file
  t time: now, +2.5s, a date   r colour: #rrggbbaa   m MIDI: 00903c7f   T true   F false   N nil   I impulse   [ ] list

  --bundle          sends the messages, parted by +, in one bundle
  --at TIME         the bundle's time: now, +2s, +250ms, 2026-10-04T20:00:00Z
  --file FILE       sends the lines of a file: what "oscine dump" prints, readable or --json
  --json            reads JSON lines from standard input where no address is given; shows replies as JSON
  --numbers float   numbers without a type are floats, also 1
  --for RECEIVER    sends what that takes, true as 1 and so on: supercollider, max, puredata, touchdesigner, touchosc, grandma3, x32, vrchat,
                    juce, chuck, csound, liblo, oscpack, python-osc
  --rate N          at most N packets a second
  --repeat N        sends all of it N times
  --wait [MS]       shows replies for so many milliseconds (default ${DEFAULT_WAIT_MS}); exit code 1 where none came
  --count N         with --wait: ends after N replies
  --proto VERSION   for osc.tcp:// and osc.unix://: 1.0 (size before each packet) or 1.1 (SLIP, the default); or as ?framing=1.0 of the URL

Examples:
  oscine send :1337 /hello 1 2.5 text
  oscine send localhost:9000 /mixer/gain ,f 1
  oscine send :57110 /status --wait 500
  oscine send :9000 --at +2s /note/on 60 + /gain ,f 0.5
  oscine dump :9000 --json | oscine send 192.168.1.20:9000 --json`;

/** `oscine send` */
export const SEND: Command = {
  name: "send",
  summary: "sends a message, a bundle or a file, and shows replies",
  help: HELP,
  run: runSend,
};

async function runSend(words: readonly string[], session: Session): Promise<number> {
  const options = readSendOptions(words);
  if (options.source.kind === "words" && options.source.hint !== null) session.err.line(session.err.styled("yellow", options.source.hint));
  const { numbers, receiver } = options;
  const onError = (error: OscError, from?: NetAddress): void => report(session, error, from);
  const client = createSender(options.url, { numbers, onError, ...(receiver === null ? {} : { for: receiver }) });
  try {
    if (options.wait === null) {
      await sendAll(client, options, session);
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
  // Where the socket cannot be opened, the send says so.
  replies.catch(() => undefined);
  await sendAll(client, options, session);
  const timer = setTimeout(() => over.abort(), wait);
  const count = await replies;
  clearTimeout(timer);
  if (count > 0 || session.stop.aborted) return EXIT.success;
  session.err.line(`no reply within ${wait} ms`);
  return EXIT.failure;
}

/** @returns how many came */
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

async function sendAll(client: PacketClient, options: SendOptions, { stop, err }: Session): Promise<void> {
  const { source, rate, repeat } = options;
  // What comes through a pipe comes once.
  const kept = source.kind === "lines" && source.file === "-" && repeat > 1 ? await collect(readLines(source.file, stop)) : null;
  const start = performance.now();
  let sent = 0;
  for (let round = 0; round < repeat && !stop.aborted; round++) {
    for await (const packet of packetsOf(source, kept, options, stop)) {
      if (rate !== null) await sleepUntil(start + (sent * 1000) / rate, stop);
      if (stop.aborted) break;
      await client.send(packet);
      sent += 1;
    }
  }
  if (sent > 1) err.line(`sent ${plural(sent, "packet")} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
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

/** @param time as `performance.now()` says it */
async function sleepUntil(time: number, stop: AbortSignal): Promise<void> {
  const left = time - performance.now();
  if (left > 1) await sleep(left, undefined, { signal: stop }).catch(() => undefined);
}
