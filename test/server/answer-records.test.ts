import fc from "fast-check";
import { expect, test } from "vitest";
import { AnswerReader, AnswerWriter, BY_PORT, HANDLED, REPLY } from "../../src/server/crossing/answer-records.ts";
import { RingReader, RingWriter, ringMemory } from "../../src/server/crossing/shared-ring.ts";

const CAPACITY = 512;

function ring(): { writer: AnswerWriter; reader: AnswerReader } {
  const memory = ringMemory(CAPACITY);
  return { writer: new AnswerWriter(new RingWriter(memory)), reader: new AnswerReader(new RingReader(memory)) };
}

const answers = fc.oneof(
  fc.record({ kind: fc.constant("handled" as const), id: fc.integer(), took: fc.double({ noNaN: true }) }),
  fc.record({ kind: fc.constant("reply" as const), id: fc.integer(), data: fc.uint8Array({ maxLength: CAPACITY / 4 }) }),
  fc.constant({ kind: "port" as const }),
  fc.constant({ kind: "read" as const }),
);

test("answers come out as they went in, in their order; where there is no room, that is said", () => {
  fc.assert(
    fc.property(fc.array(answers, { maxLength: 100 }), (steps) => {
      const { writer, reader } = ring();
      const expected: object[] = [];
      const seen = (): object => {
        if (reader.kind === HANDLED) return { kind: HANDLED, id: reader.id, took: reader.took };
        return reader.kind === REPLY ? { kind: REPLY, id: reader.id, data: [...reader.data] } : { kind: BY_PORT };
      };
      for (const step of steps) {
        if (step.kind === "read") {
          expect(reader.next()).toBe(expected.length > 0);
          const next = expected.shift();
          if (next !== undefined) expect(seen()).toEqual(next);
          continue;
        }
        const [isWritten, answer] =
          step.kind === "handled"
            ? [writer.handled(step.id, step.took), { kind: HANDLED, id: step.id, took: step.took }]
            : step.kind === "reply"
              ? [writer.reply(step.id, step.data), { kind: REPLY, id: step.id, data: [...step.data] }]
              : [writer.byPort(), { kind: BY_PORT }];
        if (isWritten) expected.push(answer);
        else expect(expected.length).toBeGreaterThan(0);
      }
      for (const answer of expected) {
        expect(reader.next()).toBe(true);
        expect(seen()).toEqual(answer);
      }
      expect(reader.next()).toBe(false);
    }),
  );
});

test("a reply beyond a quarter of the ring is not for it", () => {
  const { writer } = ring();
  expect([writer.takes(new Uint8Array(CAPACITY / 4)), writer.takes(new Uint8Array(CAPACITY / 4 + 1))]).toEqual([true, false]);
});
