import { describe, expect, expectTypeOf, test, vi } from "vitest";
import { float, OscBundle, OscMessage, type OscValue, TimeTag } from "../../src/codec/index.ts";
import { Dispatcher, type Handler, type HandlerContext, type OscReply } from "../../src/dispatch/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { bundle, CLIENT, errorList, message } from "./packets.ts";

/** Keeps every call it gets. */
function recorder() {
  const calls: unknown[][] = [];
  return { calls, record: (...parameters: unknown[]): void => void calls.push(parameters) };
}

/** Calls the handlers of a packet that must not fail. */
function run(dispatcher: Dispatcher, data: Uint8Array) {
  return dispatcher.callHandlersForPacket(data, CLIENT, {
    onError: (error) => {
      throw error;
    },
  });
}

describe("a handler", () => {
  test("is called with the message's own address and its arguments", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.map("/mixer/gain", record);
    run(dispatcher, message("/mixer/gain", float(0.5), "left", null, [1, 2]));
    run(dispatcher, message("/mixer/g*"));
    expect(calls).toEqual([["/mixer/gain", 0.5, "left", null, [1, 2]], ["/mixer/g*"]]);
  });

  test("gets fixed arguments as one array after the address", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.map("/x", record, { args: ["one", { two: 2 }] });
    dispatcher.map("/x", record, { args: [] });
    run(dispatcher, message("/x", 7));
    expect(calls).toEqual([
      ["/x", ["one", { two: 2 }], 7],
      ["/x", [], 7],
    ]);
  });

  test("gets the fixed arguments as they were when it was mapped", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    const args = ["then"];
    dispatcher.map("/x", record, { args });
    args.push("later");
    run(dispatcher, message("/x"));
    expect(calls).toEqual([["/x", ["then"]]]);
  });

  test("gets the client's address first if it asks for it", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.map("/x", record, { needsReplyAddress: true });
    dispatcher.map("/x", record, { needsReplyAddress: true, args: ["fixed"] });
    run(dispatcher, message("/x", 7));
    expect(calls).toEqual([
      [CLIENT, "/x", 7],
      [CLIENT, "/x", ["fixed"], 7],
    ]);
  });

  test("gets a context first if it asks for it", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.map("/ch/*/gain", record, { needsContext: true });
    dispatcher.map("/ch/*/gain", record, { needsContext: true, args: ["fixed"] });
    run(dispatcher, message("/ch/12/gain", "a"));
    expect(calls.map((call) => call.slice(1))).toEqual([
      ["/ch/12/gain", "a"],
      ["/ch/12/gain", ["fixed"], "a"],
    ]);
    const context = calls[0]![0] as HandlerContext;
    expect(context.clientAddress).toBe(CLIENT);
    expect(context.message.address).toBe("/ch/12/gain");
    expect(context.message.types).toBe("s");
    expect(context.captures).toEqual(["12"]);
    expect(context.timeTag).toBeNull();
  });

  test("is called without this", () => {
    const dispatcher = new Dispatcher();
    const seen: unknown[] = [];
    dispatcher.map("/x", function (this: unknown) {
      seen.push(this);
    });
    run(dispatcher, message("/x"));
    expect(seen).toEqual([undefined]);
  });

  test("gets the time tag of the innermost bundle that holds the message", () => {
    const dispatcher = new Dispatcher();
    const times: (TimeTag | null)[] = [];
    dispatcher.map("/x", ({ timeTag }: HandlerContext) => void times.push(timeTag), { needsContext: true });
    const inner = new OscBundle([new OscMessage("/x")], TimeTag.from(2_000_000_000_500));
    run(dispatcher, bundle([new OscMessage("/x"), inner, new OscMessage("/x")], 2_000_000_000_000));
    expect(times.map((time) => time?.toMillis())).toEqual([2_000_000_000_000, 2_000_000_000_500, 2_000_000_000_000]);
    run(dispatcher, bundle([new OscMessage("/x")]));
    expect(times[3]?.isImmediate).toBe(true);
  });
});

