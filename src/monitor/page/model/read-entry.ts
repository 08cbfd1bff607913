import { decodeOrFault, faultsOf } from "../../../codec/decode.ts";
import type { OscMessage, OscPacket, TimeTag } from "../../../codec/index.ts";
import { OscDecodeError } from "../../../errors.ts";
import { flatten } from "../../../text/format.ts";
import type { MessageFilter } from "../../../text/message-filter.ts";
import type { FeedEntry, FeedPacket } from "../../feed-protocol.ts";

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
}

/** Reads an entry. Never throws: what cannot be read becomes a line that says so. */
export function readEntry(entry: FeedEntry): ReadEntry {
  const rows: Row[] = [];
  if (entry.kind === "problem") {
    const record: ReadEntry = { entry, packet: null, rows };
    rows.push({ kind: "fault", record, code: entry.code, reason: entry.message });
    return record;
  }
  const packet = decodeOrFault(entry.bytes);
  if (packet instanceof OscDecodeError) {
    const record: ReadEntry = { entry, packet: null, rows };
    rows.push(faultRow(record, packet));
    return record;
  }
  const record: ReadEntry = { entry, packet, rows };
  for (const { message, timeTag } of flatten(packet)) rows.push({ kind: "message", record, message, timeTag });
  for (const fault of faultsOf(packet)) rows.push(faultRow(record, fault));
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
