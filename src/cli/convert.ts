import { OscRecordingError } from "../errors.ts";
import { UsageError } from "../text/usage-error.ts";
import { type Command, EXIT, report, type Session } from "./command.ts";
import { parseOptions } from "./options.ts";
import { plural } from "./output.ts";
import { createOutput, openInput, readEdit, readInputFormat, readOutputFormat } from "./recordings.ts";

const HELP = `Converts a recording to another format.

Usage: oscine convert [options] IN OUT

IN is JSON lines, a SuperCollider score, oscdump text or a capture (pcap,
pcapng); - is standard input. The file extension of OUT chooses its format:
.jsonl, .osc (a score), .txt (oscdump), .pcapng.

  --format FORMAT      the format of OUT: jsonl, score, oscdump or pcapng
  --from-format FORMAT the format of IN, if it can't be detected
  --match PATTERN      only messages whose address matches; may be repeated
  --rename OLD=NEW     renames the start of addresses; may be repeated
  --quiet              prints only errors

Examples:
  oscine convert capture.pcapng show.jsonl
  oscine convert show.jsonl score.osc
      for scsynth -N score.osc _ out.wav 44100 WAV int16
  oscine convert show.jsonl mixer.txt --match "/mixer/*"`;

/** `oscine convert` */
export const CONVERT: Command = { help: HELP, run: runConvert };

async function runConvert(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("convert", words, {
    format: { type: "string" },
    "from-format": { type: "string" },
    match: { type: "string", multiple: true },
    rename: { type: "string", multiple: true },
    quiet: { type: "boolean" },
  });
  const [input, output] = positionals;
  if (input === undefined || output === undefined || positionals.length > 2) {
    throw new UsageError('convert takes two files, as in "oscine convert capture.pcapng show.jsonl".');
  }
  if (input === output) throw new UsageError(`${output} is both input and output: give OUT another name.`);
  const edit = readEdit(values.match, values.rename);
  const format = readOutputFormat(values.format);
  const recording = await openInput(input, readInputFormat("from-format", values["from-format"]), session);
  const file = await createOutput(output, { ...(format !== undefined && { format }), start: recording.start });
  let refused = 0;
  try {
    for await (const recorded of recording) {
      if (session.stop.aborted) break;
      const data = edit(recorded.data);
      if (data === null) continue;
      try {
        file.write({ ...recorded, data });
        await file.drain();
      } catch (error) {
        if (!(error instanceof OscRecordingError)) throw error;
        refused += 1;
        report(session, error);
      }
    }
  } finally {
    await file.close();
  }
  if (values.quiet !== true) {
    const left = refused === 0 ? "" : `; ${plural(refused, "packet")} can't be written in this format`;
    session.err.line(`${output}: ${plural(file.stats().packets, "packet")} (${file.format})${left}`);
  }
  return refused === 0 ? EXIT.success : EXIT.failure;
}