describe("finding handlers", () => {
  test("calls all that match, in the order in which they were mapped", () => {
    const dispatcher = new Dispatcher();
    const seen: string[] = [];
    for (const [name, address] of Object.entries({ a: "/*", b: "/x/y", c: "/x/?", d: "/x/z", e: "/x*", f: "/x/y" })) {
      dispatcher.map(address, () => void seen.push(name));
    }
    run(dispatcher, message("/x/y"));
    expect(seen).toEqual(["a", "b", "c", "e", "f"]);
  });

  test("matches slashes with a star in a mapped address, but not in a message", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.map("/some/address*", record);
    dispatcher.map("/deep/er/still", record);
    for (const address of [
      "/some/address",
      "/some/address/of/mine",
      "/some/addresses",
      "/not/some/address",
      "/some",
      "/deep/*",
      "/deep/*/still",
    ]) {
      run(dispatcher, message(address));
    }
    expect(calls.map(([address]) => address)).toEqual(["/some/address", "/some/address/of/mine", "/some/addresses", "/deep/*/still"]);
  });

  test("calls the default handler only if nothing matches", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.map("/known", () => undefined);
    dispatcher.setDefaultHandler(record);
    run(dispatcher, message("/known"));
    run(dispatcher, message("/unknown", 1));
    run(dispatcher, message("/unclosed[", 2));
    expect(calls).toEqual([
      ["/unknown", 1],
      ["/unclosed[", 2],
    ]);
    dispatcher.setDefaultHandler(null);
    run(dispatcher, message("/unknown", 3));
    expect(calls).toHaveLength(2);
  });

  test("gives the default handler the client's address or a context", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.setDefaultHandler(record, { needsReplyAddress: true });
    run(dispatcher, message("/x", 1));
    dispatcher.setDefaultHandler(record, { needsContext: true });
    run(dispatcher, message("/x", 2));
    expect(calls).toEqual([
      [CLIENT, "/x", 1],
      [expect.objectContaining({ clientAddress: CLIENT, captures: [] }), "/x", 2],
    ]);
  });

  test("handles the messages of a bundle in order, those of nested bundles in their place", () => {
    const dispatcher = new Dispatcher();
    const seen: string[] = [];
    dispatcher.map("/*", (address) => void seen.push(address));
    const inner = new OscBundle([new OscMessage("/b"), new OscBundle([new OscMessage("/c")])]);
    run(dispatcher, bundle([new OscMessage("/a"), inner, new OscMessage("/d")]));
    expect(seen).toEqual(["/a", "/b", "/c", "/d"]);
  });

  test("calls what a handler maps from the next message on", () => {
    const dispatcher = new Dispatcher();
    const seen: string[] = [];
    dispatcher.map("/learn", () => {
      dispatcher.map("/learn", () => void seen.push("second"));
      dispatcher.map("/learned", () => void seen.push("learned"));
    });
    run(dispatcher, bundle([new OscMessage("/learn"), new OscMessage("/learned")]));
    expect(seen).toEqual(["learned"]);
  });

  test("does not wait for time tags", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.map("/x", record);
    run(dispatcher, bundle([new OscMessage("/x"), new OscBundle([new OscMessage("/x")], TimeTag.in(7_200_000))], Date.now() + 3_600_000));
    expect(calls).toHaveLength(2);
  });
});

describe("handlersForAddress", () => {
  test("returns the handlers in order, and the default handler only if there is none", () => {
    const dispatcher = new Dispatcher();
    expect(dispatcher.handlersForAddress("/a")).toEqual([]);
    const fallback = () => undefined;
    dispatcher.setDefaultHandler(fallback);
    const first = dispatcher.map("/*", () => undefined);
    const second = dispatcher.map("/a", () => undefined);
    expect(dispatcher.handlersForAddress("/a")).toEqual([first, second]);
    expect(dispatcher.handlersForAddress("/{a,b}")[1]).toBe(second);
    dispatcher.unmap("/*", first);
    const others = dispatcher.handlersForAddress("/b");
    expect(others.map(({ callback, address }) => [callback, address])).toEqual([[fallback, null]]);
  });
});

