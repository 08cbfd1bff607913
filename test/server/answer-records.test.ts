import fc from "fast-check";
import { expect, test } from "vitest";
import { AnswerReader, AnswerWriter, BY_PORT, HANDLED, REFUSED, REPLY, REPORT } from "../../src/server/crossing/answer-records.ts";
import { RingReader, RingWriter, ringMemory } from "../../src/server/io-thread/shared-ring.ts";

const CAPACITY = 512;

function ring(): { writer: AnswerWriter; reader: AnswerReader } {
  const memory = ringMemory(CAPACITY);
  return { writer: new AnswerWriter(new RingWriter(memory)), reader: new AnswerReader(new RingReader(memory)) };
}

type Step =
  | { readonly kind: "handled"; readonly id: number; readonly took: number }
  | { readonly kind: "reply" | "report"; readonly id: number; readonly data: Uint8Array }
  | { readonly kind: "refused"; readonly id: number; readonly reason: "malformed" | "unverified" }
  | { readonly kind: "port" };

/** Whether there was room for the answer, and what is to come out. */
function write(writer: AnswerWriter, step: Step): [boolean, object] {
  const { finished } = writer;
  switch (step.kind) {
    case "handled":
      return [writer.handled(step.id, step.took), { kind: HANDLED, id: step.id, finished, took: step.took }];
    case "refused":
      return [writer.refused(step.id, step.reason), { kind: REFUSED, id: step.id, finished, reason: step.reason }];
    case "reply":
      return [writer.reply(step.id, step.data), { kind: REPLY, id: step.id, finished, data: [...step.data] }];
    case "report":
      return [writer.report(step.id, step.data), { kind: REPORT, id: step.id, finished, data: [...step.data] }];
    case "port":
      return [writer.byPort(), { kind: BY_PORT, finished }];
  }
}

const answers = fc.oneof(
  fc.record({ kind: fc.constant("handled" as const), id: fc.integer(), took: fc.double({ noNaN: true }) }),
  fc.record({
    kind: fc.constantFrom("reply" as const, "report" as const),
    id: fc.integer(),
    data: fc.uint8Array({ maxLength: CAPACITY / 4 }),
  }),
  fc.record({
    kind: fc.constant("refused" as const),
    id: fc.integer(),
    reason: fc.constantFrom("malformed" as const, "unverified" as const),
  }),
  fc.constant({ kind: "port" as const }),
  fc.constant({ kind: "read" as const }),
);

test("answers come out as they went in, in their order; where there is no room, that is said", () => {
  fc.assert(
    fc.property(fc.array(answers, { maxLength: 100 }), (steps) => {
      const { writer, reader } = ring();
      const expected: object[] = [];
      const seen = (): object => {
        const { kind, id, finished, took, reason, data } = reader;
        if (kind === HANDLED) return { kind, id, finished, took };
        if (kind === REFUSED) return { kind, id, finished, reason };
        return kind === BY_PORT ? { kind, finished } : { kind, id, finished, data: [...data] };
      };
      for (const step of steps) {
        if (step.kind === "read") {
          expect(reader.next()).toBe(expected.length > 0);
          const next = expected.shift();
          if (next !== undefined) expect(seen()).toEqual(next);
          continue;
        }
        writer.finished = (writer.finished + 0x3fff_ffff) | 0;
        const [isWritten, answer] = write(writer, step);
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
