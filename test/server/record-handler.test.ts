import { expect, test } from "vitest";
import { encode, OscMessage } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { encodePackets, jsonOf, kindOf, HANDLED, recordsIn, REPORT } from "../../src/server/pool/records.ts";
import type { LeftoverWatch } from "../../src/server/pool/leftovers.ts";
import { RecordHandler } from "../../src/server/pool/record-handler.ts";
import { limits, packetOf } from "./fixtures.ts";

const NO_LEFTOVERS = { begin: () => undefined, end: () => null } as unknown as LeftoverWatch;

test("a worker reports a thrown proxy that throws on every access, and continues", () => {
  const refuse = (): never => {
    throw new Error("nobody looks at this");
  };
  const cause: unknown = new Proxy({}, { get: refuse, getPrototypeOf: refuse, has: refuse, ownKeys: refuse });
  const dispatcher = new Dispatcher();
  dispatcher.map("/a", () => {
    throw cause;
  });
  const written: Uint8Array[] = [];
  const channel = { write: (record: Uint8Array) => void written.push(record), flush: () => undefined };
  const service = {
    strictTiming: true,
    asyncHandler: null,
    asyncAdvice: "",
    namespace: null,
    handling: { ...limits(), dispatcher, mode: "sync", verifier: { verifyRequest: () => true }, shutdown: () => undefined },
  } as const;
  const handler = new RecordHandler(service, channel, NO_LEFTOVERS);
  const [record] = recordsIn(encodePackets([{ id: 1, packet: packetOf(encode(new OscMessage("/a"))) }]));
  expect(handler.handle(record!)).toBeUndefined();
  const answers = written.flatMap((bytes) => [...recordsIn(bytes)]);
  expect(answers.map(kindOf)).toEqual([REPORT, HANDLED]);
  expect(jsonOf(answers[0]!)).toMatchObject({ code: "OSC_HANDLER_FAILED", cause: { kind: "value", value: "an unprintable object" } });
});
