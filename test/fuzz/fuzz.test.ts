import { describe, expect, test } from "vitest";
import { vectors } from "../codec/support.ts";
import { type Finding, faultOf, fuzz } from "./fuzzer.ts";
import { targets } from "./targets.ts";

/** Another one each time; `FUZZ_SEED=…` runs the inputs of a certain one again. */
const seed = Number(process.env["FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const INPUTS = 3000;
/** So many where they take longer than that: what a busy machine does in a time says nothing. */
const FEWEST_INPUTS = 500;
const MOST_MS = 1000;

describe(`a short run of the fuzzer, FUZZ_SEED=${seed}`, () => {
  test.each(targets)("$name", (target) => {
    const isOver = (inputs: number, milliseconds: number): boolean =>
      inputs >= INPUTS || (inputs >= FEWEST_INPUTS && milliseconds > MOST_MS);
    const account = fuzz(target, { seed, isOver });
    expect(account.findings).toEqual([]);
    expect(account.seen, "inputs that all show the same try nothing").toBeGreaterThan(10);
  });

  test("the same seed makes the same inputs", () => {
    for (const target of targets) {
      const shown = (): string[] => {
        const inputs: string[] = [];
        const shown = { ...target, check: (input: unknown) => (inputs.push(JSON.stringify(input)), target.check(input)) };
        fuzz(shown, { seed, isOver: (count) => count >= 30 });
        return inputs;
      };
      expect(shown()).toEqual(shown());
    }
  });

  test("a fault is found, shown with where it is, and told once", () => {
    const faulty = {
      name: "faulty",
      generate: () => "input",
      check: () => {
        throw new Error("on purpose");
      },
    };
    const { findings } = fuzz(faulty, { seed, isOver: (inputs) => inputs >= 50 });
    expect(findings).toMatchObject([{ target: "faulty", input: "input", fault: expect.stringContaining("fuzz.test.ts") }]);
  });
});

describe("what was found before", () => {
  test.each(vectors<Finding & { readonly why: string }>("regressions"))("$target: $why", ({ target, input }) => {
    const found = targets.find(({ name }) => name === target);
    expect(found && faultOf(found, input)).toBeNull();
  });
});
