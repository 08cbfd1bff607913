import { decodeOrFault, faultsOf } from "../../../codec/decode.ts";
import type { OscMessage, OscPacket, TimeTag } from "../../../codec/index.ts";
import { OscDecodeError } from "../../../errors.ts";
import { flatten } from "../../../text/format.ts";
import type { MessageFilter } from "../../../text/message-filter.ts";
import type { FeedEntry, FeedPacket } from "../../protocol.ts";

/** One line of the list: a message, or something that is wrong. */
export type Row = MessageRow | FaultRow;

export interface MessageRow {
  readonly kind: "message";
  readonly record: ReadEntry;
  readonly message: OscMessage;
  /** Of the innermost bundle around the message; null outside any. */
  readonly timeTag: TimeTag | null;
}

interface FaultRow {
  readonly kind: "fault";
  readonly record: ReadEntry;
  readonly code: string;
  /** What is wrong, for people. */
  readonly reason: string;
}

/** An entry of the feed, and what was read in it. */
export interface ReadEntry {
  readonly entry: FeedEntry;
  /** Null for a problem, and for bytes that cannot be read. */
  readonly packet: OscPacket | null;
  /** Its lines, before any filter. */
  readonly rows: readonly Row[];
  /** About how many bytes it holds, with what was decoded from it. */
  readonly weight: number;
}

/** About how many bytes the objects of a record, of a line and of an argument take. */
const RECORD_BYTES = 400;
const ROW_BYTES = 150;
const ARGUMENT_BYTES = 24;

/** About how many bytes a message holds: arguments of one byte on the wire may take many in memory. */
export function weightOf(message: OscMessage): number {
  return ROW_BYTES + ARGUMENT_BYTES * message.types.length;
}

/** Reads an entry. Never throws: what cannot be read becomes a line that says so. */
export function readEntry(entry: FeedEntry): ReadEntry {
  const rows: Row[] = [];
  if (entry.kind === "problem") {
    const record: ReadEntry = { entry, packet: null, rows, weight: RECORD_BYTES + ROW_BYTES + 2 * entry.message.length };
    rows.push({ kind: "fault", record, code: entry.code, reason: entry.message });
    return record;
  }
  const packet = decodeOrFault(entry.bytes);
  // The texts of a packet take up to two bytes in memory for each of theirs.
  const ownWeight = RECORD_BYTES + 3 * entry.bytes.length;
  if (packet instanceof OscDecodeError) {
    const record: ReadEntry = { entry, packet: null, rows, weight: ownWeight + ROW_BYTES };
    rows.push(faultRow(record, packet));
    return record;
  }
  const messages = flatten(packet);
  const faults = faultsOf(packet);
  const weight = messages.reduce((sum, { message }) => sum + weightOf(message), ownWeight + ROW_BYTES * faults.length);
  const record: ReadEntry = { entry, packet, rows, weight };
  for (const { message, timeTag } of messages) rows.push({ kind: "message", record, message, timeTag });
  for (const fault of faults) rows.push(faultRow(record, fault));
  return record;
}

/** The lines of a record that are wanted. What is wrong has no address to match: it is shown unless something is filtered. */
export function wantedRows(record: ReadEntry, filter: MessageFilter | null): readonly Row[] {
  if (filter === null) return record.rows;
  return record.rows.filter((row) => row.kind === "message" && filter.matches(row.message.address));
}

/** The packet that a record holds, where it holds one. */
export function packetEntry({ entry }: ReadEntry): FeedPacket | null {
  return entry.kind === "packet" ? entry : null;
}

function faultRow(record: ReadEntry, { code, message }: OscDecodeError): FaultRow {
  return { kind: "fault", record, code, reason: message };
}
