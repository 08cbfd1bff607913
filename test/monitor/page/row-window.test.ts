import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag } from "../../../src/codec/index.ts";
import { type Row, readEntry } from "../../../src/monitor/page/rows.ts";
import { RowWindow } from "../../../src/monitor/page/rows.ts";
import { MessageFilter } from "../../../src/text/message-filter.ts";
import { packetEntry } from "./entries.ts";

const MUCH = 1e9;

function windowOf(addresses: readonly string[], maxRecords: number = MUCH): RowWindow {
  const window = new RowWindow({ maxRecords, maxBytes: MUCH });
  add(window, addresses);
  return window;
}

function add(window: RowWindow, addresses: readonly string[]): void {
  for (const address of addresses) window.add(readEntry(packetEntry(1, new OscMessage(address))));
}

function shown(window: RowWindow): (string | undefined)[] {
  const rows: (string | undefined)[] = [];
  for (let position = window.start; position < window.shownEnd; position += 1) rows.push(nameOf(window.at(position)));
  return rows;
}

function nameOf(row: Row | undefined): string | undefined {
  return row?.kind === "message" ? row.message.address : row?.code;
}

describe("an entry", () => {
  test("of a bundle has a row for each message, with the innermost bundle's time tag", () => {
    const inner = new OscBundle(new OscMessage("/b"), new TimeTag(2, 2));
    const { rows } = readEntry(packetEntry(1, new OscBundle([new OscMessage("/a"), inner], new TimeTag(1, 2))));
    expect(rows.map((row) => row.kind === "message" && [row.message.address, row.timeTag?.seconds])).toEqual([
      ["/a", 1],
      ["/b", 2],
    ]);
  });

  test("that can't be decoded has a row with the reason", () => {
    const { rows, packet } = readEntry(packetEntry(1, new TextEncoder().encode("junk")));
    expect(packet).toBeNull();
    expect(rows).toMatchObject([{ kind: "fault", code: "OSC_BAD_ADDRESS", reason: expect.stringContaining("at byte 0") as string }]);
  });

  test("decoded with faults has rows for message and fault", () => {
    // One string argument whose padding is not NUL.
    const bytes = new TextEncoder().encode("/a\0\0,s\0\0ab\0x");
    expect(readEntry(packetEntry(1, bytes)).rows.map(nameOf)).toEqual(["/a", "OSC_BAD_PADDING"]);
  });

  test("of a problem has a row with its code", () => {
    const problem = { kind: "problem", number: 1, time: 5, from: "", code: "EADDRINUSE", message: "taken" } as const;
    expect(readEntry(problem).rows).toMatchObject([{ kind: "fault", code: "EADDRINUSE", reason: "taken" }]);
  });
});

describe("the window of rows", () => {
  test("discards and counts the oldest records, and keeps positions", () => {
    const window = windowOf(["/1", "/2", "/3"], 3);
    const second = window.at(1);
    for (let number = 4; number <= 100; number += 1) {
      add(window, [`/${number}`]);
      expect(shown(window)).toEqual([`/${number - 2}`, `/${number - 1}`, `/${number}`]);
      expect(window.start).toBe(number - 3);
      expect(window.positionOf(window.at(number - 1) as Row)).toBe(number - 1);
    }
    expect(window.gone).toBe(97);
    expect(window.at(1)).toBeUndefined();
    expect(window.positionOf(second as Row)).toBeNull();
  });

  test("is limited in bytes, but always keeps the newest record", () => {
    const { weight } = readEntry(packetEntry(1, new OscMessage("/a")));
    const window = new RowWindow({ maxRecords: MUCH, maxBytes: 2.5 * weight });
    add(window, ["/a", "/b", "/c"]);
    expect(shown(window)).toEqual(["/b", "/c"]);
    add(window, [`/${"long".repeat(1000)}`]);
    expect(window.size).toBe(1);
  });

  test("counts the memory of arguments, not only their size on the wire", () => {
    const many = readEntry(
      packetEntry(
        1,
        new OscMessage(
          "/a",
          Array.from({ length: 10_000 }, () => true),
        ),
      ),
    );
    const few = readEntry(packetEntry(1, new OscMessage("/a", "x".repeat(10_000))));
    expect(many.weight).toBeGreaterThan(240_000);
    expect(few.weight).toBeLessThan(60_000);
  });

  test("applies the filter to existing and new records", () => {
    const window = windowOf(["/mixer/1/gain", "/other", "/mixer/2"]);
    window.add(readEntry(packetEntry(1, new TextEncoder().encode("junk"))));
    window.setFilter(new MessageFilter(["/mixer/*"]));
    expect(shown(window)).toEqual(["/mixer/1/gain", "/mixer/2"]);
    add(window, ["/mixer/3", "/no"]);
    expect(shown(window)).toEqual(["/mixer/1/gain", "/mixer/2", "/mixer/3"]);
    window.setFilter(null);
    expect(shown(window)).toEqual(["/mixer/1/gain", "/other", "/mixer/2", "OSC_BAD_ADDRESS", "/mixer/3", "/no"]);
  });

  test("also discards rows that the filter hides", () => {
    const window = windowOf([], 2);
    window.setFilter(new MessageFilter(["/a"]));
    add(window, ["/a", "/b", "/b", "/a"]);
    expect(shown(window)).toEqual(["/a"]);
    expect(window.gone).toBe(2);
  });

  test("shows only old rows while frozen, with any filter, and all rows afterwards", () => {
    const window = windowOf(["/a", "/b"]);
    window.freeze();
    add(window, ["/a", "/b"]);
    expect(shown(window)).toEqual(["/a", "/b"]);
    expect(window.end - window.shownEnd).toBe(2);
    window.setFilter(new MessageFilter(["/b"]));
    expect(shown(window)).toEqual(["/b"]);
    window.setFilter(null);
    expect(shown(window)).toEqual(["/a", "/b"]);
    window.thaw();
    expect(shown(window)).toEqual(["/a", "/b", "/a", "/b"]);
  });

  test("shows nothing rather than newer rows if overrun while frozen", () => {
    const window = windowOf(["/a"], 2);
    window.freeze();
    add(window, ["/b", "/c", "/d"]);
    expect(shown(window)).toEqual([]);
    window.clear();
    add(window, ["/e"]);
    expect(shown(window)).toEqual([]);
    window.thaw();
    expect(shown(window)).toEqual(["/e"]);
  });
});
