import { describe, expect, expectTypeOf, test, vi } from "vitest";
import type { TimeTag } from "../../src/codec/index.ts";
import { type OscArgument, OscBundle, OscMessage, double, encode, float, int, long } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import { type ArgumentsOf, Namespace, type NamespaceChange } from "../../src/namespace/index.ts";

const CLIENT = { address: "10.0.0.1", port: 5000, family: "IPv4" } as const;

/** Sends a message to a dispatcher. Gives the codes and messages of what was reported. */
function send(dispatcher: Dispatcher, packet: OscMessage | OscBundle): string[] {
  const errors: OscError[] = [];
  dispatcher.callHandlersForPacket(encode(packet), CLIENT, { onError: (error) => errors.push(error) });
  return errors.map(({ code, message }) => `${code} ${message}`);
}

/** What a handler of such a description is called with, or the error. */
function receive(description: Parameters<Namespace["add"]>[1], ...args: OscArgument[]): unknown {
  const dispatcher = new Dispatcher();
  let got: unknown;
  dispatcher.map("/x", description, (_address, ...values) => void (got = values));
  const errors = send(dispatcher, new OscMessage("/x", args));
  return errors.length > 0 ? errors.join() : got;
}

describe("types of arguments", () => {
  test("follow from a literal type tag string", () => {
    expectTypeOf<ArgumentsOf<"ifs">>().toEqualTypeOf<[number, number, string]>();
    expectTypeOf<ArgumentsOf<"">>().toEqualTypeOf<[]>();
    expectTypeOf<ArgumentsOf<"hTbN">>().toEqualTypeOf<[bigint, boolean, Uint8Array, null]>();
    expectTypeOf<ArgumentsOf<"i[f[s]]t">>().toEqualTypeOf<[number, [number, [string]], TimeTag]>();
    expectTypeOf<ArgumentsOf<"f?si">>().toEqualTypeOf<[number, string?, number?]>();
    expectTypeOf<ArgumentsOf<"q">>().toEqualTypeOf<[{ readonly badTypeTag: "q" }]>();
    const dispatcher = new Dispatcher();
    dispatcher.map("/a", { types: "fs" }, (address, gain, name) => {
      expectTypeOf(address).toEqualTypeOf<string>();
      expectTypeOf(gain).toEqualTypeOf<number>();
      expectTypeOf(name).toEqualTypeOf<string>();
    });
    dispatcher.map("/b", { types: "i" }, (context, _address, value) => [context.message.address, value], { needsContext: true });
    dispatcher.map("/c", { types: "i" }, (client, _address, value) => [client.address, value], { needsReplyAddress: true });
    // @ts-expect-error -- the argument is a number
    dispatcher.map("/d", { types: "f" }, (_address, value: string) => value);
  });

  test.each([
    ["an int where a float is wanted, if the float is exact", "f", int(3), [3]],
    ["a float where an int is wanted, if it is whole", "i", float(3), [3]],
    ["an int and a float where a double is wanted", "d", float(0.5), [0.5]],
    ["a double that a float can hold", "f", double(0.5), [0.5]],
    ["an int where a 64-bit int is wanted", "h", int(7), [7n]],
    ["a small 64-bit int where an int is wanted", "i", long(7n), [7]],
    ["false where a boolean is written as T", "T", false, [false]],
  ])("%s is taken", (_name, types, value, expected) => {
    expect(receive({ types }, value)).toEqual(expected);
  });

  test.each([
    ["an int that no float can hold", "f", int(16_777_217), ",i"],
    ["a float with a fraction where an int is wanted", "i", float(0.5), ",f"],
    ["a double that no float can hold", "f", double(0.1), ",d"],
    ["a string where a number is wanted", "f", "1", ",s"],
    ["true where a number is wanted", "i", true, ",T"],
    ["a 64-bit int that is too large", "i", long(2n ** 40n), ",h"],
  ])("%s is rejected with what was expected and what came", (_name, types, value, got) => {
    expect(receive({ types }, value)).toBe(
      `OSC_REJECTED A message to /x was rejected: its arguments must be of the types ",${types}"; got "${got}".`,
    );
  });

  test("booleans and numbers are taken for each other only on request", () => {
    expect(receive({ types: "i", coerceBooleans: true }, true)).toEqual([1]);
    expect(receive({ types: "T", coerceBooleans: true }, int(0))).toEqual([false]);
    expect(receive({ types: "T" }, int(0))).toMatch(/^OSC_REJECTED/);
  });

  test("arrays and arguments that may be left out are checked, too", () => {
    expect(receive({ types: "i[ff]?s" }, 1, [0.5, int(2)])).toEqual([1, [0.5, 2]]);
    expect(receive({ types: "i[ff]?s" }, 1, [0.5, int(2)], "x")).toEqual([1, [0.5, 2], "x"]);
    expect(receive({ types: "i[ff]?s" }, 1, [0.5])).toMatch(/^OSC_REJECTED/);
    expect(receive({ types: "i[ff]?s" }, 1)).toMatch(/^OSC_REJECTED/);
    expect(receive({ types: "i?s" }, 1, "x", "y")).toMatch(/^OSC_REJECTED/);
  });

  test("ranges clip, or reject with the range", () => {
    expect(receive({ types: "f", range: [{ min: 0, max: 1, clip: "both" }] }, float(7))).toEqual([1]);
    expect(receive({ types: "f", range: [{ min: 0, max: 1, clip: "low" }] }, float(-7))).toEqual([0]);
    expect(receive({ types: "f", range: [{ min: 0, max: 1, clip: "low" }] }, float(7))).toBe(
      "OSC_REJECTED A message to /x was rejected: argument 1 must be from 0 to 1; got 7.",
    );
    expect(receive({ types: "fs", range: [null, { values: ["sine", "saw"] }] }, float(7), "saw")).toEqual([7, "saw"]);
    expect(receive({ types: "fs", range: [null, { values: ["sine", "saw"] }] }, float(7), "tri")).toMatch(
      /one of "sine", "saw"; got "tri"/,
    );
    expect(receive({ range: [{ min: 0 }] }, float(Number.NaN))).toMatch(/^OSC_REJECTED/);
  });

  test("a validator of the Standard Schema interface decides, and gives the arguments", () => {
    const schema = (validate: (value: unknown) => unknown) => ({ "~standard": { version: 1, vendor: "test", validate } }) as never;
    expect(receive({ schema: schema((args) => ({ value: (args as number[]).map((value) => value * 2) })) }, 1, 2)).toEqual([2, 4]);
    expect(receive({ schema: schema(() => ({ issues: [{ message: "no" }, { message: "never" }] })) }, 1)).toBe(
      "OSC_REJECTED A message to /x was rejected: no; never.",
    );
    expect(receive({ schema: schema(() => Promise.reject(new Error("late"))) }, 1)).toMatch(/asynchronous/);
  });

  test("a method that can only be read refuses messages", () => {
    expect(receive({ types: "f", access: "read" }, float(1))).toMatch(/it can't be written/);
  });
});

describe("dispatching", () => {
  test("other handlers of the message run, and the refusal is reported once", () => {
    const dispatcher = new Dispatcher();
    const other = vi.fn();
    dispatcher.map("/a", { types: "f" }, () => expect.fail("must not be called"));
    dispatcher.map("/*", other);
    expect(send(dispatcher, new OscMessage("/a", ["x"]))).toHaveLength(1);
    expect(other).toHaveBeenCalledOnce();
  });

  test("in a bundle, only the message that doesn't fit is left out", () => {
    const dispatcher = new Dispatcher();
    const got: unknown[] = [];
    dispatcher.map("/a", { types: "f" }, (_address, value) => void got.push(value));
    expect(
      send(dispatcher, new OscBundle([new OscMessage("/a", ["x"]), new OscMessage("/a", [float(1)]), new OscMessage("/a", ["y"])])),
    ).toHaveLength(2);
    expect(got).toEqual([1]);
  });

  test("unmapping a described handler removes its method", () => {
    const dispatcher = new Dispatcher();
    const [first, second] = [1, 2].map(() => dispatcher.map("/a", { types: "f" }, () => null));
    dispatcher.unmap("/a", first!);
    expect(dispatcher.namespace.size).toBe(1);
    dispatcher.unmap("/a", second!);
    expect(dispatcher.namespace.size).toBe(0);
  });

  test("handlers follow a method that is renamed while serving, and go with one that is removed", () => {
    const dispatcher = new Dispatcher();
    const got: unknown[] = [];
    const handler = dispatcher.map("/a", { types: "f", value: [0.5] }, (address, value) => void got.push([address, value]));
    dispatcher.map("/a", (address) => void got.push(`plain ${address}`));
    dispatcher.namespace.rename("/a", "/b");
    for (const address of ["/a", "/b"]) send(dispatcher, new OscMessage(address, [int(1)]));
    expect(got).toEqual(["plain /a", ["/b", 1]]);
    expect([handler.address, dispatcher.namespace.get("/b")?.value]).toEqual(["/b", [1]]);
    expect(send(dispatcher, new OscMessage("/b", ["x"]))).toHaveLength(1);
    dispatcher.namespace.remove("/b");
    expect(dispatcher.handlersForAddress("/b")).toEqual([]);
    expect(() => dispatcher.unmap("/b", handler)).toThrow(expect.objectContaining({ code: "OSC_NOT_MAPPED" }) as Error);
  });

  test.each([
    ["/a/*", { types: "f" }, "OSC_BAD_MAPPED_ADDRESS"],
    ["/a b", { types: "f" }, "OSC_BAD_MAPPED_ADDRESS"],
    ["/a", { types: "q" }, "OSC_OPTION"],
    ["/a", { types: "f]" }, "OSC_OPTION"],
    ["/a", { type: "f" }, "OSC_OPTION"],
    ["/a", { range: [{ min: 2, max: 1 }] }, "OSC_OPTION"],
    ["/a", { range: [{ minimum: 2 }] }, "OSC_OPTION"],
    ["/a", { schema: {} }, "OSC_OPTION"],
    ["/a", { access: "rw" }, "OSC_OPTION"],
    ["/a", { types: "f", value: ["x"] }, "OSC_VALUE_TYPE"],
  ])("%s with the description %j is refused as %s", (address, description, code) => {
    expect(() => new Dispatcher().map(address, description as never, () => null)).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe("Namespace", () => {
  test("keeps the last value with its time and sender, and tells of changes", () => {
    vi.useFakeTimers({ now: 1000 });
    const dispatcher = new Dispatcher();
    const changes: NamespaceChange[] = [];
    dispatcher.namespace.subscribe((change) => changes.push(change));
    dispatcher.map("/mixer/1/gain", { types: "f", value: [0.5] }, () => null);
    expect(dispatcher.namespace.get("/mixer/1/gain")).toMatchObject({ value: [0.5], types: "f", time: null, source: null });
    send(dispatcher, new OscMessage("/mixer/1/gain", [int(1)]));
    expect(dispatcher.namespace.get("/mixer/1/gain")).toMatchObject({ value: [1], types: "f", time: 1000, source: CLIENT });
    dispatcher.namespace.set("/mixer/1/gain", [0.25], "me");
    expect(changes.map((change) => (change.kind === "value" ? [change.method.value, change.origin] : change.kind))).toEqual([
      "added",
      [[1], CLIENT],
      [[0.25], "me"],
    ]);
    vi.useRealTimers();
  });

  test("a message with a pattern sets every method that it matches", () => {
    const dispatcher = new Dispatcher();
    for (const channel of [1, 2]) dispatcher.map(`/mixer/${channel}/gain`, { types: "f" }, () => null);
    send(dispatcher, new OscMessage("/mixer/*/gain", [float(1)]));
    expect([...dispatcher.namespace].map(({ value }) => value)).toEqual([[1], [1]]);
  });

  test("is a tree, from which empty containers vanish", () => {
    const namespace = new Namespace();
    for (const address of ["/a/b/c", "/a/d", "/e"]) namespace.add(address, {});
    expect([...namespace].map(({ address }) => address)).toEqual(["/a/b/c", "/a/d", "/e"]);
    expect([...(namespace.node("/a")?.children.keys() ?? [])]).toEqual(["b", "d"]);
    namespace.rename("/a/b/c", "/f/g");
    expect([...(namespace.root.children.keys() ?? [])]).toEqual(["a", "e", "f"]);
    expect(namespace.node("/a/b")).toBeUndefined();
    expect(namespace.remove("/a/d")).toBe(true);
    expect(namespace.remove("/a/d")).toBe(false);
    expect(namespace.node("/a")).toBeUndefined();
    expect(namespace.size).toBe(2);
    expect(() => namespace.rename("/x", "/y")).toThrow(/no method at "\/x"/);
    expect(() => namespace.rename("/e", "/f/g")).toThrow(/already/);
    namespace.add("/__proto__/constructor", {});
    expect(namespace.get("/__proto__/constructor")?.address).toBe("/__proto__/constructor");
  });

  test("a snapshot has the values of all methods that can be read", () => {
    const namespace = new Namespace();
    namespace.add("/a", { types: "f", value: [0.5] });
    namespace.add("/b", { types: "T", value: [true] });
    namespace.add("/c", { types: "f" });
    namespace.add("/d", { types: "s", access: "write", value: ["secret"] });
    namespace.add("/e", { types: "i[fs]", value: [1, [2, "x"]] });
    expect(namespace.snapshot().elements).toEqual([
      new OscMessage("/a", [0.5], "f"),
      new OscMessage("/b", [true]),
      new OscMessage("/e", [1, [2, "x"]], "i[fs]"),
    ]);
  });

  test("describing a method anew keeps a value that still fits", () => {
    const namespace = new Namespace();
    namespace.add("/a", { types: "f", value: [0.5] });
    namespace.set("/a", [0.75]);
    namespace.add("/a", { types: "d", value: [0] });
    expect(namespace.get("/a")?.value).toEqual([0.75]);
    namespace.add("/a", { types: "s", value: ["x"] });
    expect(namespace.get("/a")?.value).toEqual(["x"]);
  });

  test("refuses values that its description doesn't allow", () => {
    const namespace = new Namespace();
    namespace.add("/a", { types: "f", range: [{ max: 1 }] });
    expect(() => namespace.set("/a", [2])).toThrow(expect.objectContaining({ code: "OSC_BAD_ARGUMENTS" }) as Error);
    expect(() => namespace.set("/b", [2])).toThrow(expect.objectContaining({ code: "OSC_NOT_MAPPED" }) as Error);
  });
});
