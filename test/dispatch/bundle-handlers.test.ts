import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { decode, encode, OscBundle, OscMessage, type OscPacket, TimeTag } from "../../src/codec/index.ts";
import { Dispatcher, encodeReply, handlePacket, type PacketContext, type PacketHandling } from "../../src/dispatch/index.ts";
import { HANDLED } from "../../src/packet-result.ts";
import { bundle, CLIENT, errorList, message, rawBundle } from "./packets.ts";

const NOON = Date.UTC(2025, 5, 1, 12);

function setUp({ asOf = Infinity, reply, ...handling }: Partial<PacketContext & PacketHandling> = {}) {
  const { errors, onError, codes } = errorList();
  const replies: OscPacket[] = [];
  const context: PacketContext = {
    handling: { mode: "async", shutdown: () => undefined, ...handling },
    clientAddress: CLIENT,
    asOf,
    reply: reply ?? ((answer) => replies.push(decode(encodeReply(answer)))),
    error: onError,
  };
  const dispatcher = new Dispatcher();
  const seen: string[] = [];
  dispatcher.map("/*", (address) => void seen.push(address));
  return { dispatcher, context, errors, codes, replies, seen };
}

const TWO = bundle([new OscMessage("/a"), new OscBundle([new OscMessage("/b")])]);

describe("onBundle", () => {
  test("is called once with the whole bundle, before the messages, and not with a message outside a bundle", () => {
    const { dispatcher, context, seen } = setUp();
    const bundles: OscBundle[] = [];
    dispatcher.onBundle((whole) => {
      seen.push("bundle");
      bundles.push(whole);
    });
    expect(handlePacket(dispatcher, TWO, context)).toEqual(HANDLED);
    expect(handlePacket(dispatcher, message("/c"), context)).toEqual(HANDLED);
    expect(seen).toEqual(["bundle", "/a", "/b", "/c"]);
    expect(bundles.map((whole) => encode(whole))).toEqual([TWO]);
  });

  test("with only, messages don't call their handlers, and aren't counted as unmatched", () => {
    const { dispatcher, context, seen } = setUp();
    dispatcher.unmap("/*", dispatcher.handlersForAddress("/a")[0]!);
    dispatcher.map("/a", (address) => void seen.push(address));
    dispatcher.onBundle(() => void seen.push("first"));
    dispatcher.onBundle(() => void seen.push("second"), { only: true });
    expect(handlePacket(dispatcher, TWO, context)).toEqual(HANDLED);
    expect(seen).toEqual(["first", "second"]);
  });

  test("gives the client's address, the time tag and replies, and sends what the handler returns", () => {
    const { dispatcher, context, replies } = setUp();
    dispatcher.onBundle(({ elements }, { clientAddress, timeTag, reply }) => {
      reply(["/from", clientAddress.address, timeTag]);
      return ["/count", elements.length];
    });
    void handlePacket(dispatcher, bundle([new OscMessage("/a")], NOON), context);
    expect(replies).toMatchObject([
      { address: "/from", args: [CLIENT.address, TimeTag.from(NOON)] },
      { address: "/count", args: [1] },
    ]);
  });

  test("reports a handler that throws or replies badly, and goes on", () => {
    const { dispatcher, context, errors, seen } = setUp();
    const cause = new Error("thrown on purpose");
    dispatcher.onBundle(() => {
      throw cause;
    });
    dispatcher.onBundle((() => ({ not: "a reply" })) as never);
    expect(handlePacket(dispatcher, TWO, context)).toEqual(HANDLED);
    expect(errors).toMatchObject([
      { code: "OSC_HANDLER_FAILED", address: "#bundle", cause },
      { code: "OSC_BAD_REPLY", address: "#bundle" },
    ]);
    expect(seen).toEqual(["/a", "/b"]);
  });

  test("awaits a promise before the next handler and the messages, and reports it if nothing can await it", async () => {
    const { dispatcher, context, replies, seen, codes } = setUp();
    dispatcher.onBundle(async () => {
      await Promise.resolve();
      seen.push("awaited");
      return "/done";
    });
    dispatcher.onBundle(() => void seen.push("next"));
    expect(await handlePacket(dispatcher, TWO, context)).toEqual(HANDLED);
    expect(seen).toEqual(["awaited", "next", "/a", "/b"]);
    expect(replies).toMatchObject([{ address: "/done" }]);
    void handlePacket(dispatcher, TWO, { ...context, handling: { ...context.handling, mode: "sync" } });
    expect(codes()).toEqual(["OSC_ASYNC_HANDLER"]);
  });

  test("leaves out nested bundles that are dated later, at every depth", () => {
    const { dispatcher, context } = setUp({ asOf: NOON });
    const bundles: OscBundle[] = [];
    dispatcher.onBundle((whole) => void bundles.push(whole), { only: true });
    const later = bundle([new OscMessage("/later")], NOON + 1000);
    const now = TimeTag.from(NOON);
    void handlePacket(dispatcher, rawBundle(now, [message("/a"), later, rawBundle(now, [later, message("/b")])]), context);
    expect(encode(bundles[0]!)).toEqual(rawBundle(now, [message("/a"), rawBundle(now, [message("/b")])]));
  });

  test("reports the faults of the bundle and its messages once, with only too", () => {
    const { dispatcher, context, codes } = setUp();
    const bundles: OscBundle[] = [];
    dispatcher.onBundle((whole) => void bundles.push(whole), { only: true });
    const data = bundle([new OscMessage("/a", ["x"]), new OscMessage("/b")]);
    data[16 + 4 + 4 + 1] = "?".charCodeAt(0);
    void handlePacket(dispatcher, data, context);
    expect(codes()).toEqual(["OSC_UNKNOWN_TYPE_TAG"]);
    expect(bundles[0]!.elements).toMatchObject([{ address: "/b" }]);
  });

  test("offBundle undoes one onBundle; throws for a function that isn't mapped, and once frozen", () => {
    const { dispatcher, context, seen } = setUp();
    const fn = (): void => void seen.push("bundle");
    dispatcher.onBundle(fn);
    dispatcher.onBundle(fn);
    dispatcher.offBundle(fn);
    void handlePacket(dispatcher, bundle([]), context);
    expect(seen).toEqual(["bundle"]);
    dispatcher.offBundle(fn);
    expect(() => dispatcher.offBundle(fn)).toThrow(expect.objectContaining({ code: "OSC_NOT_MAPPED" }));
    expect(() => dispatcher.onBundle("fn" as never)).toThrow(expect.objectContaining({ code: "OSC_BAD_HANDLER" }));
    expect(() => dispatcher.onBundle(fn, { olny: true } as never)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
    dispatcher.freeze("Because.");
    expect(() => dispatcher.onBundle(fn)).toThrow(expect.objectContaining({ code: "OSC_DISPATCHER_FROZEN" }));
    expect(() => dispatcher.offBundle(fn)).toThrow(expect.objectContaining({ code: "OSC_DISPATCHER_FROZEN" }));
  });
});

test("examples/tuio.ts reads the fingers of each frame", () => {
  const example = fileURLToPath(new URL("../../examples/tuio.ts", import.meta.url));
  const output = execFileSync(process.execPath, ["--import", "tsx", example, "0"], { encoding: "utf8", timeout: 30_000 });
  expect(output.split("\n")).toEqual([
    "frame 1: 7 at 0.5, 0.25",
    "frame 2: 7 at 0.5, 0.75; 8 at 0.25, 0.25",
    "frame 3: nobody touches the table",
    "",
  ]);
});
