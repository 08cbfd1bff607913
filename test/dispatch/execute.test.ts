/* oxlint-disable unicorn/no-thenable -- handlers may return such things */
import { describe, expect, test, vi } from "vitest";
import { decode, encode, OscBundle, OscMessage, type OscPacket, TimeTag } from "../../src/codec/index.ts";
import { Dispatcher, encodeReply, handlePacket, type PacketContext, type PacketHandling } from "../../src/dispatch/index.ts";
import { OscServerError } from "../../src/errors.ts";
import { HANDLED } from "../../src/packet-result.ts";
import { bundle, CLIENT, errorList, message, rawBundle } from "./packets.ts";

const NOON = Date.UTC(2025, 5, 1, 12);

/** A context that keeps what it is given. */
function setUp({ asOf = Infinity, reply, ...handling }: Partial<PacketContext & PacketHandling> = {}) {
  const { errors, onError, codes } = errorList();
  const replies: OscPacket[] = [];
  const shutdowns: string[] = [];
  const context: PacketContext = {
    handling: { mode: "async", shutdown: () => shutdowns.push("shutdown"), ...handling },
    clientAddress: CLIENT,
    asOf,
    reply: reply ?? ((answer) => replies.push(decode(encodeReply(answer)))),
    error: onError,
  };
  return { dispatcher: new Dispatcher(), context, errors, codes, replies, shutdowns };
}

/** A dispatcher that keeps the addresses of the messages it is given. */
function listening() {
  const dispatcher = new Dispatcher();
  const seen: string[] = [];
  dispatcher.map("/*", (address) => void seen.push(address));
  return { dispatcher, seen };
}