describe("unmap", () => {
  const fn = (): void => undefined;

  test("takes what map returned", () => {
    const dispatcher = new Dispatcher();
    const first = dispatcher.map("/x", fn);
    const second = dispatcher.map("/x", fn);
    dispatcher.unmap("/x", second);
    expect(dispatcher.handlersForAddress("/x")).toEqual([first]);
    expect(dispatcher.handlersForAddress("/x")[0]).toBe(first);
    dispatcher.unmap("/x", first);
    expect(dispatcher.handlersForAddress("/x")).toEqual([]);
  });

  test("takes a function with its options, and of equal mappings the earliest", () => {
    const dispatcher = new Dispatcher();
    const shared = {};
    const plain = dispatcher.map("/x", fn);
    const withArgs = dispatcher.map("/x", fn, { args: ["a", Number.NaN, shared] });
    const withAddress = dispatcher.map("/x", fn, { needsReplyAddress: true });
    const withContext = dispatcher.map("/x", fn, { needsContext: true });
    const plainAgain = dispatcher.map("/x", fn);
    const left = () => [...dispatcher.handlersForAddress("/x")];
    dispatcher.unmap("/x", fn, { args: ["a", Number.NaN, shared] });
    expect(left()).toEqual([plain, withAddress, withContext, plainAgain]);
    expect(left()).not.toContain(withArgs);
    dispatcher.unmap("/x", fn);
    expect(left()[0]).toBe(withAddress);
    dispatcher.unmap("/x", fn, { needsReplyAddress: true });
    expect(left()[0]).toBe(withContext);
    dispatcher.unmap("/x", fn, { needsContext: true });
    expect(left()).toHaveLength(1);
    expect(left()[0]).toBe(plainAgain);
  });

  test("throws if no such handler is mapped, and changes nothing", () => {
    const dispatcher = new Dispatcher();
    const handler = dispatcher.map("/x", fn, { args: [1] });
    const notMapped = expect.objectContaining({ name: "OscDispatchError", code: "OSC_NOT_MAPPED" });
    expect(() => dispatcher.unmap("/x", fn)).toThrow(notMapped);
    expect(() => dispatcher.unmap("/x", fn, { args: [2] })).toThrow(notMapped);
    expect(() => dispatcher.unmap("/x", fn, { args: [1, 2] })).toThrow(notMapped);
    expect(() => dispatcher.unmap("/x", fn, { args: [1], needsReplyAddress: true })).toThrow(notMapped);
    expect(() => dispatcher.unmap("/x", () => undefined, { args: [1] })).toThrow(notMapped);
    expect(() => dispatcher.unmap("/y", handler)).toThrow(notMapped);
    expect(() => dispatcher.unmap("/*", handler)).toThrow(notMapped);
    expect(dispatcher.handlersForAddress("/x")[0]).toBe(handler);
    dispatcher.unmap("/x", handler);
    expect(() => dispatcher.unmap("/x", handler)).toThrow(notMapped);
  });
});

describe("map", () => {
  test("refuses an address that nothing can match", () => {
    const dispatcher = new Dispatcher();
    const bad = expect.objectContaining({ code: "OSC_BAD_MAPPED_ADDRESS" });
    expect(() => dispatcher.map("no-slash", () => undefined)).toThrow(bad);
    expect(() => dispatcher.map("/unclosed[", () => undefined)).toThrow(bad);
    // Nothing is left behind that unmap could find.
    expect(() => dispatcher.unmap("no-slash", () => undefined)).toThrow(expect.objectContaining({ code: "OSC_NOT_MAPPED" }));
  });

  test("refuses something other than a function, and contradicting options", () => {
    const dispatcher = new Dispatcher();
    const bad = expect.objectContaining({ code: "OSC_BAD_HANDLER" });
    const missing = undefined as unknown as () => void;
    expect(() => dispatcher.map("/x", missing)).toThrow(bad);
    expect(() => dispatcher.setDefaultHandler(missing)).toThrow(bad);
    const both = { needsReplyAddress: true, needsContext: true } as unknown as { needsContext: true };
    expect(() => dispatcher.map("/x", () => undefined, both)).toThrow(bad);
    expect(dispatcher.handlersForAddress("/x")).toEqual([]);
  });
});

describe("nearestAddress", () => {
  test("names the mapped address that is a typing error away, or none", () => {
    const dispatcher = new Dispatcher();
    for (const address of ["/filter", "/volume", "/mixer/1/gain", "/mixer/*"]) dispatcher.map(address, () => undefined);
    expect(dispatcher.nearestAddress("/fliter")).toBe("/filter");
    expect(dispatcher.nearestAddress("/Volume")).toBe("/volume");
    expect(dispatcher.nearestAddress("/mixer/1/gian")).toBe("/mixer/1/gain");
    expect(dispatcher.nearestAddress("/entirely/else")).toBeUndefined();
    expect(new Dispatcher().nearestAddress("/a")).toBeUndefined();
  });
});

