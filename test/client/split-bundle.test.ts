import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage, type OscPacket, TimeTag, decode, encode } from "../../src/codec/index.ts";
import { splitPacket } from "../../src/client/udp-client.ts";
import { simpleClient, udpClient } from "./clients.ts";
import { Peer } from "./peer.ts";

/** The messages of a packet in order, each with the time tag that holds for it. */
function flat(packet: OscPacket, tag: bigint | null = null): [tag: bigint | null, message: OscMessage][] {
  if (packet instanceof OscMessage) return [[tag, packet]];
  return packet.elements.flatMap((element) => flat(element, packet.timeTag.toBigInt()));
}

const TAG = TimeTag.from(1_900_000_000_000);
const LATER = TimeTag.from(1_900_000_001_000);
const message = fc.integer({ min: 0, max: 60 }).map((size) => new OscMessage("/m", new Uint8Array(size)));
const inner = fc.array(message, { maxLength: 12 }).chain((list) => fc.constantFrom(TAG, LATER).map((tag) => new OscBundle(list, tag)));
const bundle = fc.array(fc.oneof(message, inner), { maxLength: 20 }).map((list) => new OscBundle(list, TAG));

describe("splitPacket", () => {
  test("keeps messages whole, in order and with their time tags, in parts that fit", () => {
    fc.assert(
      fc.property(bundle, fc.integer({ min: 120, max: 600 }), (packet, maxSize) => {
        const parts = splitPacket(packet, maxSize, encode);
        expect(Math.max(...parts.map(({ length }) => length))).toBeLessThanOrEqual(maxSize);
        expect(parts.flatMap((part) => flat(decode(part)))).toEqual(flat(packet));
        if (encode(packet).length <= maxSize) expect(parts).toHaveLength(1);
        for (const part of parts) expect((decode(part) as OscBundle).timeTag.toBigInt()).toBe(TAG.toBigInt());
      }),
    );
  });

  test("fills the parts", () => {
    const packet = new OscBundle(Array.from({ length: 100 }, (_, index) => new OscMessage("/n", index)));
    // 16 bytes of header, and 16 for each message with its size.
    expect(splitPacket(packet, 16 + 10 * 16, encode)).toHaveLength(10);
  });

  test.each([
    ["a message", new OscMessage("/large", new Uint8Array(500))],
    ["a message in a bundle", new OscBundle([new OscMessage("/small"), new OscMessage("/large", new Uint8Array(500))])],
    ["a message in a nested bundle", new OscBundle([new OscBundle([new OscMessage("/large", new Uint8Array(500))])])],
  ])("names %s that doesn't fit, with its size and the limit", (_what, packet) => {
    expect(() => splitPacket(packet, 200, encode)).toThrow(
      expect.objectContaining({
        code: "OSC_PACKET_TOO_LARGE",
        message: expect.stringMatching(/^The message \/large has 516 bytes, and at most (?:200|180|160) /),
      }),
    );
  });
});

describe("send with split", () => {
  const large = new OscBundle(
    Array.from({ length: 5000 }, (_, index) => new OscMessage("/pixel", [index, 0.5, "some text"])),
    TAG,
  );

  test.each([true, 1472])("sends a bundle in datagrams of the size %s", async (split) => {
    const peer = await Peer.open();
    const client = udpClient(peer.port);
    await client.send(large, { split });
    const seen: OscMessage[] = [];
    while (seen.length < 5000) {
      const { packet, bytes } = await peer.next();
      expect(bytes.length).toBeLessThanOrEqual(typeof split === "number" ? split : 65_507);
      seen.push(...flat(packet).map(([, one]) => one));
    }
    expect(seen).toEqual(large.elements);
  });

  test("keeps to the datagrams of the receiver, and sends what fits as it is", async () => {
    const peer = await Peer.open();
    const client = simpleClient(peer.port, { for: "oscpack" });
    await client.send(new OscBundle(large.elements.slice(0, 300)), { split: true });
    expect((await peer.next()).bytes.length).toBeLessThanOrEqual(4096);
    const other = udpClient(peer.port);
    await other.send(new OscMessage("/small"), { split: true });
    await expect.poll(() => peer.addresses).toEqual(["/small"]);
  });

  test("rejects a bundle that is too large without split, and one whose message doesn't fit", async () => {
    const client = udpClient(9);
    await expect(client.send(large)).rejects.toMatchObject({ code: "OSC_PACKET_TOO_LARGE" });
    await expect(client.send(large, { split: false })).rejects.toMatchObject({ code: "OSC_PACKET_TOO_LARGE" });
    const impossible = new OscBundle([new OscMessage("/blob", new Uint8Array(70_000))]);
    await expect(client.send(impossible, { split: true })).rejects.toMatchObject({ code: "OSC_PACKET_TOO_LARGE" });
    expect(client.stats().sent).toBe(0);
  });

  test.each([null, 5, "yes", { split: 10 }, { split: 70_000 }, { split: "1472" }, { splt: true }])(
    "rejects the options %o",
    async (options) => {
      await expect(udpClient(9).send(new OscMessage("/a"), options as never)).rejects.toMatchObject({ code: "OSC_OPTION" });
    },
  );
});