describe("handlePacket", () => {
  test("turns bytes into calls and replies into bytes, without a promise if no handler returns one", () => {
    const { dispatcher, context, replies } = setUp();
    dispatcher.map("/ask", (address, ...args) => ["/answer", address, ...args]);
    expect(handlePacket(dispatcher, message("/ask", 1, "two"), context)).toEqual(HANDLED);
    expect(replies).toEqual([decode(message("/answer", "/ask", 1, "two"))]);
  });

  test("rejects a packet of which nothing can be read; it calls no handler and reports nothing", () => {
    const { context, codes } = setUp();
    const { dispatcher, seen } = listening();
    for (const bytes of [[], [1, 2, 3], [0x23, 0x62, 0x75, 0x6e]]) {
      expect(handlePacket(dispatcher, Uint8Array.from(bytes), context)).toMatchObject({ kind: "rejected", reason: "malformed" });
    }
    expect(seen).toEqual([]);
    expect(codes()).toEqual([]);
  });

  test("reports faults inside a packet one by one, and handles the good parts", () => {
    const { context, errors } = setUp();
    const { dispatcher, seen } = listening();
    const data = encode(new OscBundle([new OscMessage("/a", ["x"]), new OscMessage("/b", ["y"]), new OscMessage("/c", ["z"])]));
    // The type tag of /b becomes one that no one knows. Bundle header 16, two elements of 4 + 12 bytes, 4 of address, the comma.
    const tagOfB = 16 + 16 + 4 + 4 + 1;
    expect(data[tagOfB]).toBe("s".charCodeAt(0));
    data[tagOfB] = "?".charCodeAt(0);
    expect(handlePacket(dispatcher, data, context)).toEqual(HANDLED);
    expect(seen).toEqual(["/a", "/c"]);
    expect(errors).toEqual([expect.objectContaining({ name: "OscDecodeError", code: "OSC_UNKNOWN_TYPE_TAG" })]);
  });

  test("calls nothing for an address without its slash, not even the default handler", () => {
    const { context, codes } = setUp();
    const { dispatcher, seen } = listening();
    dispatcher.setDefaultHandler((address) => void seen.push(`default ${address}`));
    const data = message("/err", 1);
    data[0] = "x".charCodeAt(0);
    const result = handlePacket(dispatcher, data, context);
    expect(result).toEqual(HANDLED);
    expect(codes()).toEqual(["OSC_BAD_ADDRESS"]);
    expect(seen).toEqual([]);
  });

  test("with allowOddAddresses, calls what is mapped to * or the default handler, and reports nothing", () => {
    const { dispatcher, context, codes } = setUp({ allowOddAddresses: true });
    const seen: unknown[] = [];
    const data = message("/reply", 1);
    data[0] = "#".charCodeAt(0);
    dispatcher.map("/*", (address) => void seen.push(`slash ${address}`));
    dispatcher.setDefaultHandler((address, ...args) => void seen.push(["default", address, ...args]));
    expect(handlePacket(dispatcher, data, context)).toEqual(HANDLED);
    dispatcher.map("*", (address) => void seen.push(["star", address]));
    expect(handlePacket(dispatcher, rawBundle(TimeTag.IMMEDIATELY, [data]), context)).toEqual(HANDLED);
    expect(seen).toEqual([
      ["default", "#reply", 1],
      ["star", "#reply"],
    ]);
    expect(codes()).toEqual([]);
  });

  test("passes its options to the decoder", () => {
    const { context } = setUp({ strict: true });
    const { dispatcher, seen } = listening();
    // A message that is no multiple of 4 long: taken, unless strict.
    const data = message("/a", "text").subarray(0, -1);
    expect(handlePacket(dispatcher, data, setUp().context)).toEqual(HANDLED);
    expect(seen).toEqual(["/a"]);
    expect(handlePacket(dispatcher, data, context)).toMatchObject({ kind: "rejected", reason: "malformed" });
    expect(seen).toEqual(["/a"]);
  });

  test("shuts the server down for a handler, and still handles the rest of the packet", () => {
    const { dispatcher, context, shutdowns, replies } = setUp();
    dispatcher.map("/quit", ({ shutdown }) => shutdown(), { needsContext: true });
    dispatcher.map("/quit", () => "/bye");
    void handlePacket(dispatcher, message("/quit"), context);
    expect(shutdowns).toEqual(["shutdown"]);
    expect(replies).toEqual([decode(message("/bye"))]);
  });

  test("reports a handler that throws with its cause, and goes on", () => {
    const { dispatcher, context, errors, replies } = setUp();
    const cause = new Error("thrown on purpose");
    dispatcher.map("/a", () => {
      throw cause;
    });
    dispatcher.map("/a", () => "/still");
    void handlePacket(dispatcher, bundle([new OscMessage("/a"), new OscMessage("/a")]), context);
    const failed = expect.objectContaining({ code: "OSC_HANDLER_FAILED", address: "/a", cause });
    expect(errors).toEqual([failed, failed]);
    expect(replies).toHaveLength(2);
  });

  test("fails only the call that gets more arguments than a call can take", () => {
    const { context, codes, replies } = setUp({ maxArguments: 2_000_000 });
    const dispatcher = new Dispatcher();
    dispatcher.map("/many", () => undefined);
    dispatcher.map("/few", () => "/fine");
    const many = new OscMessage(
      "/many",
      Array.from({ length: 1_000_000 }, () => true),
    );
    void handlePacket(dispatcher, bundle([many, new OscMessage("/few")]), context);
    expect(codes()).toEqual(["OSC_HANDLER_FAILED"]);
    expect(replies).toHaveLength(1);
  });

  test("reports a reply that can't be sent with its cause, and sends the next", () => {
    const cause = new OscServerError("OSC_CLOSED", "closed on purpose");
    const sent: string[] = [];
    const { dispatcher, context, errors } = setUp({
      reply: (answer) => {
        const packet = decode(encodeReply(answer)) as OscMessage;
        if (packet.address === "/bad") throw cause;
        sent.push(packet.address);
      },
    });
    dispatcher.map("/a", () => "/bad");
    dispatcher.map("/a", () => "/good");
    void handlePacket(dispatcher, message("/a"), context);
    expect(errors).toEqual([expect.objectContaining({ code: "OSC_BAD_REPLY", address: "/a", cause })]);
    expect(sent).toEqual(["/good"]);
  });
});

