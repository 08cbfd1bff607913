import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { RECEIVER_NAMES } from "../client/receivers.ts";
import { decodeOrFault } from "../codec/decode.ts";
import { OscDecodeError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { Player, type RecordedPacket, type Recording } from "../recording/index.ts";
import { flatten } from "../text/format.ts";
import { UsageError } from "../text/usage-error.ts";
import { type Command, EXIT, report, type Session } from "./command.ts";
import { createSender, parseUrl } from "./endpoint.ts";
import { parseOptions, readChoice, readNumberOption } from "./options.ts";
import { MessagePrinter, StatusLine, UNKNOWN_SENDER, plural } from "./output.ts";
import { openInput, readEdit, readInputFormat } from "./recordings.ts";

const HELP = `Plays a recording with its original timing.

Usage: oscine play [options] FILE URL
       oscine play [options] FILE --dry-run

FILE is the output of "oscine record", JSON lines from "oscine dump", a
SuperCollider score, oscdump text or a capture (pcap, pcapng); - is standard
input. URL is the same as for "oscine send". The space bar pauses on a terminal.

  --speed N           playback speed: 2, 0.5
  --loop [N]          repeats forever, or plays N times
  --from S, --to S    plays only this part, in seconds from the beginning
  --match PATTERN     only messages whose address matches; may be repeated
  --rename OLD=NEW    renames the start of addresses: /a=/b; or with wildcards:
                      '/ch/?/gain=/gain/*'; may be repeated
  --for RECEIVER      sends what the receiver accepts, as in "oscine send"
  --rate N            at most N packets per second
  --keep-time-tags    keeps the time tags of bundles as recorded; by default
                      they move with the recording
  --format FORMAT     jsonl, score, oscdump, pcap or pcapng; detected by
                      default
  --dry-run           prints what would be sent, without waiting
  --quiet             prints only errors

Examples:
  oscine play show.jsonl 192.168.1.20:9000
  oscine play show.pcapng :9000 --speed 2 --from 60 --to 90 --loop
  oscine play show.jsonl :9000 --match "/mixer/*" --rename /mixer=/desk
  oscine play score.osc --dry-run`;

/** `oscine play` */
export const PLAY: Command = { help: HELP, run: runPlay };

/** Larger files are played without determining their duration first. */
const MAX_SCAN = 64 * 1024 * 1024;

type Send = (packet: Uint8Array, recorded: RecordedPacket) => void | Promise<void>;

async function runPlay(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("play", withLoopCount(words), {
    speed: { type: "string", default: "1" },
    loop: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    to: { type: "string" },
    match: { type: "string", multiple: true },
    rename: { type: "string", multiple: true },
    for: { type: "string" },
    rate: { type: "string" },
    "keep-time-tags": { type: "boolean" },
    format: { type: "string" },
    "dry-run": { type: "boolean" },
    quiet: { type: "boolean" },
  });
  const [file, target] = positionals;
  const isDry = values["dry-run"] === true;
  if (file === undefined || (target === undefined) !== isDry || positionals.length > 2) {
    throw new UsageError('play takes a file and a URL, as in "oscine play show.jsonl :9000", or --dry-run in place of the URL.');
  }
  const edit = readEdit(values.match, values.rename);
  const range = {
    from: readNumberOption("from", values.from, { least: 0 }) * 1000,
    to: values.to === undefined ? Infinity : readNumberOption("to", values.to, { least: 0 }) * 1000,
  };
  const speed = readPositive("speed", values.speed);
  const times = values.loop === "" ? Infinity : readNumberOption("loop", values.loop, { least: 1, whole: true });
  const rate = values.rate === undefined ? null : readPositive("rate", values.rate);
  const receiver = values.for === undefined ? null : readChoice("for", values.for, RECEIVER_NAMES);
  const recording = await openInput(file, readInputFormat("format", values.format), session);
  if (isDry || target === undefined) return printAll(recording, edit, range, session);

  const onError = (error: OscError, from?: NetAddress): void => report(session, error, from);
  const client = await createSender(parseUrl(target), { numbers: "auto", onError, ...(receiver !== null && { for: receiver }) });
  let sent = 0;
  const send: Send = async (packet) => {
    const wanted = edit(packet);
    if (wanted === null) return;
    const decoded = receiver === null ? null : decodeOrFault(wanted);
    if (decoded instanceof OscDecodeError) return onError(decoded);
    await (decoded === null ? client.sendBytes(wanted) : client.send(decoded));
    sent += 1;
  };
  const timeTags = values["keep-time-tags"] === true ? "keep" : "shift";
  const player = new Player(recording, rate === null ? send : atMost(rate, send, session.stop), { ...range, speed, times, timeTags });
  const length = values.quiet === true || !session.err.isTerminal ? null : await lengthOf(file, recording);
  const status = values.quiet === true ? null : new StatusLine(session.err, () => describe(player, length, sent));
  const stopListening = pauseWithSpace(player);
  try {
    await player.play({ signal: session.stop });
  } finally {
    stopListening();
    status?.close();
    await client.close();
  }
  if (values.quiet !== true) session.err.line(`played ${plural(sent, "packet")}`);
  return EXIT.success;
}

async function printAll(
  recording: Recording,
  edit: (packet: Uint8Array) => Uint8Array | null,
  { from, to }: { readonly from: number; readonly to: number },
  session: Session,
): Promise<number> {
  const printer = new MessagePrinter(session.out);
  let start = recording.start;
  for await (const { time, source, data } of recording) {
    start ??= time;
    if (session.stop.aborted || time - start >= to) break;
    const wanted = time - start < from ? null : edit(data);
    if (wanted === null) continue;
    const packet = decodeOrFault(wanted);
    if (packet instanceof OscDecodeError) report(session, packet);
    else for (const { message, timeTag } of flatten(packet)) printer.print(message, timeTag, source ?? UNKNOWN_SENDER, time);
  }
  return EXIT.success;
}

/** Allows `--loop` without a value, which `parseArgs` doesn't support. */
function withLoopCount(words: readonly string[]): string[] {
  return words.map((word, index) => (word === "--loop" && !/^\d+$/.test(words[index + 1] ?? "") ? "--loop=" : word));
}

function readPositive(name: string, text: string): number {
  const value = readNumberOption(name, text, { least: 0 });
  if (value > 0) return value;
  throw new UsageError(`--${name} must be more than 0; got "${text}".`);
}

function atMost(rate: number, send: Send, signal: AbortSignal): Send {
  let next = performance.now();
  return async (packet, recorded) => {
    const left = next - performance.now();
    if (left > 0) await sleep(left, undefined, { signal }).catch(() => undefined);
    next = Math.max(next, performance.now() - 1000) + 1000 / rate;
    await send(packet, recorded);
  };
}

/** The duration in milliseconds; null if the recording is too large to scan or can be read only once. */
async function lengthOf(file: string, recording: Recording): Promise<number | null> {
  if (file === "-" || statSync(file).size > MAX_SCAN) return null;
  let start = recording.start;
  let end = start ?? 0;
  for await (const { time } of recording) {
    start ??= time;
    end = Math.max(end, time);
  }
  return end - (start ?? 0);
}

const BAR_WIDTH = 24;

function describe(player: Player, length: number | null, sent: number): string {
  const { position, state } = player;
  const filled = length === null || length === 0 ? 0 : Math.min(BAR_WIDTH, Math.round((position / length) * BAR_WIDTH));
  const bar = length === null ? "" : `${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)} `;
  const total = length === null ? "" : ` / ${clock(length)}`;
  return `${state === "paused" ? "paused " : ""}${bar}${clock(position)}${total}, ${plural(sent, "packet")}`;
}

function clock(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Pauses and resumes with the space bar on a terminal. Returns a function that stops listening for it. */
function pauseWithSpace(player: Player): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  const onKey = (keys: Buffer): void => {
    for (const key of keys.toString("latin1")) {
      if (key === " ") {
        if (player.state === "paused") player.resume();
        else player.pause();
      }
      // In raw mode, the terminal doesn't turn Ctrl-C into a signal.
      if (key === "\u0003") process.kill(process.pid, "SIGINT");
    }
  };
  stdin.setRawMode(true);
  stdin.on("data", onKey);
  return () => {
    stdin.off("data", onKey);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
