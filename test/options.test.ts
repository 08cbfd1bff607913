import { describe as suite, expect, test } from "vitest";
import { OscMessage } from "../src/codec/index.ts";
import {
  boolean,
  callback,
  checkHostAndPort,
  describe,
  hostAndPort,
  integer,
  listOf,
  milliseconds,
  nearest,
  oneOf,
  type OptionChecks,
  orNull,
  readOptions,
  text,
} from "../src/options.ts";

interface Options {
  readonly needsReplyAddress?: boolean;
  readonly maxThreads?: number;
  readonly broadcast?: boolean;
  readonly framing?: "1.0" | "1.1";
  readonly timeout?: number;
  readonly maxRate?: number | null;
  readonly groups?: readonly string[];
  readonly onError?: () => void;
}

const CHECKS = {
  needsReplyAddress: boolean(false),
  maxThreads: integer(1, 4, 64),
  broadcast: boolean(true),
  framing: oneOf(["1.0", "1.1"], "1.1"),
  timeout: milliseconds(1000),
  maxRate: orNull(integer(1, undefined)),
  groups: listOf(text(undefined, "239.0.0.1")),
  onError: callback<() => void>(),
} satisfies OptionChecks<Options>;

const read = (options: unknown): unknown => readOptions("Thing", options, CHECKS);
const option = (message: string) => expect.objectContaining({ code: "OSC_OPTION", message });

suite("readOptions", () => {
  test("fills in the defaults of what isn't given or is undefined", () => {
    const defaults = {
      needsReplyAddress: false,
      maxThreads: 4,
      broadcast: true,
      framing: "1.1",
      timeout: 1000,
      maxRate: undefined,
      groups: undefined,
      onError: undefined,
    };
    expect(read(undefined)).toEqual(defaults);
    expect(read({ maxThreads: undefined })).toEqual(defaults);
    expect(read({ maxThreads: 2, maxRate: null, groups: ["239.0.0.1"] })).toEqual({
      ...defaults,
      maxThreads: 2,
      maxRate: null,
      groups: ["239.0.0.1"],
    });
  });

  test.each([
    ["needs_reply_address", "needsReplyAddress"],
    ["maxthreads", "maxThreads"],
    ["max-threads", "maxThreads"],
    ["maxTreads", "maxThreads"],
    ["allow_broadcast", "broadcast"],
    ["framming", "framing"],
    ["onerror", "onError"],
  ])("names the right option for %j", (wrong, right) => {
    expect(() => read({ [wrong]: 1 })).toThrow(option(`Thing has no option ${JSON.stringify(wrong)}. Did you mean ${right}?`));
  });

  test("lists all options for a name that is like none", () => {
    expect(() => read({ loop: 1 })).toThrow(/^Thing has no option "loop"\. The options are broadcast, framing, /);
  });

  test.each([
    [false, "false (boolean)"],
    ["1.0", '"1.0" (string)'],
    [null, "null"],
    [() => 0, "the function without a name"],
    [9000, "9000 (number)"],
    [[], "[] (array)"],
    [new Map(), "an object of class Map"],
    [Promise.resolve(), "an object of class Promise"],
  ])("refuses options that are %o", (options, shown) => {
    expect(() => read(options)).toThrow(option(`The options of Thing must be an object, such as { needsReplyAddress: … }; got ${shown}.`));
  });

  test("takes an instance of a class that has options, and an object without prototype", () => {
    class Settings {
      maxThreads = 3;
    }
    expect(read(new Settings())).toMatchObject({ maxThreads: 3 });
    expect(read(Object.assign(Object.create(null), { maxThreads: 3 }))).toMatchObject({ maxThreads: 3 });
    expect(read(Object.create({ maxThreads: 3 }))).toMatchObject({ maxThreads: 3 });
  });

  test.each([
    [{ broadcast: "true" }, 'broadcast must be true or false; got "true" (string).'],
    [{ broadcast: null }, "broadcast must be true or false; got null."],
    [{ maxThreads: "2" }, 'maxThreads must be an integer from 1 to 64; got "2" (string).'],
    [{ maxThreads: 65 }, "maxThreads must be an integer from 1 to 64; got 65 (number)."],
    [{ maxThreads: 1.5 }, "maxThreads must be an integer from 1 to 64; got 1.5 (number)."],
    [{ maxThreads: 2n }, "maxThreads must be an integer from 1 to 64; got 2 (bigint)."],
    [{ maxThreads: Symbol("two") }, "maxThreads must be an integer from 1 to 64; got Symbol(two) (symbol)."],
    [{ maxRate: 0 }, "maxRate must be an integer of at least 1; got 0 (number)."],
    [{ timeout: Number.NaN }, "timeout must be a number of milliseconds of at least 0, or Infinity; got NaN (number)."],
    [{ timeout: -1 }, "timeout must be a number of milliseconds of at least 0, or Infinity; got -1 (number)."],
    [{ framing: "slip" }, 'framing must be "1.0" or "1.1"; got "slip" (string).'],
    [{ groups: "239.0.0.1" }, 'groups must be an array; got "239.0.0.1" (string).'],
    [{ groups: ["239.0.0.1", 5] }, 'groups[1] must be a string such as "239.0.0.1"; got 5 (number).'],
    [{ groups: [undefined] }, "groups[0] must be a value; got undefined."],
    [{ onError: "log" }, 'onError must be a function; got "log" (string).'],
  ])("refuses %o", (options, message) => {
    expect(() => read(options)).toThrow(option(message));
  });
});