test("a frozen dispatcher says why it cannot be changed, and still works", () => {
  const dispatcher = new Dispatcher();
  const handler = dispatcher.map("/x", () => "/done");
  expect(dispatcher.frozen).toBe(false);
  dispatcher.freeze("Its threads would not see the change.");
  dispatcher.freeze("Another reason.");
  expect(dispatcher.frozen).toBe(true);
  const frozen = expect.objectContaining({
    code: "OSC_DISPATCHER_FROZEN",
    message: expect.stringContaining("Its threads would not see the change."),
  });
  expect(() => dispatcher.map("/y", () => undefined)).toThrow(frozen);
  expect(() => dispatcher.unmap("/x", handler)).toThrow(frozen);
  expect(() => dispatcher.setDefaultHandler(null)).toThrow(frozen);
  expect(run(dispatcher, message("/x"))).toEqual([new OscMessage("/done")]);
});

test("strictTiming is true unless it is switched off", () => {
  expect(new Dispatcher().strictTiming).toBe(true);
  expect(new Dispatcher({ strictTiming: false }).strictTiming).toBe(false);
});

describe("replies", () => {
  test("are returned in every form, in the order of messages and handlers", () => {
    const dispatcher = new Dispatcher();
    const whole = new OscMessage("/whole", [1]);
    const together = new OscBundle([whole]);
    const answers: OscReply[] = ["/done", ["/volume", 0.5, "dB"], ["/point", [1, 2]], ["/bare"], whole, together];
    for (const answer of answers) dispatcher.map("/ask", () => answer);
    dispatcher.map("/ask", () => undefined);
    dispatcher.map("/ask", () => null);
    dispatcher.map("/more", () => "/last");
    const replies = run(dispatcher, bundle([new OscMessage("/ask"), new OscMessage("/more")]));
    expect(replies).toEqual([
      new OscMessage("/done"),
      new OscMessage("/volume", [0.5, "dB"]),
      new OscMessage("/point", [[1, 2]]),
      new OscMessage("/bare"),
      whole,
      together,
      new OscMessage("/last"),
    ]);
  });

  test("may come through the context, before what the handler returns", () => {
    const dispatcher = new Dispatcher();
    dispatcher.map(
      "/ask",
      ({ reply }) => {
        reply("/one");
        reply(["/two", 2]);
        reply(undefined);
        return "/three";
      },
      { needsContext: true },
    );
    expect(run(dispatcher, message("/ask"))).toEqual([new OscMessage("/one"), new OscMessage("/two", [2]), new OscMessage("/three")]);
  });

  test.each([
    ["a number", 42],
    ["true", true],
    ["an empty array", []],
    ["an array without an address", [1, "/x"]],
    ["an object", { address: "/x" }],
    ["an object without a prototype", Object.create(null)],
    ["a function", () => "/x"],
    ["an address without a slash", "done"],
    ["an argument that OSC has not", ["/x", Symbol("s")]],
    ["an address without a slash in an array", ["done", 1]],
  ])("%s is none: reported, and the others go out", (_name, answer) => {
    const dispatcher = new Dispatcher();
    dispatcher.map("/ask", () => answer as OscReply);
    dispatcher.map("/ask", () => "/good");
    dispatcher.map(
      "/ask",
      (context) => {
        context.reply(answer as OscReply);
      },
      { needsContext: true },
    );
    const { errors, onError } = errorList();
    expect(dispatcher.callHandlersForPacket(message("/ask"), CLIENT, { onError })).toEqual([new OscMessage("/good")]);
    expect(errors).toEqual([
      expect.objectContaining({ name: "OscDispatchError", code: "OSC_BAD_REPLY", address: "/ask" }),
      expect.objectContaining({ name: "OscDispatchError", code: "OSC_BAD_REPLY", address: "/ask" }),
    ]);
  });
});

