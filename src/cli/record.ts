import { statSync } from "node:fs";
import { OscRecordingError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { RecordingFile } from "../recording/file.ts";
import { UsageError } from "../text/usage-error.ts";
import type { Transport } from "../transport/transport.ts";
import { aborted, type Command, EXIT, report, type Session, unwritable } from "./command.ts";
import { boundUrl, createListener, parseUrl, shownUrl } from "./endpoint.ts";
import { parseOptions, readNumberOption } from "./options.ts";
import { StatusLine, plural } from "./output.ts";
import { createOutput, readEdit, readOutputFormat } from "./recordings.ts";

const HELP = `Records the exact bytes of what arrives into a file, with time and sender.

Usage: oscine record [options] URL… -o FILE

Takes the same URLs as "oscine dump". "oscine play" plays the file.

  -o, --output FILE   the file to write; its extension chooses the format:
                        .jsonl    one JSON object per packet (default)
                        .osc      a SuperCollider score, for scsynth -N
                        .txt      text for liblo's oscdump and oscsendfile
                        .pcapng   a capture, for Wireshark
  --format FORMAT     jsonl, score, oscdump or pcapng, overriding the extension
  --force             overwrites an existing file
  --match PATTERN     only messages whose address matches; * also matches
                      slashes, as in "/mixer/*"; may be repeated
  --duration S        stops after S seconds
  --max-size SIZE     starts another file after SIZE bytes, such as 500k, 10M or
                      2G: show.jsonl, show.1.jsonl, show.2.jsonl
  --origin ORIGIN     a page that may connect to ws://; may be repeated
  --quiet             prints only errors

Ctrl-C stops it. A killed process loses at most its last moments.

Examples:
  oscine record :9000 -o show.jsonl
  oscine record :9000 osc.tcp://:9001 -o show.pcapng --duration 3600
  oscine record :9000 --match "/cue/*" -o cues.osc`;

/** `oscine record` */
export const RECORD: Command = { help: HELP, run: runRecord };

async function runRecord(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("record", words, {
    output: { type: "string", short: "o" },
    format: { type: "string" },
    force: { type: "boolean" },
    match: { type: "string", multiple: true },
    duration: { type: "string" },
    "max-size": { type: "string" },
    origin: { type: "string", multiple: true },
    quiet: { type: "boolean" },
  });
  const { output } = values;
  if (positionals.length === 0 || output === undefined) {
    throw new UsageError('record takes URLs to listen on and a file to write, as in "oscine record :9000 -o show.jsonl".');
  }
  const urls = positionals.map(parseUrl);
  const edit = readEdit(values.match);
  const duration = values.duration === undefined ? null : readNumberOption("duration", values.duration, { least: 0 });
  const format = readOutputFormat(values.format);
  const maxSize = values["max-size"] === undefined ? null : readSize(values["max-size"]);
  if (values.force !== true && exists(output))
    throw new UsageError(`${output} already exists. Choose another name, or add --force to replace it.`);

  const file = await createOutput(output, { ...(format !== undefined && { format }), maxSize });
  const listeners: Transport[] = [];
  const failure = new AbortController();
  const started = performance.now();
  const status = values.quiet === true ? null : new StatusLine(session.err, () => statusOf(file, started));
  try {
    for (const url of urls) {
      const onError = (error: OscError, from?: NetAddress): void => report(session, error, from);
      const record = (data: Uint8Array, source: NetAddress): void => {
        const wanted = edit(data);
        if (wanted === null) return;
        try {
          file.write({ time: Date.now(), source, destination, transport: url.transport, data: wanted });
        } catch (error) {
          if (error instanceof OscRecordingError) onError(error, source);
          else failure.abort(error);
        }
      };
      let destination: NetAddress | null = null;
      const listener = await createListener(url, { onPacket: record, onError }, values.origin ?? []);
      destination = await listener.open();
      listeners.push(listener);
      if (values.quiet !== true)
        session.err.line(`Recording ${shownUrl(boundUrl(url, destination))} into ${output} (${file.format}). Ctrl-C ends it.`);
    }
    const signals = [session.stop, failure.signal];
    if (duration !== null) signals.push(AbortSignal.timeout(duration * 1000));
    await aborted(AbortSignal.any(signals));
  } finally {
    status?.close();
    await Promise.all(listeners.map((listener) => listener.close()));
    await file.close().catch((error: unknown) => failure.abort(error));
  }
  if (failure.signal.aborted) throw unwritable(output, failure.signal.reason);
  if (values.quiet !== true) session.err.line(session.err.styled("bold", statusOf(file, started)));
  return EXIT.success;
}

function exists(path: string): boolean {
  // Writing to a device such as /dev/stdout is fine.
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1000],
  ["m", 1000 ** 2],
  ["g", 1000 ** 3],
]);

function readSize(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)([kmg]?)b?$/i.exec(text) ?? [];
  const size = Math.round(Number(digits) * (UNITS.get(unit.toLowerCase()) ?? Number.NaN));
  if (digits !== "" && size >= 1) return size;
  throw new UsageError(`--max-size must be a number of bytes such as 500k, 10M or 2G; got "${text}".`);
}

function statusOf(file: RecordingFile, started: number): string {
  const { packets, bytes, dropped, files } = file.stats();
  const seconds = (performance.now() - started) / 1000;
  const size = bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const more = [files > 1 ? `${files} files` : "", dropped > 0 ? `${plural(dropped, "packet")} dropped: the disk is too slow` : ""];
  return [plural(packets, "packet"), `${(packets / Math.max(seconds, 0.001)).toFixed(1)}/s`, size, `${seconds.toFixed(0)} s`, ...more]
    .filter((part) => part !== "")
    .join(", ");
}
