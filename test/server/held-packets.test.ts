import fc from "fast-check";
import { expect, test } from "vitest";
import { type Held, HeldPackets } from "../../src/server/pool/held-packets.ts";
import { RecordingPeer, packetOf } from "./fixtures.ts";

const PACKET = packetOf(new Uint8Array(4), new RecordingPeer(1));
/** Close to where the numbers begin again. */
const FIRST_ID = 2 ** 31 - 100;

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: "add" as const }) },
    { weight: 3, arbitrary: fc.constant({ kind: "shift" as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("take" as const), at: fc.nat(300) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("take where" as const), part: fc.integer({ min: 1, max: 5 }) }) },
  ),
  { maxLength: 400, size: "max" },
);

test("packets that a worker has are found and taken out by number, the rest stays in its order", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const held = new HeldPackets();
      let expected: Held[] = [];
      let nextId = FIRST_ID;
      for (const step of list) {
        if (step.kind === "add") {
          const one: Held = { id: nextId, packet: PACKET, since: 0, place: null, waits: false };
          nextId = (nextId + 1) | 0;
          held.add(one);
          expected.push(one);
        } else if (step.kind === "shift") {
          expect(held.shift()).toBe(expected.shift());
        } else if (step.kind === "take") {
          const one = expected[step.at];
          const id = one?.id ?? nextId;
          expect(held.get(id)).toBe(one);
          expect(held.take(id)).toBe(one);
          expected = expected.filter((other) => other !== one);
        } else {
          const isMeant = ({ id }: Held): boolean => id % step.part === 0;
          expect(held.takeWhere(isMeant)).toEqual(expected.filter(isMeant));
          expected = expected.filter((one) => !isMeant(one));
        }
        expect(held.size).toBe(expected.length);
        expect(held.first).toBe(expected[0]);
      }
    }),
  );
});