describe("errors", () => {
  test("of a handler are reported with their cause, and the packet's other handlers run", () => {
    const dispatcher = new Dispatcher();
    const cause = new TypeError("thrown on purpose");
    const seen: string[] = [];
    dispatcher.map("/a", () => {
      throw cause;
    });
    dispatcher.map("/*", (address) => void seen.push(address));
    const { errors, onError } = errorList();
    dispatcher.callHandlersForPacket(bundle([new OscMessage("/a"), new OscMessage("/b")]), CLIENT, { onError });
    expect(seen).toEqual(["/a", "/b"]);
    expect(errors).toEqual([expect.objectContaining({ code: "OSC_HANDLER_FAILED", address: "/a", cause })]);
    expect(errors[0]!.message).toContain("thrown on purpose");
  });

  test.each([["a string"], [undefined], [null], [Object.create(null)], [Symbol("s")]])("%o is thrown: reported all the same", (thrown) => {
    const dispatcher = new Dispatcher();
    dispatcher.map("/a", () => {
      throw thrown;
    });
    const { errors, onError } = errorList();
    dispatcher.callHandlersForPacket(message("/a"), CLIENT, { onError });
    expect(errors).toEqual([expect.objectContaining({ code: "OSC_HANDLER_FAILED", cause: thrown })]);
  });

  test("of the decoder are reported with the client, and nothing is called", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.setDefaultHandler(record);
    const onError = vi.fn();
    expect(dispatcher.callHandlersForPacket(Uint8Array.of(1, 2, 3), CLIENT, { onError })).toEqual([]);
    expect(onError.mock.calls).toEqual([[expect.objectContaining({ name: "OscDecodeError" }), CLIENT]]);
    expect(calls).toEqual([]);
  });

  test("prints one line for each error without onError, and the caller's own stack frames if a handler threw", () => {
    const printed: string[] = [];
    const spy = vi.spyOn(console, "error").mockImplementation((text: string) => void printed.push(text));
    try {
      const dispatcher = new Dispatcher();
      dispatcher.map("/a", function failing() {
        throw new Error("thrown on purpose");
      });
      dispatcher.callHandlersForPacket(message("/a"), CLIENT);
      dispatcher.callHandlersForPacket(Uint8Array.of(1, 2, 3), CLIENT);
    } finally {
      spy.mockRestore();
    }
    expect(printed).toHaveLength(2);
    const [line, ...frames] = printed[0]?.split("\n") ?? [];
    expect(line).toMatch(/^oscine: from 192\.0\.2\.7:9000: .*\/a.*thrown on purpose.*\[OSC_HANDLER_FAILED\]$/);
    expect(frames).toEqual([expect.stringMatching(/at .*failing.*dispatcher\.test\.ts:\d+:\d+/)]);
    expect(printed[1]).toMatch(/^oscine: from 192\.0\.2\.7:9000: .*\[OSC_[A-Z_]+\]$/);
  });

  test("are reported for a promise that nothing awaits; its rejection is swallowed and the others run", async () => {
    const dispatcher = new Dispatcher();
    dispatcher.map("/a", async () => {
      throw new Error("rejected on purpose");
    });
    dispatcher.map("/a", () => "/other");
    const { errors, onError } = errorList();
    expect(dispatcher.callHandlersForPacket(message("/a"), CLIENT, { onError })).toEqual([new OscMessage("/other")]);
    expect(errors).toEqual([expect.objectContaining({ code: "OSC_ASYNC_HANDLER", address: "/a" })]);
    // An unhandled rejection would fail the run.
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toHaveLength(1);
  });
});

test("throws what onError throws, so that a caller may choose to fail", async () => {
  const dispatcher = new Dispatcher();
  dispatcher.map("/a", () => 42 as unknown as string);
  const onError = (error: Error): never => {
    throw error;
  };
  const badReply = expect.objectContaining({ code: "OSC_BAD_REPLY" });
  expect(() => dispatcher.callHandlersForPacket(message("/a"), CLIENT, { onError })).toThrow(badReply);
  await expect(dispatcher.asyncCallHandlersForPacket(message("/a"), CLIENT, { onError })).rejects.toThrow(badReply);
});

