import { expect, test } from "vitest";
import { encode, OscMessage } from "../../src/codec/index.ts";
import type { PacketContext } from "../../src/dispatch/index.ts";
import { OscDispatchError } from "../../src/errors.ts";
import * as results from "../../src/packet-result.ts";
import { type Handling, encodeReply } from "../../src/server/handle.ts";
import { encodePackets, jsonOf, kindOf, HANDLED, recordsIn, REPORT } from "../../src/server/pool/records.ts";
import type { LeftoverWatch } from "../../src/server/pool/leftovers.ts";
import { RecordHandler } from "../../src/server/pool/record-handler.ts";
import { packetOf } from "./fixtures.ts";

const NO_LEFTOVERS = { begin: () => undefined, end: () => null } as unknown as LeftoverWatch;

test("a worker reports a thrown proxy that lets nobody look at it, and goes on", () => {
  const refuse = (): never => {
    throw new Error("nobody looks at this");
  };
  const cause: unknown = new Proxy({}, { get: refuse, getPrototypeOf: refuse, has: refuse, ownKeys: refuse });
  const written: Uint8Array[] = [];
  const channel = { write: (record: Uint8Array) => void written.push(record), flush: () => undefined };
  const service = {
    strictTiming: true,
    asyncHandler: null,
    asyncAdvice: "",
    namespace: null,
    handling: {} as Handling,
    encodeReply,
    runPacket: (_handling: Handling, _data: Uint8Array, context: PacketContext) => {
      context.error(new OscDispatchError("OSC_HANDLER_FAILED", "A handler of /a failed.", "/a", { cause }));
      return results.HANDLED;
    },
  };
  const handler = new RecordHandler(service, channel, NO_LEFTOVERS);
  const [record] = recordsIn(encodePackets([{ id: 1, packet: packetOf(encode(new OscMessage("/a"))) }]));
  expect(handler.handle(record!)).toBeUndefined();
  const answers = written.flatMap((bytes) => [...recordsIn(bytes)]);
  expect(answers.map(kindOf)).toEqual([REPORT, HANDLED]);
  expect(jsonOf(answers[0]!)).toMatchObject({ code: "OSC_HANDLER_FAILED", cause: { kind: "value", value: "an unprintable object" } });
});
