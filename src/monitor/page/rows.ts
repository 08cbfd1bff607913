import { decodeOrFault, faultsOf } from "../../codec/decode.ts";
import type { OscMessage, OscPacket, TimeTag } from "../../codec/index.ts";
import { OscDecodeError } from "../../errors.ts";
import { flatten, formatValue, taggedValues } from "../../text/format.ts";
import type { MessageFilter } from "../../text/message-filter.ts";
import type { FeedEntry, FeedPacket } from "../protocol.ts";

/** One row of the list: a message or a fault. */
export type Row = MessageRow | FaultRow;

export interface MessageRow {
  readonly kind: "message";
  readonly record: ReadEntry;
  readonly message: OscMessage;
  /** The time tag of the innermost enclosing bundle; null outside a bundle. */
  readonly timeTag: TimeTag | null;
}

interface FaultRow {
  readonly kind: "fault";
  readonly record: ReadEntry;
  readonly code: string;
  /** The reason, as readable text. */
  readonly reason: string;
}

/** A feed entry and its decoded content. */
export interface ReadEntry {
  readonly entry: FeedEntry;
  /** Null for a problem or undecodable bytes. */
  readonly packet: OscPacket | null;
  /** Its rows before filtering. */
  readonly rows: readonly Row[];
  /** Its approximate size in bytes, including decoded content. */
  readonly weight: number;
}

/** Approximate size in bytes of the objects of a record, a row and an argument. */
const RECORD_BYTES = 400;
const ROW_BYTES = 150;
const ARGUMENT_BYTES = 24;

/** The approximate size of a message in memory: arguments of one byte on the wire may take many. */
export function weightOf(message: OscMessage): number {
  return ROW_BYTES + ARGUMENT_BYTES * message.types.length;
}