describe("unmatched messages", () => {
  test("counts the messages that no handler matches", () => {
    const { dispatcher, context } = setUp();
    dispatcher.map("/filter", () => undefined);
    expect(handlePacket(dispatcher, message("/filter"), context)).toEqual(HANDLED);
    expect(handlePacket(dispatcher, message("/fliter"), context)).toEqual({ kind: "handled", unmatched: 1 });
    const data = bundle([new OscMessage("/fliter"), new OscMessage("/filter"), new OscBundle([new OscMessage("/nobody")])]);
    expect(handlePacket(dispatcher, data, context)).toEqual({ kind: "handled", unmatched: 2 });
  });

  test("counts them across handlers that are awaited", async () => {
    const { dispatcher, context } = setUp();
    dispatcher.map("/wait", async () => "/done");
    const data = bundle([new OscMessage("/a"), new OscMessage("/wait"), new OscMessage("/b")]);
    await expect(handlePacket(dispatcher, data, context)).resolves.toEqual({ kind: "handled", unmatched: 2 });
  });

  test("counts none that the default handler takes", () => {
    const { dispatcher, context } = setUp();
    dispatcher.setDefaultHandler(() => undefined);
    expect(handlePacket(dispatcher, message("/fliter"), context)).toEqual(HANDLED);
  });
});

describe("what can't be looked at", () => {
  const refuse = (): never => {
    throw new Error("nobody looks at this");
  };
  const hostile: Record<string, () => unknown> = {
    "a proxy": () => new Proxy({}, { get: refuse, getPrototypeOf: refuse, has: refuse, ownKeys: refuse }),
    "a revoked proxy": () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
    "an error whose getters throw": () =>
      Object.defineProperties(new Error("x"), { message: { get: refuse }, stack: { get: refuse }, name: { get: refuse } }),
    "an error whose message is no text": () => Object.defineProperty(new Error("x"), "message", { value: Symbol("x") }),
  };

  test.each(Object.entries(hostile))("costs no other handler if thrown or rejected: %s", async (_name, make) => {
    const { dispatcher, context, codes, replies } = setUp();
    dispatcher.map("/a", () => {
      throw make();
    });
    dispatcher.map("/a", () => Promise.reject(make() as Error));
    dispatcher.map("/a", () => make() as string);
    dispatcher.map("/a", () => "/still");
    await handlePacket(dispatcher, message("/a"), context);
    expect(codes()).toEqual(["OSC_HANDLER_FAILED", "OSC_HANDLER_FAILED", expect.stringMatching(/^OSC_(?:HANDLER_FAILED|BAD_REPLY)$/)]);
    expect(replies).toHaveLength(1);
  });

  test.each(Object.entries(hostile))("is printed as well as it can be: %s", (_name, make) => {
    const print = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const dispatcher = new Dispatcher();
    dispatcher.map("/a", () => {
      throw make();
    });
    dispatcher.map("/a", () => "/still");
    expect(dispatcher.callHandlersForPacket(message("/a"), CLIENT)).toHaveLength(1);
    expect(print.mock.calls.flat().join("\n")).toMatch(
      /^oscine: from 192\.0\.2\.7:9000: A handler of \/a failed: .*\[OSC_HANDLER_FAILED\]/,
    );
  });
});

describe("time", () => {
  const nested = (at: number, address: string, ...more: OscPacket[]) => new OscBundle([new OscMessage(address), ...more], TimeTag.from(at));

  test("leaves out nested bundles later than asOf with all they hold, but not due and immediate ones", () => {
    const { context } = setUp({ asOf: NOON });
    const { dispatcher, seen } = listening();
    const data = bundle([
      new OscMessage("/first"),
      nested(NOON - 1_000, "/past"),
      nested(NOON, "/now"),
      nested(NOON + 1, "/later", nested(NOON + 2, "/later/still")),
      new OscBundle([new OscMessage("/at/once")]),
      new OscBundle([new OscMessage("/zero"), nested(NOON + 5_000, "/inside")], new TimeTag(0, 0)),
      new OscMessage("/last"),
    ]);
    void handlePacket(dispatcher, data, context);
    expect(seen).toEqual(["/first", "/past", "/now", "/at/once", "/zero", "/last"]);
    seen.length = 0;
    void handlePacket(dispatcher, data, { ...context, asOf: Infinity });
    expect(seen).toEqual(["/first", "/past", "/now", "/later", "/later/still", "/at/once", "/zero", "/inside", "/last"]);
  });

  test("ignores the packet's own time tag", () => {
    const { context } = setUp({ asOf: NOON });
    const { dispatcher, seen } = listening();
    void handlePacket(dispatcher, bundle([new OscMessage("/a")], NOON + 60_000), context);
    expect(seen).toEqual(["/a"]);
  });

  test("handles the messages of a bundle with nothing in between", async () => {
    const { context } = setUp();
    const { dispatcher, seen } = listening();
    const one = handlePacket(dispatcher, bundle([new OscMessage("/1"), new OscMessage("/2")]), context);
    const two = handlePacket(dispatcher, bundle([new OscMessage("/3"), new OscMessage("/4")]), context);
    expect([one, two]).toEqual([HANDLED, HANDLED]);
    expect(seen).toEqual(["/1", "/2", "/3", "/4"]);
  });
});

