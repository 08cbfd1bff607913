import { describe, expect, test } from "vitest";
import { checkDispatcher, Dispatcher } from "../../src/dispatch/index.ts";
import { CLIENT, message } from "./packets.ts";

describe("in plain JavaScript", () => {
  const fn = (): void => undefined;
  /** Calls a method of a new dispatcher, whatever the types say. */
  const call = (name: keyof Dispatcher, ...parameters: unknown[]): unknown => {
    const dispatcher = new Dispatcher();
    return (dispatcher[name] as (...parameters: unknown[]) => unknown).apply(dispatcher, parameters);
  };
  const option = (message: string) => expect.objectContaining({ name: "OscServerError", code: "OSC_OPTION", message });

  test.each([
    [false, "The options of Dispatcher must be an object, such as { strictTiming: … }; got false (boolean)."],
    [null, "The options of Dispatcher must be an object, such as { strictTiming: … }; got null."],
    ["1.0", 'The options of Dispatcher must be an object, such as { strictTiming: … }; got "1.0" (string).'],
    [{ strict_timing: false }, 'Dispatcher has no option "strict_timing". Did you mean strictTiming?'],
    [{ strictTiming: "false" }, 'strictTiming must be true or false; got "false" (string).'],
    [{ maxWork: 0 }, "maxWork must be a number above 0; got 0 (number)."],
    [{ maxWork: "many" }, 'maxWork must be a number above 0; got "many" (string).'],
  ])("new Dispatcher(%j) throws", (options, message) => {
    expect(() => Reflect.construct(Dispatcher, [options])).toThrow(option(message));
  });

  test.each([
    ["Volume", 'The options of map must be an object; got "Volume" (string). Pass fixed arguments as { args: ["Volume"] }.'],
    [null, "The options of map must be an object; got null. Pass fixed arguments as { args: [value] }."],
    [["a"], 'The options of map must be an object; got ["a"] (array). Pass fixed arguments as { args: [value] }.'],
    [true, "The options of map must be an object; got true (boolean). Pass fixed arguments as { args: [value] }."],
    [{ needs_reply_address: true }, 'map has no option "needs_reply_address". Did you mean needsReplyAddress?'],
    [{ needsReplyAddress: 1 }, "needsReplyAddress must be true or false; got 1 (number)."],
    [{ args: "left" }, 'args must be an array; got "left" (string).'],
  ])("map(address, fn, %j) throws", (options, message) => {
    expect(() => call("map", "/a", fn, options)).toThrow(option(message));
    expect(() => call("unmap", "/a", fn, options)).toThrow(option(message));
  });

  test.each([
    [null, 'The handler of "/a" must be a function; got null.'],
    ["print", 'The handler of "/a" must be a function; got "print" (string).'],
    [{}, 'The handler of "/a" must be a function; got {} (object).'],
  ])("map(address, %j) throws", (handler, message) => {
    expect(() => call("map", "/a", handler)).toThrow(expect.objectContaining({ code: "OSC_BAD_HANDLER", message }));
    expect(() => call("unmap", "/a", handler)).toThrow(expect.objectContaining({ code: "OSC_BAD_HANDLER", message }));
  });

  test.each([
    [undefined, "The default handler must be a function; got undefined."],
    ["print", 'The default handler must be a function; got "print" (string).'],
  ])("setDefaultHandler(%j) throws", (handler, message) => {
    expect(() => call("setDefaultHandler", handler)).toThrow(expect.objectContaining({ code: "OSC_BAD_HANDLER", message }));
  });

  test.each([
    [fn, "args", 'setDefaultHandler has no option "args". The options are needsContext, needsReplyAddress.'],
    [fn, "needscontext", 'setDefaultHandler has no option "needscontext". Did you mean needsContext?'],
  ])("setDefaultHandler(fn, { %s }) throws", (handler, name, message) => {
    expect(() => call("setDefaultHandler", handler, { [name]: true })).toThrow(option(message));
  });

  test.each([
    [["/a"], 'A packet must be a Uint8Array; got ["/a"] (array).'],
    ["/a", 'A packet must be a Uint8Array; got "/a" (string).'],
  ])("callHandlersForPacket(%j) throws, and its async form rejects", async (data, message) => {
    expect(() => call("callHandlersForPacket", data, CLIENT)).toThrow(option(message));
    await expect(call("asyncCallHandlersForPacket", data, CLIENT)).rejects.toThrow(option(message));
  });

  test.each([[undefined], [["127.0.0.1", 9000]], ["127.0.0.1"]])("callHandlersForPacket(data, %j) throws", (client) => {
    expect(() => call("callHandlersForPacket", message("/a"), client)).toThrow(
      expect.objectContaining({ code: "OSC_OPTION", message: expect.stringContaining("{ address, port, family }") }),
    );
  });

  test.each([
    [{}, "{} (object)"],
    [fn, "the function fn"],
    [undefined, "undefined"],
    [Dispatcher, "the class Dispatcher"],
  ])("checkDispatcher names what it got: %o", (value, shown) => {
    expect(() => checkDispatcher("AsyncOSCUDPServer", value)).toThrow(
      option(`AsyncOSCUDPServer needs a Dispatcher: const dispatcher = new Dispatcher(); got ${shown}.`),
    );
  });
});