suite("hostAndPort", () => {
  test("takes [host, port] and the address of a server", () => {
    expect(hostAndPort(["::1", 0])).toEqual({ host: "::1", port: 0 });
    expect(hostAndPort({ address: "127.0.0.1", port: 9000, family: "IPv4" })).toEqual({ host: "127.0.0.1", port: 9000 });
  });

  test.each([
    ["192.168.0.9", 'An address must be an array [host, port], such as ["192.168.0.9", 9000]; got "192.168.0.9" (string).'],
    ["127.0.0.1:9000", 'An address must be an array [host, port], such as ["127.0.0.1", 9000]; got "127.0.0.1:9000" (string).'],
    [9000, 'An address must be an array [host, port], such as ["127.0.0.1", 9000]; got 9000 (number).'],
    [undefined, 'An address must be an array [host, port], such as ["127.0.0.1", 9000]; got undefined.'],
    [null, 'An address must be an array [host, port], such as ["127.0.0.1", 9000]; got null.'],
    [
      { host: "127.0.0.1", port: 9000 },
      'An address must be an array [host, port], such as ["127.0.0.1", 9000]; got { host, port } (object).',
    ],
    [["127.0.0.1"], 'An address must be an array [host, port], such as ["127.0.0.1", 9000]; got ["127.0.0.1"] (array).'],
    [["127.0.0.1", "1337"], 'Port must be an integer from 0 to 65535; got "1337" (string). Convert it with Number(…).'],
    [["127.0.0.1", undefined], "Port must be an integer from 0 to 65535; got undefined."],
    [["127.0.0.1", 65_536], "Port must be an integer from 0 to 65535; got 65536 (number)."],
    [[" 127.0.0.1 ", 9000], 'Host must not contain spaces: write "127.0.0.1"; got " 127.0.0.1 " (string).'],
    [["", 9000], 'Host must be a name or an IP address, such as "127.0.0.1"; got "" (string).'],
    [[9000, "127.0.0.1"], 'Host must be a name or an IP address, such as "127.0.0.1"; got 9000 (number).'],
  ])("refuses %j", (address, message) => {
    expect(() => hostAndPort(address)).toThrow(option(message));
  });

  test("refuses port 0 to send to", () => {
    expect(() => checkHostAndPort("127.0.0.1", 0, 1)).toThrow(option("Port must be an integer from 1 to 65535; got 0 (number)."));
  });
});

suite("describe", () => {
  test("never throws, whatever the value does when looked at", () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
        getPrototypeOf: () => {
          throw new Error("no");
        },
      },
    );
    expect(describe(hostile)).toBe("an unreadable object");
    expect(describe(Object.create({ constructor: undefined }))).toMatch(/object/);
  });

  test("cuts long values", () => {
    expect(describe("x".repeat(1000)).length).toBeLessThan(100);
    expect(describe(Array.from({ length: 1000 }, () => 1)).length).toBeLessThan(100);
  });

  test("tells a class from a function", () => {
    expect(describe(Map)).toBe("the function Map");
    expect(describe(OscMessage)).toBe("the class OscMessage");
  });
});

suite("nearest", () => {
  test.each([
    ["/fliter", ["/filter", "/flutter", "/volume"], "/filter"],
    ["/synth/1/freq", ["/synth/2/freq", "/mixer"], "/synth/2/freq"],
    ["/a", ["/volume"], undefined],
    ["/x", [], undefined],
  ])("%j is nearest of %j to %j", (name, candidates, expected) => {
    expect(nearest(name, candidates)).toBe(expected);
  });
});
