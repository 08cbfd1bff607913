import { describe, expect, test, vi } from "vitest";
import { bridge } from "../../src/bridge/index.ts";
import { OscBundle, OscMessage, TimeTag, decode, encode } from "../../src/codec/index.ts";
import { Client, KINDS, anywhere, bridged, receive, urlOf } from "./ends.ts";

const until = (condition: () => boolean): Promise<unknown> => vi.waitUntil(condition, { timeout: 10_000, interval: 2 });
/** So many messages in a burst of a user's, of which another relay lost 157. */
const BURST = 957;
const burst: readonly Uint8Array[] = Array.from({ length: BURST }, (_, index) =>
  index % 7 === 0
    ? encode(new OscBundle([new OscMessage("/b", index), new OscMessage("/c", new Uint8Array(index))], new TimeTag(1, index)))
    : encode(new OscMessage(`/burst/${index % 10}`, [index, index / 3, "text", new Uint8Array(index % 5)])),
);
const messages = (packets: readonly Uint8Array[]): unknown[] =>
  packets.map((packet) => decode(packet) as OscMessage).map(({ address, args }) => [address, ...args]);

const pairs = KINDS.flatMap((from) => KINDS.map((to) => ({ from, to })));

describe.each(pairs)("from $from to $to", ({ from, to }) => {
  test(`forwards a burst of ${BURST} and its replies byte for byte and in order`, async () => {
    const receiver = await receive(to);
    receiver.onPacket = (packet, answer) => answer(packet);
    const relay = await bridged(anywhere(from), urlOf(to, receiver.address));
    const client = await Client.connect(from, relay.from);
    client.say(...burst);
    await until(() => client.packets.length === BURST);
    expect(receiver.packets.every((packet, index) => Buffer.compare(packet, burst[index]!) === 0)).toBe(true);
    expect(client.packets.every((packet, index) => Buffer.compare(packet, burst[index]!) === 0)).toBe(true);
    expect(relay.stats()).toMatchObject({
      forward: { received: BURST, sent: BURST, dropped: 0, loops: 0 },
      back: { received: BURST, sent: BURST, dropped: 0 },
      sessions: 1,
    });
    expect(relay.errors).toEqual([]);
  });

  test("each client receives its own replies", async () => {
    const receiver = await receive(to);
    receiver.onPacket = (packet, answer) => answer(packet);
    const relay = await bridged(anywhere(from), urlOf(to, receiver.address));
    const clients = await Promise.all([1, 2, 3].map(() => Client.connect(from, relay.from)));
    for (const [index, client] of clients.entries()) client.say(new OscMessage("/mine", index));
    await until(() => clients.every(({ packets }) => packets.length === 1));
    expect(clients.map(({ packets }) => messages(packets))).toEqual([[["/mine", 0]], [["/mine", 1]], [["/mine", 2]]]);
    expect(relay.stats().sessions).toBe(3);
  });

  test("reconnects to a restarted receiver", async () => {
    const receiver = await receive(to);
    const relay = await bridged(anywhere(from), urlOf(to, receiver.address));
    const client = await Client.connect(from, relay.from);
    client.say(new OscMessage("/n", 0));
    await until(() => receiver.packets.length === 1);
    await receiver.close();
    const again = await receive(to, receiver.address);
    let sent = 0;
    // What is sent while nobody knows yet that the connection broke may be lost, and over UDP so is all that nobody hears.
    await vi.waitUntil(
      () => {
        client.say(new OscMessage("/n", (sent += 1)));
        return again.packets.length > 0;
      },
      { timeout: 10_000, interval: 20 },
    );
    expect(messages(again.packets)[0]).toEqual(["/n", expect.any(Number)]);
  });
});