/** Decodes an entry. Never throws: undecodable bytes become a fault row. */
export function readEntry(entry: FeedEntry): ReadEntry {
  const rows: Row[] = [];
  if (entry.kind === "problem") {
    const record: ReadEntry = { entry, packet: null, rows, weight: RECORD_BYTES + ROW_BYTES + 2 * entry.message.length };
    rows.push({ kind: "fault", record, code: entry.code, reason: entry.message });
    return record;
  }
  const packet = decodeOrFault(entry.bytes);
  // Strings take up to two bytes in memory per byte on the wire.
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

/** The rows of a record that pass the filter. Faults have no address, so any filter hides them. */
function wantedRows(record: ReadEntry, filter: MessageFilter | null): readonly Row[] {
  if (filter === null) return record.rows;
  return record.rows.filter((row) => row.kind === "message" && filter.matches(row.message.address));
}

/** The packet of a record, or null. */
export function packetEntry({ entry }: ReadEntry): FeedPacket | null {
  return entry.kind === "packet" ? entry : null;
}

function faultRow(record: ReadEntry, { code, message }: OscDecodeError): FaultRow {
  return { kind: "fault", record, code, reason: message };
}

/** Limits of what the page keeps. */
export interface MemoryBounds {
  readonly maxRecords: number;
  /** Of all records, including their decoded content. */
  readonly maxBytes: number;
}

/**
 * The records that the page keeps, and their rows that pass the filter. Beyond a limit, the oldest are removed. Rows keep their positions: positions only
 * grow.
 */
export class RowWindow {
  /** Number of records removed because of the limits. */
  gone = 0;
  readonly #bounds: MemoryBounds;
  #records: ReadEntry[] = [];
  #rows: Row[] = [];
  /** Indexes of the oldest remaining elements in the two arrays. */
  #firstRecord = 0;
  #firstRow = 0;
  /** Number of rows removed from the array, to keep positions stable. */
  #rowsGone = 0;
  #bytes = 0;
  #filter: MessageFilter | null = null;
  /** The newest record and the end when the window was frozen. */
  #frozen: { readonly record: ReadEntry | undefined; end: number } | null = null;

  constructor(bounds: MemoryBounds) {
    this.#bounds = bounds;
  }

  /** The position of the oldest row. */
  get start(): number {
    return this.#rowsGone + this.#firstRow;
  }

  /** The position after the newest row. */
  get end(): number {
    return this.#rowsGone + this.#rows.length;
  }

  /** The position after the newest row to show: the end, or where it was when the window was frozen. */
  get shownEnd(): number {
    return this.#frozen === null ? this.end : Math.max(this.#frozen.end, this.start);
  }

  get isFrozen(): boolean {
    return this.#frozen !== null;
  }

  /** Number of records kept. */
  get size(): number {
    return this.#records.length - this.#firstRecord;
  }

  /** The row at a position; undefined if it was removed or doesn't exist yet. */
  at(position: number): Row | undefined {
    return position < this.start ? undefined : this.#rows[position - this.#rowsGone];
  }

  /** The position of a row, or null if the filter hides it. */
  positionOf(row: Row): number | null {
    const index = this.#rows.indexOf(row, this.#firstRow);
    return index === -1 ? null : index + this.#rowsGone;
  }

  /** The kept records, oldest first. */
  records(): readonly ReadEntry[] {
    return this.#records.slice(this.#firstRecord);
  }

  add(record: ReadEntry): void {
    this.#records.push(record);
    this.#bytes += record.weight;
    for (const row of wantedRows(record, this.#filter)) this.#rows.push(row);
    while (this.size > 1 && (this.size > this.#bounds.maxRecords || this.#bytes > this.#bounds.maxBytes)) this.#removeOldest();
  }

  /** Keeps new records but doesn't show them until {@link thaw}. */
  freeze(): void {
    this.#frozen ??= { record: this.#records.at(-1), end: this.end };
  }

  /** Shows only records up to a time, in milliseconds since 1970. The records must be sorted by time. */
  showUntil(time: number): void {
    const isShown = (record: ReadEntry): boolean => record.entry.time <= time;
    const end = this.#rowsGone + this.#rows.findLastIndex((row) => isShown(row.record)) + 1;
    this.#frozen = { record: this.#records.findLast(isShown), end };
  }

  thaw(): void {
    this.#frozen = null;
  }

  /** Sets the filter; null shows all rows. Positions continue after the last one. */
  setFilter(filter: MessageFilter | null): void {
    this.#filter = filter;
    this.#rowsGone = this.end;
    this.#firstRow = 0;
    this.#rows = [];
    if (this.#frozen !== null) this.#frozen.end = this.end;
    for (const record of this.records()) {
      for (const row of wantedRows(record, filter)) this.#rows.push(row);
      if (record === this.#frozen?.record) this.#frozen.end = this.end;
    }
  }

  /** Removes everything. */
  clear(): void {
    this.#rowsGone = this.end;
    this.#records = [];
    this.#rows = [];
    this.#firstRecord = 0;
    this.#firstRow = 0;
    this.#bytes = 0;
    this.gone = 0;
    if (this.#frozen !== null) this.#frozen = { record: undefined, end: this.end };
  }

  #removeOldest(): void {
    const record = this.#records[this.#firstRecord]!;
    this.#firstRecord += 1;
    this.#bytes -= record.weight;
    this.gone += 1;
    while (this.#rows[this.#firstRow]?.record === record) this.#firstRow += 1;
    if (this.#firstRecord * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#firstRecord);
      this.#firstRecord = 0;
      this.#rows = this.#rows.slice(this.#firstRow);
      this.#rowsGone += this.#firstRow;
      this.#firstRow = 0;
    }
  }
}

const NAMES: Readonly<{ [tag: string]: string }> = {
  i: "int",
  f: "float",
  s: "string",
  b: "blob",
  h: "64-bit int",
  t: "time tag",
  d: "double",
  S: "symbol",
  c: "character",
  r: "colour",
  m: "MIDI",
  T: "true",
  F: "false",
  N: "nil",
  I: "impulse",
  "[": "array begins",
  "]": "array ends",
};

/** An argument in readable form. */
export interface ShownArgument {
  readonly tag: string;
  /** The name of the type. */
  readonly type: string;
  /** The value as text; empty if the type implies it. */
  readonly text: string;
}

/** The arguments of a message one by one, with arrays flattened between brackets. */
export function argumentList(message: OscMessage): ShownArgument[] {
  return Array.from(taggedValues(message), ([tag, value]) => {
    return { tag, type: NAMES[tag] ?? "unknown", text: value === undefined ? "" : formatValue(tag, value) };
  });
}

/** The visible rows of a list. */
export interface ScrollRange {
  /** The first row to draw. */
  readonly first: number;
  /** The row after the last one to draw. */
  readonly end: number;
}

/** Extra rows drawn above and below the visible ones, to avoid blanks while scrolling. */
const MARGIN = 4;

/** Which of `count` rows are visible in a viewport of this height, scrolled to `top` pixels. */
export function scrollRange(top: number, height: number, rowHeight: number, count: number): ScrollRange {
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight) - MARGIN));
  const end = Math.max(first, Math.min(count, Math.ceil((top + height) / rowHeight) + MARGIN));
  return { first, end };
}

/** The scroll position that makes a row fully visible; null if it already is. */
export function scrollToShow(row: number, top: number, height: number, rowHeight: number): number | null {
  const rowTop = row * rowHeight;
  if (rowTop < top) return rowTop;
  if (rowTop + rowHeight > top + height) return rowTop + rowHeight - height;
  return null;
}