describe("asyncCallHandlersForPacket", () => {
  test("awaits one handler after another, and keeps the order of replies", async () => {
    const dispatcher = new Dispatcher();
    const seen: string[] = [];
    for (const [name, turns] of Object.entries({ slow: 5, quick: 1 })) {
      dispatcher.map("/a", async (address) => {
        seen.push(`${name} begins`);
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        seen.push(`${name} ends`);
        return [address, name];
      });
    }
    dispatcher.map("/*", (address) => [address, "plain"]);
    const data = bundle([new OscMessage("/a"), new OscMessage("/b")]);
    const replies = await dispatcher.asyncCallHandlersForPacket(data, CLIENT);
    expect(seen).toEqual(["slow begins", "slow ends", "quick begins", "quick ends"]);
    expect(replies.map((reply) => (reply as OscMessage).args[0])).toEqual(["slow", "quick", "plain", "plain"]);
  });

  test("reports a rejection and goes on", async () => {
    const dispatcher = new Dispatcher();
    const cause = new Error("rejected on purpose");
    dispatcher.map("/a", () => Promise.reject(cause));
    dispatcher.map("/a", async () => 42 as unknown as string);
    dispatcher.map("/a", async () => "/good");
    const { errors, onError } = errorList();
    expect(await dispatcher.asyncCallHandlersForPacket(message("/a"), CLIENT, { onError })).toEqual([new OscMessage("/good")]);
    expect(errors).toEqual([
      expect.objectContaining({ code: "OSC_HANDLER_FAILED", cause }),
      expect.objectContaining({ code: "OSC_BAD_REPLY" }),
    ]);
  });

  test("makes the calls before the first await before it returns", () => {
    const dispatcher = new Dispatcher();
    const { calls, record } = recorder();
    dispatcher.map("/a", record);
    const pending = dispatcher.asyncCallHandlersForPacket(message("/a"), CLIENT);
    expect(calls).toHaveLength(1);
    return expect(pending).resolves.toEqual([]);
  });

  test("reports an undecodable packet instead of throwing", async () => {
    const { errors, onError } = errorList();
    expect(await new Dispatcher().asyncCallHandlersForPacket(new Uint8Array(0), CLIENT, { onError })).toEqual([]);
    expect(errors).toEqual([expect.objectContaining({ name: "OscDecodeError" })]);
  });
});

describe("types", () => {
  const dispatcher = new Dispatcher();

  test("a handler can say its argument types", () => {
    dispatcher.map("/x", (address: string, gain: number, name?: string) => {
      expectTypeOf(address).toBeString();
      expectTypeOf(gain).toBeNumber();
      expectTypeOf(name).toEqualTypeOf<string | undefined>();
    });
    dispatcher.map("/x", (address: string, ...gains: number[]) => [address, Math.max(...gains)]);
    // @ts-expect-error a Date never arrives
    dispatcher.map("/x", (_address: string, _when: Date) => undefined);
    // @ts-expect-error a number is no reply
    dispatcher.map("/x", () => 42);
  });

  test("without types it gets those of OSC, and the first parameter follows the options", () => {
    dispatcher.map("/x", (address, ...args) => {
      expectTypeOf(address).toBeString();
      expectTypeOf(args).toEqualTypeOf<readonly OscValue[]>();
    });
    dispatcher.map(
      "/x",
      (client, address) => {
        expectTypeOf(client).toEqualTypeOf<NetAddress>();
        expectTypeOf(address).toBeString();
      },
      { needsReplyAddress: true },
    );
    dispatcher.map(
      "/x",
      (context, address) => {
        expectTypeOf(context).toEqualTypeOf<HandlerContext>();
        expectTypeOf(address).toBeString();
      },
      { needsContext: true },
    );
    // @ts-expect-error without the option there is no client address
    dispatcher.map("/x", (_client: NetAddress, _address: string) => undefined);
    dispatcher.setDefaultHandler((address, ...args) => [address, args.length]);
    dispatcher.setDefaultHandler((client: NetAddress, _address: string) => ["/from", client.port], { needsReplyAddress: true });
    dispatcher.setDefaultHandler(({ captures }) => ["/captures", captures.length], { needsContext: true });
  });

  test("fixed arguments have the types of what is given", () => {
    dispatcher.map("/x", (_address: string, [side, index]: [string, number], gain: number) => [side, index, gain], { args: ["/left", 3] });
    dispatcher.map("/x", (client: NetAddress, _address: string, names: string[]) => ["/x", client.port, ...names], {
      args: ["a", "b"],
      needsReplyAddress: true,
    });
    dispatcher.map("/x", (context: HandlerContext, _address: string, [by]: [number]) => context.reply(["/x", by]), {
      args: [2],
      needsContext: true,
    });
    // @ts-expect-error the fixed arguments are of another type
    dispatcher.map("/x", (_address: string, _fixed: [Date]) => undefined, { args: ["left"] });
    // A function of the user's own, reply and all, and its mapping.
    function volume(_address: string, level: number): OscReply {
      return ["/volume", level];
    }
    expectTypeOf(dispatcher.map("/volume", volume)).toEqualTypeOf<Handler>();
    dispatcher.unmap("/volume", volume);
  });
});