describe("forwards", () => {
  test("packets that aren't OSC if it has no rules", async () => {
    const receiver = await receive("udp");
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address));
    const client = await Client.connect("udp", relay.from);
    const odd = [Uint8Array.of(0, 0, 0, 55, 0, 0, 0, 0), Buffer.from("no slash"), Buffer.from("#bundle\0cut")];
    client.say(...odd);
    await until(() => receiver.packets.length === 3);
    expect(receiver.packets.map((packet) => [...packet])).toEqual(odd.map((packet) => [...packet]));
  });

  test("to several targets", async () => {
    const receivers = await Promise.all([receive("udp"), receive("tcp-1.1"), receive("websocket")]);
    const urls = [urlOf("udp", receivers[0].address), urlOf("tcp-1.1", receivers[1].address), urlOf("websocket", receivers[2].address)];
    const relay = await bridged(anywhere("udp"), urls);
    const client = await Client.connect("udp", relay.from);
    client.say(new OscMessage("/all", 1));
    await until(() => receivers.every(({ packets }) => packets.length === 1));
    expect(relay.stats().forward).toMatchObject({ received: 1, sent: 3 });
  });

  test("a target's unsolicited packets to a client that has only connected", async () => {
    const receiver = await receive("tcp-1.0");
    const relay = await bridged(anywhere("websocket"), urlOf("tcp-1.0", receiver.address));
    const client = await Client.connect("websocket", relay.from);
    await until(() => receiver.clients === 1);
    receiver.sayToAll(encode(new OscMessage("/news", 1)));
    await until(() => client.packets.length === 1);
  });

  test("to all connected pages if the target listens, and from them to all senders", async () => {
    const relay = await bridged(anywhere("udp"), "ws://127.0.0.1:0/?listen");
    const [listening] = relay.to;
    const pages = await Promise.all([1, 2].map(() => Client.connect("websocket", listening!)));
    const senders = await Promise.all([1, 2].map(() => Client.connect("udp", relay.from)));
    for (const [index, sender] of senders.entries()) sender.say(new OscMessage("/from", index));
    await until(() => pages.every(({ packets }) => packets.length === 2));
    pages[0]?.say(new OscMessage("/page", 7));
    await until(() => senders.every(({ packets }) => packets.length === 1));
    expect(messages(senders[1]!.packets)).toEqual([["/page", 7]]);
    // A page that is loaded again is another client.
    await pages[1]?.wire.close();
    const again = await Client.connect("websocket", listening!);
    senders[0]?.say(new OscMessage("/from", 2));
    await until(() => again.packets.length === 1);
    expect(relay.errors).toEqual([]);
  });

  test("nothing back if it is one way, with one socket for all clients", async () => {
    const receiver = await receive("udp");
    receiver.onPacket = (packet, answer) => answer(packet);
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address), { oneWay: true });
    for (let index = 0; index < 3; index += 1) {
      const client = await Client.connect("udp", relay.from);
      client.say(new OscMessage("/n", index));
    }
    await until(() => receiver.packets.length === 3);
    expect(receiver.clients).toBe(1);
    expect(relay.stats()).toMatchObject({ back: { sent: 0 }, sessions: 1 });
  });
});

describe("sessions of UDP clients", () => {
  test("end when they are idle", async () => {
    const receiver = await receive("udp");
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address), { sessionTimeout: 30 });
    const client = await Client.connect("udp", relay.from);
    client.say(new OscMessage("/n", 1));
    await until(() => receiver.packets.length === 1 && relay.stats().sessions === 0);
    client.say(new OscMessage("/n", 2));
    await until(() => receiver.packets.length === 2);
    expect(receiver.clients).toBe(2);
  });

  test("are limited in number: the longest idle one ends, and nothing is lost", async () => {
    const receiver = await receive("udp");
    receiver.onPacket = (packet, answer) => answer(packet);
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address), { maxSessions: 2 });
    for (let index = 0; index < 10; index += 1) {
      const client = await Client.connect("udp", relay.from);
      client.say(new OscMessage("/n", index));
      await until(() => client.packets.length === 1);
    }
    expect(relay.stats()).toMatchObject({ sessions: 2, forward: { sent: 10, dropped: 0 } });
  });

  test("end when a client with a connection disconnects", async () => {
    const receiver = await receive("udp");
    const relay = await bridged(anywhere("websocket"), urlOf("udp", receiver.address), { sessionTimeout: 10 });
    const client = await Client.connect("websocket", relay.from);
    client.say(new OscMessage("/n", 1));
    await until(() => receiver.packets.length === 1);
    receiver.sayToAll(encode(new OscMessage("/late")));
    await until(() => client.packets.length === 1);
    expect(relay.stats().sessions).toBe(1);
    await client.wire.close();
    await until(() => relay.stats().sessions === 0);
  });
});

