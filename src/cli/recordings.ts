import { createReadStream } from "node:fs";
import type { BridgeRule } from "../bridge/rule.ts";
import { Rules } from "../bridge/rules.ts";
import { READABLE_FORMATS, WRITABLE_FORMATS } from "../recording/formats.ts";
import { type ReadableFormat, type Recording, type WritableFormat, readRecording } from "../recording/index.ts";
import { UsageError } from "../text/usage-error.ts";
import { type Session, report } from "./command.ts";
import { asUsage } from "./endpoint.ts";
import { readChoice } from "./options.ts";

/** The formats that a recording can be read in, by name. */
export const READABLE: ReadonlyMap<string, ReadableFormat> = new Map(READABLE_FORMATS.map((format) => [format, format]));
const WRITABLE: ReadonlyMap<string, WritableFormat> = new Map(WRITABLE_FORMATS.map((format) => [format, format]));

/** Reads the value of `--format`, for what is written. */
export function readWritableFormat(name: string | undefined): WritableFormat | undefined {
  return name === undefined ? undefined : readChoice("format", name, WRITABLE);
}

/**
 * Opens a recording in a file, `-` for standard input. What can't be read of it is reported on standard error.
 *
 * @throws UsageError if it can't be opened, OscRecordingError if it is in no known format
 */
export async function openInput(file: string, format: ReadableFormat | undefined, session: Session): Promise<Recording> {
  const options = { format, onError: (error: Parameters<typeof report>[1]) => report(session, error) };
  try {
    if (file !== "-") return await readRecording(() => createReadStream(file), options);
    // Standard input can be read only once, so the bytes that tell the format are kept for the packets.
    const input = process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    const first = await input.next();
    const begin = first.done === true ? [] : [first.value];
    let isOpened = format !== undefined;
    return await readRecording(async function* () {
      yield* begin;
      if (isOpened) for (let next = await input.next(); next.done !== true; next = await input.next()) yield next.value;
      isOpened = true;
    }, options);
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw new UsageError(`${file} can't be read: ${error.message}`);
    throw error;
  }
}

/** What `--match` and `--rename` leave of a packet; null for nothing. */
export function readEdit(match: readonly string[] | undefined, rename: readonly string[] = []): (packet: Uint8Array) => Uint8Array | null {
  const rules: BridgeRule[] = match === undefined ? [] : [{ only: match }];
  for (const word of rename) {
    const at = word.indexOf("=");
    if (at === -1) throw new UsageError(`--rename must be an old and a new address, as in /a=/b; got "${word}".`);
    rules.push({ rename: word.slice(0, at), to: word.slice(at + 1) });
  }
  const nothing = (): void => undefined;
  const edit = asUsage(() => new Rules(rules, { onFiltered: nothing, onUnchanged: nothing, onReplaced: nothing, onMalformed: nothing }));
  return (packet) => edit.apply(packet, nothing) ?? null;
}
