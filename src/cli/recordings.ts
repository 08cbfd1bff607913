import { createReadStream } from "node:fs";
import type { BridgeRule } from "../bridge/rule.ts";
import { Rules } from "../bridge/rules.ts";
import { type CreateRecordingOptions, type RecordingFile, createRecording } from "../recording/file.ts";
import { READABLE_FORMATS, WRITABLE_FORMATS } from "../recording/formats.ts";
import { type ReadableFormat, type Recording, type WritableFormat, readRecording } from "../recording/index.ts";
import { UsageError } from "../text/usage-error.ts";
import { readRename } from "./bridge-rules.ts";
import { type Session, report, unwritable } from "./command.ts";
import { asUsage } from "./endpoint.ts";
import { readChoice } from "./options.ts";

/** Reads the value of an option that is the format of what is read. */
export function readInputFormat(option: string, name: string | undefined): ReadableFormat | undefined {
  return name === undefined ? undefined : readChoice(option, name, READABLE_FORMATS);
}

/** Reads `--format` for writing. */
export function readOutputFormat(name: string | undefined): WritableFormat | undefined {
  return name === undefined ? undefined : readChoice("format", name, WRITABLE_FORMATS);
}

/**
 * Opens a recorded file, or standard input for `-`. Reports unreadable parts on standard error.
 *
 * @throws UsageError if it can't be opened, OscRecordingError if its format is unknown
 */
export async function openInput(file: string, format: ReadableFormat | undefined, session: Session): Promise<Recording> {
  const options = { format, onError: (error: Parameters<typeof report>[1]) => report(session, error) };
  try {
    if (file !== "-") return await readRecording(() => createReadStream(file), options);
    // Standard input can be read only once, so keep the bytes read for format detection.
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

/**
 * Creates a file to record into.
 *
 * @throws UsageError if it can't be created
 */
export async function createOutput(path: string, options: CreateRecordingOptions): Promise<RecordingFile> {
  try {
    return await createRecording(path, options);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Applies `--match` and `--rename` to a packet; null if nothing is left. */
export function readEdit(match: readonly string[] | undefined, rename: readonly string[] = []): (packet: Uint8Array) => Uint8Array | null {
  const rules: BridgeRule[] = match === undefined ? [] : [{ only: match }];
  for (const word of rename) rules.push(readRename(word));
  const nothing = (): void => undefined;
  const edit = asUsage(() => new Rules(rules, { onFiltered: nothing, onUnchanged: nothing, onReplaced: nothing, onMalformed: nothing }));
  return (packet) => edit.apply(packet, nothing) ?? null;
}