describe("an unavailable target", () => {
  test("receives the newest packets, within limits, when it returns", async () => {
    const receiver = await receive("tcp-1.0");
    await receiver.close();
    const relay = await bridged(anywhere("udp"), urlOf("tcp-1.0", receiver.address), { maxUnsent: 5 });
    const client = await Client.connect("udp", relay.from);
    for (let index = 0; index < 20; index += 1) client.say(new OscMessage("/n", index));
    await until(() => relay.stats().forward.received === 20);
    const again = await receive("tcp-1.0", receiver.address);
    await until(() => again.packets.length === 5);
    expect(messages(again.packets)).toEqual([15, 16, 17, 18, 19].map((index) => ["/n", index]));
    expect(relay.stats().forward).toMatchObject({ sent: 5, dropped: 15 });
    expect(relay.errors.length).toBeGreaterThan(0);
  });

  test("doesn't delay other targets", async () => {
    const away = await receive("tcp-1.0");
    await away.close();
    const receiver = await receive("udp");
    const relay = await bridged(anywhere("tcp-1.1"), [urlOf("tcp-1.0", away.address), urlOf("udp", receiver.address)]);
    const client = await Client.connect("tcp-1.1", relay.from);
    client.say(...burst);
    await until(() => receiver.packets.length === BURST);
  });
});

