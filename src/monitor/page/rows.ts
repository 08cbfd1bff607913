import { decodeOrFault, faultsOf } from "../../codec/decode.ts";
import type { OscMessage, OscPacket, OscValue, TimeTag } from "../../codec/index.ts";
import { OscDecodeError } from "../../errors.ts";
import { flatten, formatValue } from "../../text/format.ts";
import type { MessageFilter } from "../../text/message-filter.ts";
import type { FeedEntry, FeedPacket } from "../protocol.ts";

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
  /** The reason, for people. */
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

/** The lines of a record that pass the filter. Faults have no address to match, so any filter hides them. */
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

/** How much the page keeps. */
export interface MemoryBounds {
  readonly maxRecords: number;
  /** Of the records together, with what was decoded from them. */
  readonly maxBytes: number;
}

/**
 * The records that the page keeps and, of their lines, those that the filter wants. The oldest go when a limit is reached. A line keeps its position
 * meanwhile: positions only grow.
 */
export class RowWindow {
  /** Records that are no longer kept because there were too many. */
  gone = 0;
  readonly #bounds: MemoryBounds;
  #records: ReadEntry[] = [];
  #rows: Row[] = [];
  /** Indexes in the two arrays before which everything is gone. */
  #firstRecord = 0;
  #firstRow = 0;
  /** Lines that have left the array, so that positions stay what they are. */
  #rowsGone = 0;
  #bytes = 0;
  #filter: MessageFilter | null = null;
  /** What was the newest when the window was frozen. */
  #frozen: { readonly record: ReadEntry | undefined; end: number } | null = null;

  constructor(bounds: MemoryBounds) {
    this.#bounds = bounds;
  }

  /** The position of the oldest line there is. */
  get start(): number {
    return this.#rowsGone + this.#firstRow;
  }

  /** The position after the newest line. */
  get end(): number {
    return this.#rowsGone + this.#rows.length;
  }

  /** The position after the newest line to show: the end, or where it was when the window was frozen. */
  get shownEnd(): number {
    return this.#frozen === null ? this.end : Math.max(this.#frozen.end, this.start);
  }

  get isFrozen(): boolean {
    return this.#frozen !== null;
  }

  /** How many records are kept. */
  get size(): number {
    return this.#records.length - this.#firstRecord;
  }

  /** The line at a position; undefined if it is gone, or not there yet. */
  at(position: number): Row | undefined {
    return position < this.start ? undefined : this.#rows[position - this.#rowsGone];
  }

  /** The position of a line, or null if the filter hides it. */
  positionOf(row: Row): number | null {
    const index = this.#rows.indexOf(row, this.#firstRow);
    return index === -1 ? null : index + this.#rowsGone;
  }

  /** The records that are kept, the oldest first. */
  records(): readonly ReadEntry[] {
    return this.#records.slice(this.#firstRecord);
  }

  add(record: ReadEntry): void {
    this.#records.push(record);
    this.#bytes += record.weight;
    for (const row of wantedRows(record, this.#filter)) this.#rows.push(row);
    while (this.size > 1 && (this.size > this.#bounds.maxRecords || this.#bytes > this.#bounds.maxBytes)) this.#removeOldest();
  }

  /** Keeps what arrives from now on, but does not show it before {@link thaw}. */
  freeze(): void {
    this.#frozen ??= { record: this.#records.at(-1), end: this.end };
  }

  /** Shows only what is not later than that, in milliseconds since 1970. The records must be in the order of their times. */
  showUntil(time: number): void {
    const isShown = (record: ReadEntry): boolean => record.entry.time <= time;
    const end = this.#rowsGone + this.#rows.findLastIndex((row) => isShown(row.record)) + 1;
    this.#frozen = { record: this.#records.findLast(isShown), end };
  }

  thaw(): void {
    this.#frozen = null;
  }

  /** Sets the filter, null for all lines. Positions continue after the last one. */
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

/** An argument for people. */
export interface ShownArgument {
  readonly tag: string;
  /** What the type tag means. */
  readonly type: string;
  /** The value as a word; empty if the type says it all. */
  readonly text: string;
}

/** The arguments of a message one by one, those of arrays between their brackets. */
export function argumentList({ types, args }: OscMessage): ShownArgument[] {
  const shown: ShownArgument[] = [];
  const enclosing: Iterator<OscValue>[] = [];
  let values: Iterator<OscValue> = args[Symbol.iterator]();
  for (const tag of types) {
    let text = "";
    if (tag === "]") values = enclosing.pop() ?? values;
    else {
      const value = values.next().value as OscValue;
      if (tag === "[") {
        enclosing.push(values);
        values = (value as readonly OscValue[])[Symbol.iterator]();
      } else {
        text = formatValue(tag, value);
      }
    }
    shown.push({ tag, type: NAMES[tag] ?? "unknown", text });
  }
  return shown;
}

/** Which rows of a list are visible. */
export interface ScrollRange {
  /** The first row to draw. */
  readonly first: number;
  /** The row after the last to draw. */
  readonly end: number;
}

/** Rows drawn above and below what is seen, so that nothing is blank while scrolling. */
const MARGIN = 4;

/** Which of `count` rows of one height a part of that height shows, `top` pixels from the beginning. */
export function scrollRange(top: number, height: number, rowHeight: number, count: number): ScrollRange {
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight) - MARGIN));
  const end = Math.max(first, Math.min(count, Math.ceil((top + height) / rowHeight) + MARGIN));
  return { first, end };
}

/** Where to scroll to so that a whole row is visible; null if it already is. */
export function scrollToShow(row: number, top: number, height: number, rowHeight: number): number | null {
  const rowTop = row * rowHeight;
  if (rowTop < top) return rowTop;
  if (rowTop + rowHeight > top + height) return rowTop + rowHeight - height;
  return null;
}
