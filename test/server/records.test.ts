import { expect, test } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { Namespace } from "../../src/namespace/index.ts";
import {
  HANDLED,
  PART,
  REPLY,
  VALUE,
  contentOf,
  encodePackets,
  encodeRecord,
  encodeRejected,
  encodeValue,
  explanationOf,
  idOf,
  kindOf,
  packetOf,
  piecesOf,
  readValue,
  reasonOf,
  recordsIn,
  valueAddress,
} from "../../src/server/pool/records.ts";
import { RecordingPeer } from "./fixtures.ts";

test("packets survive a round trip with their own copy of the bytes", () => {
  const packets = [
    { id: 1, packet: { data: Uint8Array.of(1, 2, 3), peer: new RecordingPeer(9, "10.0.0.1"), asOf: 1.5 } },
    { id: 2 ** 32 - 1, packet: { data: new Uint8Array(0), peer: new RecordingPeer(65_535, "fe80::1%eth0"), asOf: Infinity } },
  ];
  const message = encodePackets(packets);
  const records = [...recordsIn(message)];
  expect(records.map(idOf)).toEqual([1, 2 ** 32 - 1]);
  const received = records.map(packetOf);
  expect(received).toEqual(packets.map(({ packet: { data, peer, asOf } }) => ({ data, client: peer.address, asOf })));
  expect(received[0]?.data.buffer).not.toBe(message.buffer);
});

test("a result survives a round trip", () => {
  expect([...recordsIn(encodeRejected(7, "unverified"))].map((record) => [idOf(record), reasonOf(record)])).toEqual([[7, "unverified"]]);
  const [refused] = recordsIn(encodeRejected(7, "arguments", "it can't be écrit"));
  expect([reasonOf(refused!), explanationOf(refused!)]).toEqual(["arguments", "it can't be écrit"]);
  const [record] = recordsIn(encodeRecord(REPLY, 3, Uint8Array.of(9)));
  expect([kindOf(record!), idOf(record!), [...contentOf(record!)]]).toEqual([REPLY, 3, [9]]);
});

test.each([null, { address: "fe80::1", port: 9, family: "IPv6" } as const])("a value survives a round trip, from %j", (source) => {
  const namespace = new Namespace();
  const method = { ...namespace.add("/a/b", { types: "f[s]" }), value: [0.5, ["é"]], types: "f[s]", time: 1234.5, source };
  const [record] = recordsIn(encodeValue(3, method));
  expect([kindOf(record!), idOf(record!), valueAddress(record!)]).toEqual([VALUE, 3, "/a/b"]);
  expect(readValue(record!)).toEqual({ message: new OscMessage("/a/b", [0.5, ["é"]], "f[s]"), time: 1234.5, source });
});

test("a record larger than a pipe is split into chunks", () => {
  const long = encodeRecord(
    REPLY,
    5,
    Uint8Array.from({ length: 10_000 }, (_, index) => index % 256),
  );
  const pieces = piecesOf(long, 5);
  expect(pieces.every(({ length }) => length <= 4096)).toBe(true);
  const parts = pieces.flatMap((piece) => [...recordsIn(piece)]);
  expect(parts.every((part) => kindOf(part) === PART && idOf(part) === 5)).toBe(true);
  expect(Buffer.concat(parts.map(contentOf))).toEqual(Buffer.from(long));
  const short = encodeRecord(HANDLED, 6);
  expect(piecesOf(short, 6)).toEqual([short]);
});
