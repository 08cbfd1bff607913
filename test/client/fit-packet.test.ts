import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type OscArgument,
  OscBundle,
  OscEncodeError,
  OscMessage,
  type OscPacket,
  RECEIVERS,
  type ReceiverName,
  TimeTag,
  UDPClient,
  char,
  decode,
  double,
  encode,
  fitPacket,
  float,
  infinitum,
  int,
  long,
  midi,
  symbol,
} from "../../src/index.ts";
import { Peer } from "./peer.ts";

const NAMES = Object.keys(RECEIVERS) as ReceiverName[];
const message = (...args: readonly OscArgument[]): OscMessage => new OscMessage("/a", args);

/** What is sent, and what reaches the receiver: type tags and values, or the reason why nothing can. */
const MESSAGES: readonly (readonly [receiver: ReceiverName, sent: OscMessage, types: string, args: readonly unknown[] | RegExp])[] = [
  ["grandma3", message(true, false, 7, "text"), "iiis", [1, 0, 7, "text"]],
  ["max", message(double(0.1), 0.5, 3), "ffi", [Math.fround(0.1), 0.5, 3]],
  ["max", message(double(1e300)), "", /^Max takes no double, and this number is too large for a float\.$/],
  ["max", message(double(-Infinity), double(3.4028234663852886e38)), "ff", [-Infinity, 3.4028234663852886e38]],
  ["touchdesigner", message(double(0.5), 3, true, long(4n), TimeTag.IMMEDIATELY), "fiiit", [0.5, 3, 1, 4, TimeTag.IMMEDIATELY]],
  ["touchdesigner", message(1, [2, 0.5]), "iif", [1, 2, 0.5]],
  ["touchdesigner", message("text"), "", /^TouchDesigner's OSC In CHOP takes no value of type tag s\.$/],
  ["vrchat", message(1, 0.5), "ff", [1, 0.5]],
  ["vrchat", message(int(1), true), "iT", [1, true]],
  ["touchosc", message(1, [2, int(3)]), "f[fi]", [1, [2, 3]]],
  ["x32", message(1), "i", [1]],
  ["juce", message("plain", symbol("~")), "sS", ["plain", "~"]],
  ["juce", message(1, "größer"), "", /^JUCE reads ASCII only; got "größer"\.$/],
  ["juce", new OscMessage("/größe", 1), "", /^JUCE reads ASCII only; got "\/größe"\.$/],
  ["supercollider", message(true, false, null, symbol("s"), char("c"), long(5n), double(0.1)), "iiissid", [1, 0, 0, "s", "c", 5, 0.1]],
  ["supercollider", message([1, 2], 3), "[ii]i", [[1, 2], 3]],
  ["supercollider", message(long(2n ** 31n)), "", /^SuperCollider takes no integer of more than 32 bits/],
  ["supercollider", message(2 ** 40), "", /^SuperCollider takes no integer of more than 32 bits/],
  ["supercollider", message(TimeTag.IMMEDIATELY), "", /^SuperCollider takes no value of type tag t\.$/],
  ["supercollider", message(char(-1)), "", /^SuperCollider takes a character as text/],
  ["puredata", message(double(0.25), long(-1n), Uint8Array.of(1), [true]), "fib[i]", [0.25, -1, Uint8Array.of(1), [1]]],
  ["puredata", message(midi(0, 144, 60, 127)), "", /type tag m/],
  ["chuck", message(0.5, [1, ["in", true]], null), "fisii", [0.5, 1, "in", 1, 0]],
  ["chuck", message(Uint8Array.of(1)), "", /type tag b/],
  ["csound", message(double(0.25), char("c"), true, [1]), "dcii", [0.25, "c", 1, 1]],
  ["liblo", message([1, [midi(0, 144, 60, 127)]], true), "imT", [1, [0, 144, 60, 127], true]],
  ["liblo", message({ r: 1, g: 2, b: 3, a: 4 }), "", /type tag r/],
  ["python-osc", message(symbol("s"), char("c"), [char("d")]), "ss[s]", ["s", "c", ["d"]]],
  ["python-osc", message(infinitum()), "", /type tag I/],
];

describe("fitPacket", () => {
  test.each(MESSAGES)("for %s, message %#", (receiver, sent, types, args) => {
    const before = encode(sent);
    if (args instanceof RegExp) {
      expect(() => fitPacket(sent, receiver)).toThrow(expect.objectContaining({ code: "OSC_RECEIVER_LIMIT" }));
      expect(() => fitPacket(sent, receiver)).toThrow(args);
      return;
    }
    const fitted = fitPacket(sent, receiver) as OscMessage;
    expect([fitted.address, fitted.types, fitted.args]).toEqual([sent.address, types, args]);
    expect(encode(sent), "the message itself").toEqual(before);
  });

  test.each(NAMES)("returns a packet that fits %s unchanged, also one that it fitted", (receiver) => {
    const plain = [message(float(0.5)), message(int(3)), OscMessage.withoutTypeTags("/a")];
    for (const packet of plain) expect(fitPacket(packet, receiver)).toBe(packet);
    for (const packet of [...MESSAGES.map(([, sent]) => sent), message()]) {
      let fitted: OscPacket;
      try {
        fitted = fitPacket(packet, receiver);
      } catch (error) {
        expect(error).toBeInstanceOf(OscEncodeError);
        continue;
      }
      expect(fitPacket(fitted, receiver)).toBe(fitted);
      expect(decode(encode(fitted), { strict: RECEIVERS[receiver].emptyTypes === "written" }).errors).toEqual([]);
    }
  });

  test("omits an empty type tag string for a receiver that omits it", () => {
    expect(encode(fitPacket(message(), "x32"))).toEqual(new TextEncoder().encode("/a\0\0"));
    expect(encode(fitPacket(message(), "max"))).toEqual(new TextEncoder().encode("/a\0\0,\0\0\0"));
  });

  test("prefers the caller's option numbers", () => {
    expect(fitPacket(message(1), "vrchat", { numbers: "auto" })).toMatchObject({ types: "i" });
    expect(fitPacket(message(1, [2]), "chuck", { numbers: "float" })).toMatchObject({ types: "ff", args: [1, 2] });
  });

  test("rejects an unknown receiver", () => {
    expect(() => fitPacket(message(1), "nothing" as ReceiverName)).toThrow(
      /^There is no receiver profile "nothing" \(string\)\. There are chuck, .*x32\.$/,
    );
    expect(() => new UDPClient("127.0.0.1", 9000, { for: "toString" as ReceiverName })).toThrow(/receiver profile "toString"/);
  });
});

describe("fitPacket, of bundles", () => {
  const later = TimeTag.fromBigInt(0xe93c8e8080000000n);
  const nested = new OscBundle([message(1), new OscBundle([message(2), new OscBundle(message(true), later)], later), message(4)], later);

  test("flattens those of one time, in order, and fits what they hold", () => {
    const fitted = fitPacket(nested, "supercollider") as OscBundle;
    expect(fitted.timeTag).toBe(later);
    expect(fitted.elements.map((element) => (element as OscMessage).args)).toEqual([[1], [2], [1], [4]]);
  });

  test("keeps them where the receiver reads them", () => {
    expect(fitPacket(nested, "oscpack")).toBe(nested);
    const fitted = fitPacket(nested, "csound") as OscBundle;
    expect(fitted.elements).toHaveLength(3);
    expect(fitted.elements[0]).toBe(nested.elements[0]);
    expect(encode(fitted)).toHaveLength(encode(nested).length + 4);
  });

  test("refuses a bundle within a bundle that has a time of its own", () => {
    const bundle = new OscBundle([message(1), new OscBundle(message(2), later)]);
    expect(() => fitPacket(bundle, "chuck")).toThrow(
      /^ChucK takes no nested bundles, and this one has its own time tag: send it separately\.$/,
    );
  });

  test("takes the message out of a bundle of one, and refuses more, for a receiver of none", () => {
    expect(fitPacket(new OscBundle(message(true)), "grandma3")).toMatchObject({ address: "/a", types: "i", args: [1] });
    expect(fitPacket(new OscBundle(new OscBundle(message(7)), TimeTag.IMMEDIATELY), "grandma3")).toMatchObject({ args: [7] });
    expect(() => fitPacket(new OscBundle([message(1), message(2)]), "grandma3")).toThrow(
      /^grandMA3 takes no bundles: send their messages one by one\.$/,
    );
    expect(() => fitPacket(new OscBundle([]), "grandma3")).toThrow(OscEncodeError);
    expect(() => fitPacket(new OscBundle(message(1), later), "grandma3")).toThrow(/one by one, when they are due\.$/);
  });
});

describe("a client `for` a receiver", () => {
  test("sends packets and requests as the receiver takes them, and leaves bytes alone", async () => {
    const peer = await Peer.open();
    await using client = new UDPClient("127.0.0.1", peer.port, { for: "vrchat" });
    await client.send(message(1, int(2), true));
    expect((await peer.next()).packet).toMatchObject({ types: "fiT" });
    const asked = client.request("/a", [1], { replyTo: "/b", timeout: 10_000 });
    const question = await peer.next();
    expect(question.packet).toMatchObject({ types: "f" });
    await peer.say(new OscMessage("/b", 2), question.from.port);
    expect(await asked).toMatchObject({ types: "i", args: [2] });
    await client.sendBytes(encode(message(1)));
    expect((await peer.next()).packet).toMatchObject({ types: "i" });
  });

  test("rejects what the receiver can't take before anything is sent", async () => {
    const peer = await Peer.open();
    await using client = new UDPClient("127.0.0.1", peer.port, { for: "grandma3" });
    await expect(client.send(new OscBundle([message(1), message(2)]))).rejects.toMatchObject({ code: "OSC_RECEIVER_LIMIT" });
    await client.send(new OscMessage("/last"));
    expect((await peer.next()).packet).toMatchObject({ address: "/last" });
  });

  test("prefers the option `numbers`", async () => {
    const peer = await Peer.open();
    await using client = new UDPClient("127.0.0.1", peer.port, { for: "touchosc", numbers: "auto" });
    await client.send(message(1));
    expect((await peer.next()).packet).toMatchObject({ types: "i" });
  });

  test("sends no datagram larger than the receiver takes", async () => {
    const peer = await Peer.open();
    await using client = new UDPClient("127.0.0.1", peer.port, { for: "oscpack" });
    // `/a`, `,b` and the size take 12 bytes.
    await client.send(message(new Uint8Array(4096 - 12)));
    expect((await peer.next()).bytes).toHaveLength(4096);
    await expect(client.send(message(new Uint8Array(4096 - 11)))).rejects.toMatchObject({
      code: "OSC_PACKET_TOO_LARGE",
      message: expect.stringContaining("the packet has 4100 bytes, and oscpack takes datagrams of 4096 at most"),
    });
  });
});

describe("docs/interoperability.md", () => {
  const PAGE = new URL("../../docs/interoperability.md", import.meta.url);

  test("lists the profiles", () => {
    const page = readFileSync(PAGE, "utf8");
    const written = page.replace(
      /(<!-- profiles -->\n.*\n.*\n)(?:\|.*\n)*/,
      (_all, head: string) => head + NAMES.map((name) => `${rowOf(name)}\n`).join(""),
    );
    expect(written, "the table has its place").toContain(rowOf("x32"));
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(PAGE, written);
    else expect(page, "`npm run interop:docs` writes it anew").toBe(written);
  });
});

/** A profile as the page says it. */
function rowOf(receiver: ReceiverName): string {
  const { name, numbers, types, arrays, bundles, emptyTypes, text, maxDatagram } = RECEIVERS[receiver];
  const into = (target: string): string => {
    const tags = Object.keys(types).filter((tag) => types[tag] === target);
    return tags.map((tag) => `\`${tag}\``).join(" ");
  };
  const habits = [
    numbers === "float" ? "numbers without a type are `f`" : "",
    ...["i", "f", "s"].map((target) => (into(target) === "" ? "" : `${into(target)} → \`${target}\``)),
    arrays === "flat" ? "arrays as their values" : "",
    {
      nested: "",
      plain: "no nested bundles: flattened if all have one time, otherwise rejected",
      none: "no bundles: a single message is unwrapped, others rejected",
    }[bundles],
    emptyTypes === "omitted" ? "no empty type tag string" : "",
    text === "ascii" ? "ASCII only" : "",
    maxDatagram < 65_507 ? `at most ${maxDatagram.toLocaleString("en-US")} bytes per datagram` : "",
  ];
  return `| \`${receiver}\` | ${name} | ${habits.filter((habit) => habit !== "").join("; ")} | ${into("refused") || "–"} |`;
}
