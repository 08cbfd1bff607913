import fc from "fast-check";
import { expect, test } from "vitest";
import { READER_SLEEPS, RECORD_HEADER, RingReader, RingWriter, WRITER_WAITS, ringMemory } from "../../src/server/io-thread/shared-ring.ts";

const CAPACITY = 256;
/** The largest payload that always finds room in a ring that has been read. */
const LARGEST = CAPACITY / 2 - RECORD_HEADER;

function ring(capacity = CAPACITY): { writer: RingWriter; reader: RingReader } {
  const memory = ringMemory(capacity);
  return { writer: new RingWriter(memory), reader: new RingReader(memory) };
}

/** Writes a record of that size, filled with that byte. The position, or -1 where there is no room. */
function write(writer: RingWriter, size: number, byte: number, kind = 1): number {
  const at = writer.begin(size);
  if (at === -1) return -1;
  writer.bytes.fill(byte, at, at + size);
  return writer.publish(kind);
}

test("gives records out as they went in, in order, whatever their sizes, across the end of the memory", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(LARGEST), fc.constant("read" as const)), { maxLength: 200 }), (steps) => {
      const { writer, reader } = ring();
      const expected: { size: number; byte: number; kind: number }[] = [];
      let next = 1;
      const read = (): void => {
        const record = expected.shift();
        expect(reader.claim()).toBe(record !== undefined);
        if (record === undefined) return;
        expect(reader.kind).toBe(record.kind);
        expect([...reader.bytes.subarray(reader.payload, reader.payload + record.size)]).toEqual(Array(record.size).fill(record.byte));
        reader.release();
      };
      for (const step of steps) {
        if (step === "read") {
          read();
          continue;
        }
        const record = { size: step, byte: next % 256, kind: 1 + (next % 5) };
        next += 1;
        if (write(writer, record.size, record.byte, record.kind) === -1) {
          // There is no room: so there must be something in it.
          expect(expected.length).toBeGreaterThan(0);
        } else {
          expected.push(record);
        }
      }
      while (expected.length > 0) read();
      expect(reader.claim()).toBe(false);
      expect(writer.isDrained).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("takes no record while it is full, and takes one again when something has been read", () => {
  const { writer, reader } = ring();
  while (write(writer, 56, 1) !== -1);
  expect(writer.isDrained).toBe(false);
  expect(reader.claim()).toBe(true);
  expect(write(writer, 56, 2)).toBe(-1);
  reader.release();
  expect(write(writer, 56, 2)).not.toBe(-1);
  expect(write(writer, 0, 3)).toBe(-1);
});

test("has room for a record of a quarter if half of it is empty, wherever it begins", () => {
  for (let offset = 0; offset < CAPACITY; offset += 8) {
    const { writer, reader } = ring();
    for (let passed = 0; passed < offset; passed += 8) {
      write(writer, 0, 0);
      reader.claim();
      reader.release();
    }
    while (writer.isHalfEmpty) expect(write(writer, CAPACITY / 4 - RECORD_HEADER, 1)).not.toBe(-1);
  }
});

test("takes back a record that hasn't been read, and only that one", () => {
  const { writer, reader } = ring();
  const positions = [1, 2, 3].map((byte) => write(writer, 8, byte));
  expect(reader.claim()).toBe(true);
  expect(writer.cancel(positions[0]!, 1)).toBe(false);
  expect(writer.cancel(positions[1]!, 1)).toBe(true);
  expect(writer.cancel(positions[1]!, 1)).toBe(false);
  reader.release();
  expect(reader.claim()).toBe(true);
  expect(reader.bytes[reader.payload]).toBe(3);
  reader.release();
  expect(reader.claim()).toBe(false);
});

test("doesn't take back the record that is now at a position read long ago", () => {
  const { writer, reader } = ring();
  const first = write(writer, 56, 1);
  for (let round = 0; round < 3; round++) {
    expect(reader.claim()).toBe(true);
    reader.release();
    write(writer, 56, 2);
  }
  expect(reader.claim()).toBe(true);
  reader.release();
  const again = write(writer, 56, 3);
  expect((again - first) % CAPACITY).toBe(0);
  expect(writer.cancel(first, 1)).toBe(false);
  expect(writer.cancel(again, 1)).toBe(true);
});

test("lets one end lower a flag that the other raised, once", () => {
  const { writer, reader } = ring();
  expect(writer.lower(READER_SLEEPS)).toBe(false);
  reader.raise(READER_SLEEPS);
  expect(reader.lower(WRITER_WAITS)).toBe(false);
  expect(writer.lower(READER_SLEEPS)).toBe(true);
  expect(writer.lower(READER_SLEEPS)).toBe(false);
});

test("continues where an earlier writer ended, even in the middle of a record", () => {
  const memory = ringMemory(CAPACITY);
  const reader = new RingReader(memory);
  const read = (): number[] => {
    const kinds: number[] = [];
    for (; reader.claim(); reader.release()) kinds.push(reader.kind);
    return kinds;
  };
  // What is begun has to go behind the end of the memory, in some of the rounds.
  for (let round = 0; round < 20; round += 1) {
    const first = new RingWriter(memory);
    write(first, 72, 1, 1);
    first.begin(88);
    write(new RingWriter(memory), 40, 2, 2);
    expect(read()).toEqual([1, 2]);
  }
});
