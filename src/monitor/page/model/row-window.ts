import type { MessageFilter } from "../../../text/message-filter.ts";
import { type ReadEntry, type Row, wantedRows } from "./read-entry.ts";

/** How much the page remembers. */
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
  /** Records that were forgotten because there were too many. */
  forgotten = 0;
  readonly #bounds: MemoryBounds;
  #records: ReadEntry[] = [];
  #rows: Row[] = [];
  /** Places in the two arrays before which everything is forgotten. */
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

  /** How many records are remembered. */
  get size(): number {
    return this.#records.length - this.#firstRecord;
  }

  /** The line at a position; undefined where it is forgotten, or not there yet. */
  at(position: number): Row | undefined {
    return position < this.start ? undefined : this.#rows[position - this.#rowsGone];
  }

  /** The position of a line, or null where it is not among those that are wanted. */
  positionOf(row: Row): number | null {
    const index = this.#rows.indexOf(row, this.#firstRow);
    return index === -1 ? null : index + this.#rowsGone;
  }

  /** Those that are remembered, the oldest first. */
  records(): readonly ReadEntry[] {
    return this.#records.slice(this.#firstRecord);
  }

  add(record: ReadEntry): void {
    this.#records.push(record);
    this.#bytes += record.weight;
    for (const row of wantedRows(record, this.#filter)) this.#rows.push(row);
    while (this.size > 1 && (this.size > this.#bounds.maxRecords || this.#bytes > this.#bounds.maxBytes)) this.#forgetOldest();
  }

  /** What arrives from now on is remembered, and not shown before {@link thaw}. */
  freeze(): void {
    this.#frozen ??= { record: this.#records.at(-1), end: this.end };
  }

  thaw(): void {
    this.#frozen = null;
  }

  /** Chooses anew which lines are wanted: null for all. Their positions begin after all that there were. */
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

  /** Forgets everything. */
  clear(): void {
    this.#rowsGone = this.end;
    this.#records = [];
    this.#rows = [];
    this.#firstRecord = 0;
    this.#firstRow = 0;
    this.#bytes = 0;
    this.forgotten = 0;
    if (this.#frozen !== null) this.#frozen = { record: undefined, end: this.end };
  }

  #forgetOldest(): void {
    const record = this.#records[this.#firstRecord]!;
    this.#firstRecord += 1;
    this.#bytes -= record.weight;
    this.forgotten += 1;
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