describe("promises", () => {
  test("async: awaits one after another across handlers and messages, after the synchronous ones before the first", async () => {
    const { dispatcher, context, replies, codes } = setUp();
    const seen: string[] = [];
    const waiting: (() => void)[] = [];
    dispatcher.map("/a", (address) => void seen.push(`plain ${address}`));
    dispatcher.map("/*", async (address) => {
      seen.push(`begin ${address}`);
      await new Promise<void>((resolve) => waiting.push(resolve));
      seen.push(`end ${address}`);
      return ["/done", address];
    });
    const result = handlePacket(dispatcher, bundle([new OscMessage("/a"), new OscMessage("/b")]), context);
    expect(result).toBeInstanceOf(Promise);
    expect(seen).toEqual(["plain /a", "begin /a"]);
    waiting.shift()!();
    await Promise.resolve();
    await expect.poll(() => waiting.length).toBe(1);
    expect(seen).toEqual(["plain /a", "begin /a", "end /a", "begin /b"]);
    waiting.shift()!();
    expect(await result).toEqual(HANDLED);
    expect(seen.at(-1)).toBe("end /b");
    expect(replies).toEqual([decode(message("/done", "/a")), decode(message("/done", "/b"))]);
    expect(codes()).toEqual([]);
  });

  test("async: reports rejections and bad replies, and fulfills the promise", async () => {
    const { dispatcher, context, codes, replies } = setUp();
    dispatcher.map("/a", () => Promise.reject(new Error("rejected on purpose")));
    dispatcher.map("/a", async () => 7 as unknown as string);
    dispatcher.map("/a", () => {
      throw new Error("thrown on purpose");
    });
    dispatcher.map("/a", async () => "/good");
    await expect(handlePacket(dispatcher, message("/a"), context)).resolves.toEqual(HANDLED);
    expect(codes()).toEqual(["OSC_HANDLER_FAILED", "OSC_BAD_REPLY", "OSC_HANDLER_FAILED"]);
    expect(replies).toHaveLength(1);
  });

  test("async: sends a context's reply while the promise is pending", async () => {
    const { dispatcher, context, replies } = setUp();
    dispatcher.map(
      "/a",
      async ({ reply }) => {
        reply("/soon");
        await Promise.resolve();
        reply("/later");
        return "/last";
      },
      { needsContext: true },
    );
    await handlePacket(dispatcher, message("/a"), context);
    expect(replies.map((reply) => (reply as OscMessage).address)).toEqual(["/soon", "/later", "/last"]);
  });

  test("async: reports a reply that comes too late and fails, instead of throwing", async () => {
    const sent: string[] = [];
    const { dispatcher, context, codes } = setUp({
      reply: () => {
        if (sent.length > 0) throw new Error("closed on purpose");
        sent.push("sent");
      },
    });
    let late: ((value: string) => void) | undefined;
    dispatcher.map("/a", async ({ reply }) => void (late = reply), { needsContext: true });
    await handlePacket(dispatcher, message("/a"), context);
    late?.("/in/time");
    late?.("/too/late");
    late?.("no address");
    expect(sent).toEqual(["sent"]);
    expect(codes()).toEqual(["OSC_BAD_REPLY", "OSC_BAD_REPLY"]);
  });

  test("sync: says where promises are awaited, swallows the rejection, returns no promise and runs the others", async () => {
    const { dispatcher, context, errors, replies } = setUp({ mode: "sync" });
    dispatcher.map("/a", () => Promise.reject(new Error("rejected on purpose")));
    dispatcher.map("/a", () => "/other");
    expect(handlePacket(dispatcher, message("/a"), context)).toEqual(HANDLED);
    expect(errors).toEqual([
      expect.objectContaining({ code: "OSC_ASYNC_HANDLER", address: "/a", message: expect.stringContaining("async servers") }),
    ]);
    expect(replies).toHaveLength(1);
    // An unhandled rejection would fail the run.
    await new Promise((resolve) => setImmediate(resolve));
  });

  test.each(["sync", "async"] as const)("%s: a promise given to reply is a bad reply, and its rejection ends nothing", async (mode) => {
    const { dispatcher, context, errors } = setUp({ mode });
    dispatcher.map("/a", ({ reply }) => reply(Promise.reject(new Error("rejected on purpose")) as never), { needsContext: true });
    dispatcher.map("/a", ({ reply }) => reply(["/b", Promise.reject(new Error("rejected on purpose"))] as never), { needsContext: true });
    dispatcher.map("/a", () => ["/b", Promise.reject(new Error("rejected on purpose"))] as never);
    await handlePacket(dispatcher, message("/a"), context);
    expect(errors.map(({ code }) => code)).toEqual(["OSC_BAD_REPLY", "OSC_BAD_REPLY", "OSC_BAD_REPLY"]);
    expect(errors[0]?.message).toBe("A handler of /a replied with an object of class Promise. Await the promise first.");
    // An unhandled rejection would fail the run.
    await new Promise((resolve) => setImmediate(resolve));
  });

  test("handles many messages with async handlers without using the stack", async () => {
    const { dispatcher, context, replies } = setUp();
    let calls = 0;
    dispatcher.map("/a", async () => {
      calls += 1;
    });
    dispatcher.map("/end", () => "/done");
    const elements = Array.from({ length: 5_000 }, () => new OscMessage("/a"));
    await handlePacket(dispatcher, bundle([...elements, new OscMessage("/end")]), context);
    expect(calls).toBe(5_000);
    expect(replies).toHaveLength(1);
  });
});