describe("rules", () => {
  async function through(rules: Parameters<typeof bridged>[2], ...packets: (OscMessage | OscBundle)[]) {
    const receiver = await receive("udp");
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address), rules);
    const client = await Client.connect("udp", relay.from);
    client.say(...packets, new OscMessage("/end"));
    const isEnd = (packet: Uint8Array): boolean => Buffer.from(packet).includes("/end");
    await until(() => receiver.packets.some(isEnd));
    return { relay, receiver, passed: receiver.packets.filter((packet) => !isEnd(packet)) };
  }
  const address = (text: string): OscMessage => new OscMessage(text);

  test("drop messages with only and drop", async () => {
    const { passed, relay } = await through(
      { rules: [{ only: ["/mixer/*", "/end"] }, { drop: "/mixer/?/meter" }] },
      ...["/mixer/1/gain", "/mixer/1/meter", "/light/1"].map(address),
    );
    expect(messages(passed)).toEqual([["/mixer/1/gain"]]);
    expect(relay.stats().forward).toMatchObject({ filtered: 2, sent: 2 });
  });

  test("keep the rest of a bundle byte for byte, and drop an empty one", async () => {
    const time = new TimeTag(3, 4);
    const kept = new OscBundle([new OscMessage("/a", 0.1), new OscBundle([new OscMessage("/a", [1, null])], time)], time);
    const { passed } = await through(
      { rules: [{ drop: "/b" }] },
      new OscBundle(
        [kept.elements[0]!, new OscMessage("/b"), new OscBundle([new OscMessage("/b"), new OscMessage("/a", [1, null])], time)],
        time,
      ),
      new OscBundle([new OscMessage("/b"), new OscBundle([new OscMessage("/b")])]),
    );
    expect(passed.map((packet) => [...packet])).toEqual([[...encode(kept)]]);
  });

  test("rename the start of addresses or by wildcards, but never arguments", async () => {
    const { passed } = await through(
      {
        rules: [
          { rename: "/a", to: "/long/er" },
          { rename: "/ch/?/gain", to: "/fader/*" },
          { rename: "/x/*", to: "/y/*/z" },
        ],
      },
      new OscMessage("/a/1", [0.1, "é", new Uint8Array(3)]),
      new OscMessage("/a", 1),
      new OscMessage("/ab", 1),
      new OscMessage("/ch/7/gain", 1),
      new OscMessage("/x/p/q", 1),
      new OscBundle([new OscMessage("/a/2", 2)], new TimeTag(5, 6)),
    );
    expect(messages(passed.slice(0, 5))).toEqual([
      ["/long/er/1", decode(passed[0]!) instanceof OscMessage && expect.closeTo(0.1), "é", new Uint8Array(3)],
      ["/long/er", 1],
      ["/ab", 1],
      ["/fader/7", 1],
      ["/y/p/q/z", 1],
    ]);
    expect([...passed[5]!]).toEqual([...encode(new OscBundle([new OscMessage("/long/er/2", 2)], new TimeTag(5, 6)))]);
  });

  test("limit the rate per address: the first message passes, and the newest of the rest", async () => {
    const fader = Array.from({ length: 100 }, (_, index) => new OscMessage("/fader/1", index));
    const { passed, receiver, relay } = await through(
      { rules: [{ maxRate: 5, match: "/fader/*" }] },
      ...fader,
      new OscBundle([new OscMessage("/fader/2", 1), new OscMessage("/other", 2)], new TimeTag(1, 2)),
      new OscBundle([new OscMessage("/fader/2", 3), new OscMessage("/other", 4)], new TimeTag(1, 3)),
    );
    expect(passed).toHaveLength(3);
    expect(decode(passed[0]!)).toMatchObject({ args: [0] });
    expect(decode(passed[2]!)).toMatchObject({ elements: [{ address: "/other", args: [4] }] });
    await until(() => receiver.packets.length === 6);
    const [late, alone] = receiver.packets.slice(-2);
    expect(decode(late!)).toMatchObject({ address: "/fader/1", args: [99] });
    expect([...alone!]).toEqual([...encode(new OscBundle([new OscMessage("/fader/2", 3)], new TimeTag(1, 3)))]);
    expect(relay.stats().forward).toMatchObject({ replaced: 98 });
  });

  test("send delayed packets when the bridge closes", async () => {
    const receiver = await receive("udp");
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address), { rules: [{ maxRate: 0.001 }] });
    const client = await Client.connect("udp", relay.from);
    client.say(new OscMessage("/n", 1), new OscMessage("/n", 2));
    await until(() => relay.stats().forward.received === 2);
    await relay.close();
    await until(() => receiver.packets.length === 2);
  });

  test("are separate for each direction", async () => {
    const receiver = await receive("udp");
    receiver.onPacket = (packet, answer) => answer(packet);
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address), {
      rules: [{ rename: "/page", to: "/synth" }],
      rulesBack: [{ rename: "/synth", to: "/page" }, { drop: "/synth/secret" }],
    });
    const client = await Client.connect("udp", relay.from);
    client.say(new OscMessage("/page/1", 1));
    await until(() => client.packets.length === 1);
    expect([messages(receiver.packets), messages(client.packets)]).toEqual([[["/synth/1", 1]], [["/page/1", 1]]]);
  });

  test("reject and report packets that aren't OSC", async () => {
    const receiver = await receive("udp");
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address), { rules: [{ drop: "/x" }] });
    const client = await Client.connect("udp", relay.from);
    const cut = encode(new OscBundle([new OscMessage("/a")])).subarray(0, 24);
    const negative = encode(new OscBundle([new OscMessage("/a")]));
    new DataView(negative.buffer, negative.byteOffset).setInt32(16, -4);
    let deep: OscBundle | OscMessage = new OscMessage("/a");
    for (let depth = 0; depth < 40; depth += 1) deep = new OscBundle([deep]);
    const bad = [Buffer.from("garbage!"), cut, negative, encode(deep, { maxNesting: 64 })];
    client.say(...bad, new OscMessage("/good"));
    await until(() => receiver.packets.length === 1);
    expect(relay.stats().forward).toMatchObject({ malformed: 4, sent: 1 });
    expect(relay.errors.map(({ code }) => code)).toEqual(["OSC_REJECTED", "OSC_REJECTED", "OSC_REJECTED", "OSC_REJECTED"]);
  });

  const wrong: readonly [string, object][] = [
    ["a rate of nothing", { maxRate: 0 }],
    ["no address to match", { only: [] }],
    ["a new address without a slash", { rename: "/a", to: "b" }],
    ["an old address without a slash", { rename: "a", to: "/b" }],
    ["more places than wildcards", { rename: "/a/*", to: "/b/*/*" }],
  ];
  test.each(wrong)("reject %s", async (_name, rule) => {
    await expect(bridge(anywhere("udp"), "osc.udp://127.0.0.1:9", { rules: [rule as never] })).rejects.toMatchObject({
      code: "OSC_OPTION",
    });
  });
});

