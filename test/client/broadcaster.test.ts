import { describe, expect, onTestFinished, test } from "vitest";
import { Broadcaster, type UDPClientOptions } from "../../src/client/index.ts";
import { OscBundle, OscMessage, TimeTag, encode } from "../../src/codec/index.ts";
import { OscBatchError, OscEncodeError } from "../../src/errors.ts";
import { Reports } from "./clients.ts";
import { Peer } from "./peer.ts";

const LOCAL = "127.0.0.1";

function broadcaster(targets: readonly (readonly [string, number])[], options: UDPClientOptions = {}): Broadcaster {
  const made = new Broadcaster(targets, options);
  onTestFinished(() => made.close());
  return made;
}

describe("a Broadcaster", () => {
  test("sends every packet to every target, in order", async () => {
    const peers = await Promise.all([Peer.open(), Peer.open(), Peer.open()]);
    const all = broadcaster(peers.map(({ port }) => [LOCAL, port]));
    const bundle = new OscBundle([new OscMessage("/b", 2)], TimeTag.from(Date.now()));
    void all.sendMessage("/a", 1);
    void all.send(bundle);
    await all.sendBundle([new OscMessage("/c", 3)]);
    for (const peer of peers) {
      expect([(await peer.next()).packet, (await peer.next()).packet]).toEqual([new OscMessage("/a", 1), bundle]);
      expect(((await peer.next()).packet as OscBundle).elements).toEqual([new OscMessage("/c", 3)]);
    }
  });

  test("sends to the others if one target can't be reached, and counts per target", async () => {
    const [one, other] = await Promise.all([Peer.open(), Peer.open()]);
    const all = broadcaster([
      [LOCAL, one.port],
      ["no-such-host.invalid", 9000],
      [LOCAL, other.port],
    ]);
    const error: unknown = await all.sendMessage("/a", 1).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OscBatchError);
    expect((error as OscBatchError).failures.map(({ index }) => index)).toEqual([1]);
    for (const peer of [one, other]) expect((await peer.next()).packet).toEqual(new OscMessage("/a", 1));
    expect(all.stats()).toMatchObject([
      { target: [LOCAL, one.port], sent: 1, sendErrors: 0 },
      { target: ["no-such-host.invalid", 9000], sent: 0, sendErrors: 1 },
      { target: [LOCAL, other.port], sent: 1, sendErrors: 0 },
    ]);
  });

  test("reports a failure to onError if nobody looks at the promise", async () => {
    const reports = new Reports();
    const all = broadcaster([["no-such-host.invalid", 9000]], { onError: reports.listener });
    void all.sendMessage("/a");
    expect((await reports.atLeast(1)).map(({ error }) => error.code)).toEqual(["OSC_BATCH"]);
  });

  test("encodes for the receiver and with the numbers of its options", async () => {
    const peer = await Peer.open();
    await broadcaster([[LOCAL, peer.port]], { for: "grandma3", numbers: "float" }).sendMessage("/a", [true, 1]);
    expect((await peer.next()).bytes).toEqual(Buffer.from(encode(new OscMessage("/a", [1, 1], "if"))));
  });

  test("rejects what isn't a packet before anything is sent", async () => {
    const peer = await Peer.open();
    const all = broadcaster([[LOCAL, peer.port]]);
    await expect(all.sendMessage("no slash")).rejects.toBeInstanceOf(OscEncodeError);
    await expect(all.send({} as never)).rejects.toBeInstanceOf(OscEncodeError);
    await expect((all.sendMessage as (...args: unknown[]) => Promise<void>)("/a", "x", "s")).rejects.toThrow(/write sendMessage/);
    expect(all.stats()).toMatchObject([{ sent: 0, sendErrors: 0 }]);
  });

  test("receives and requests through the client of a target", async () => {
    const peer = await Peer.open();
    peer.answerAll((message) => message);
    const [client] = broadcaster([[LOCAL, peer.port]]).clients;
    expect((await client?.request("/a", 5))?.args).toEqual([5]);
  });

  test.each([undefined, null, [], "127.0.0.1", [LOCAL, 9000], [[LOCAL]], [[LOCAL, "9000"]], [{ host: LOCAL, port: 9000 }]])(
    "rejects the targets %o",
    (targets) => {
      expect(() => new Broadcaster(targets as never)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
    },
  );

  test("rejects an unknown option", () => {
    expect(() => new Broadcaster([[LOCAL, 9000]], { broadcst: true } as never)).toThrow(/Did you mean broadcast\?$/);
  });
});
