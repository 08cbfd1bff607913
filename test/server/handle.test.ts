import { describe, expect, test } from "vitest";
import { encode } from "../../src/codec/index.ts";
import { Dispatcher, type ExecutionResult } from "../../src/dispatch/index.ts";
import { OscMessage } from "../../src/index.ts";
import { type Handling, explainRefusal, runPacket } from "../../src/server/handle.ts";
import { ATTACKS } from "../shared/attacks.ts";
import { limits } from "./fixtures.ts";

const LIMITS = limits();
const CLIENT = { address: "127.0.0.1", port: 1, family: "IPv4" } as const;
const HANDLING: Handling = {
  ...LIMITS,
  dispatcher: new Dispatcher(),
  mode: "sync",
  verifier: { verifyRequest: (data) => data.length !== 12 },
  shutdown: () => undefined,
};

function outcomeOf(data: Uint8Array): unknown {
  const context = { handling: HANDLING, clientAddress: CLIENT, asOf: Infinity, reply: () => undefined, error: () => undefined };
  const result = runPacket(HANDLING, data, context) as ExecutionResult;
  return result.kind === "rejected" ? result.explain() : null;
}

describe("explains a rejection in another thread as it was found there", () => {
  const malformed = ATTACKS.filter(({ rejected }) => rejected === "malformed");

  test.each(malformed)("$name", ({ packet }) => {
    const outcome = outcomeOf(packet);
    expect(outcome).toMatchObject({ reason: "malformed", cause: { code: expect.any(String) as string } });
    expect(explainRefusal("malformed", packet, LIMITS)).toEqual(outcome);
  });

  test("explains a rejection by verifyRequest", () => {
    const packet = encode(new OscMessage("/x", [1]));
    expect(outcomeOf(packet)).toMatchObject({ reason: "unverified" });
    expect(explainRefusal("unverified", packet, LIMITS)).toEqual(outcomeOf(packet));
  });
});