describe("loops", () => {
  test.each(["udp", "tcp-1.0", "websocket"] as const)("rejects a target that is the %s bridge itself", async (kind) => {
    const probe = await bridged(anywhere(kind), "osc.udp://127.0.0.1:9");
    const { port } = probe.from;
    await probe.close();
    const from = urlOf(kind, { address: "127.0.0.1", port, family: "IPv4" });
    await expect(bridge(from, from)).rejects.toMatchObject({ code: "OSC_OPTION", message: expect.stringContaining("itself") });
    await expect(bridge(from, from.replace("127.0.0.1", "localhost"))).rejects.toMatchObject({ code: "OSC_OPTION" });
    // Nothing is left behind.
    await (await bridged(from, "osc.udp://127.0.0.1:9")).close();
  });

  test.each(["udp", "tcp-1.0", "websocket"] as const)(
    "two bridges that send to each other over %s stop a packet after a few rounds",
    async (kind) => {
      const outside = await receive("udp");
      const probe = await bridged(anywhere(kind), urlOf("udp", outside.address));
      const { from } = probe;
      await probe.close();
      const second = await bridged(anywhere(kind), [urlOf(kind, from), urlOf("udp", outside.address)]);
      const first = await bridged(urlOf(kind, from).replace(/\?.*$/, ""), urlOf(kind, second.from));
      const client = await Client.connect(kind, first.from);
      client.say(new OscMessage("/round", 1));
      await until(() => first.stats().forward.loops + second.stats().forward.loops > 0);
      expect(outside.packets.length).toBeLessThan(40);
      expect([...first.errors, ...second.errors]).toContainEqual(expect.objectContaining({ code: "OSC_DROPPED", limit: "maxEchoes" }));
      // The bridges go on.
      client.say(new OscMessage("/another", 2));
      await until(() => outside.packets.some((packet) => Buffer.from(packet).includes("/another")));
    },
  );

  test("doesn't treat a sender that repeats itself as a loop", async () => {
    const receiver = await receive("udp");
    const relay = await bridged(anywhere("udp"), urlOf("udp", receiver.address));
    const client = await Client.connect("udp", relay.from);
    for (let index = 0; index < 500; index += 1) client.say(new OscMessage("/tick"));
    await until(() => receiver.packets.length === 500);
    expect(relay.stats().forward.loops).toBe(0);
  });
});

describe("a bridge", () => {
  test("frees its ports when closed, closed twice or aborted by a signal", async () => {
    const controller = new AbortController();
    const relay = await bridged(anywhere("udp"), "osc.udp://127.0.0.1:9", { signal: controller.signal });
    controller.abort();
    await relay.closed;
    await Promise.all([relay.close(), relay.close()]);
    await bridged(urlOf("udp", relay.from), "osc.udp://127.0.0.1:9");
  });

  const wrong: readonly [from: string, to: string][] = [
    ["osc.xyz://:1", ":2"],
    ["osc.udp://:1/path", ":2"],
    [":99999", ":2"],
    [":0", ":0"],
    [":0", "osc.udp://127.0.0.1:9?listen"],
    [":0", "osc.tcp://127.0.0.1:9?framing=2"],
    ["wss://:0", ":9"],
    ["osc.unix://", ":9"],
    ["nothing", ":9"],
  ];
  test.each(wrong)("rejects %s to %s", async (from, to) => {
    await expect(bridge(from, to)).rejects.toMatchObject({ code: "OSC_OPTION" });
  });

  test("reports which port is taken", async () => {
    const relay = await bridged(anywhere("tcp-1.0"), "osc.udp://127.0.0.1:9");
    await expect(bridge(urlOf("tcp-1.0", relay.from), ":9")).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