describe("things that look like promises", () => {
  const thenables: Record<string, () => unknown> = {
    "one that fulfils twice and then rejects": () => ({
      then: (fulfil: (value: string) => void, reject: (reason: unknown) => void) => {
        fulfil("/first");
        fulfil("/second");
        reject(new Error("too late"));
      },
    }),
    "one that throws": () => ({
      then: () => {
        throw new Error("thrown by then");
      },
    }),
    "one whose then cannot be read": () =>
      Object.defineProperty({}, "then", {
        get: () => {
          throw new Error("thrown by the getter");
        },
      }),
    "one whose then can be read once": () => {
      let reads = 0;
      return Object.defineProperty({}, "then", {
        get: () => {
          reads += 1;
          if (reads > 1) throw new Error("thrown by the second look");
          return () => undefined;
        },
      });
    },
  };

  test.each(Object.entries(thenables))("async: %s costs its own reply at most", async (name, make) => {
    const { dispatcher, context, replies, codes } = setUp();
    dispatcher.map("/a", () => make() as PromiseLike<string>);
    dispatcher.map("/a", () => "/next");
    await handlePacket(dispatcher, message("/a"), context);
    const fulfils = name.includes("fulfils");
    expect(replies.map((reply) => (reply as OscMessage).address)).toEqual(fulfils ? ["/first", "/next"] : ["/next"]);
    expect(codes()).toEqual(fulfils ? [] : ["OSC_HANDLER_FAILED"]);
  });

  test.each(Object.entries(thenables))("sync: %s is an error", async (name, make) => {
    const { dispatcher, context, replies, codes } = setUp({ mode: "sync" });
    dispatcher.map("/a", () => make() as PromiseLike<string>);
    dispatcher.map("/a", () => "/next");
    void handlePacket(dispatcher, message("/a"), context);
    await new Promise((resolve) => setImmediate(resolve));
    expect(replies).toHaveLength(1);
    expect(codes()).toEqual([name.includes("cannot be read") ? "OSC_HANDLER_FAILED" : "OSC_ASYNC_HANDLER"]);
  });
});
