import fc from "fast-check";
import { expect, test } from "vitest";
import { Fifo } from "../src/fifo.ts";

/** What happens to a queue: so many items come, then so many go. */
const steps = fc.array(fc.record({ come: fc.nat(3000), go: fc.nat(3000) }), { maxLength: 8 });

test("gives items back in the order in which they came, however many come and go", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const queue = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const { come, go } of list) {
        for (let count = 0; count < come; count += 1) {
          queue.push(next);
          model.push(next++);
        }
        const gone = Array.from({ length: go }, () => queue.shift());
        expect(gone.filter((item) => item !== undefined)).toEqual(model.splice(0, go));
        expect([queue.size, queue.peek(), queue.peek(7)]).toEqual([model.length, model[0], model[7]]);
      }
    }),
    { numRuns: 30 },
  );
});

test("holds nothing after clear()", () => {
  const queue = new Fifo<string>();
  queue.push("a");
  queue.clear();
  expect([queue.size, queue.peek(), queue.shift()]).toEqual([0, undefined, undefined]);
});
