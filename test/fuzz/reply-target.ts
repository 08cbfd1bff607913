import { OscBundle, OscMessage, TimeTag, decode, double, encode, float, int } from "../../src/codec/index.ts";
import { Dispatcher, type OscReply, encodeReply, handlePacket } from "../../src/dispatch/index.ts";
import { OscError } from "../../src/errors.ts";
import type { Target } from "./fuzzer.ts";
import type { Random } from "./random.ts";

/** A value that a handler may answer with, as JSON can hold it: what it is, and what it is made of. */
interface Recipe {
  readonly is: string;
  readonly of?: readonly Recipe[];
  readonly value?: number | string;
}

const CLIENT = { address: "127.0.0.1", port: 9, family: "IPv4" } as const;
const TEXTS = ["", "/", "/a", "a", "/a\0b", "/\ud83c", "#bundle", "/*", "x".repeat(300), "é", "\u0000"];
const NUMBERS = ["0", "-0", "1", "1.5", "NaN", "Infinity", "-Infinity", "2147483648", "-2147483649", "9007199254740993", "1e308"];
/** A promise that may be rejected where nobody looks at it, inside another value. */
function heeded(promise: Promise<unknown>): Promise<unknown> {
  promise.catch(() => undefined);
  return promise;
}
const fail = (): never => {
  throw new Error("hostile");
};

/** What each recipe makes. Some of them do harm when they are looked at. */
const MAKERS: Readonly<Record<string, (parts: unknown[], value: string) => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  number: (_, value) => Number(value),
  text: (_, value) => value,
  bigint: (_, value) => BigInt(Number.isFinite(Number(value)) ? Math.trunc(Number(value)) : 2 ** 70),
  bytes: (_, value) => new Uint8Array(value.length),
  huge: () => ["/huge", new Uint8Array(70_000)],
  array: (parts) => parts,
  frozen: (parts) => Object.freeze(parts),
  sparse: (parts) => Object.assign(new Array<unknown>(3), { 0: "/sparse", 2: parts[0] }),
  circle: (parts) => {
    const circle: unknown[] = ["/circle", ...parts];
    circle.push(circle);
    return circle;
  },
  deep: () => Array.from({ length: 2000 }).reduce<unknown>((inner) => [inner], ["/deep"]),
  object: (parts) => ({ parts }),
  bare: () => Object.create(null) as unknown,
  symbol: () => Symbol("symbol"),
  function: () => fail,
  date: () => new Date(NaN),
  "time tag": () => new TimeTag(1, 2),
  int: (_, value) => int(Math.trunc(Number(value)) | 0),
  float: (_, value) => float(Number(value)),
  double: (_, value) => double(Number(value)),
  message: (parts, value) => new OscMessage(value, parts as never),
  typed: (parts, value) => new OscMessage("/typed", parts as never, value),
  bundle: (parts) => new OscBundle(parts as never),
  "false message": () => Object.create(OscMessage.prototype) as unknown,
  "false bundle": () => Object.create(OscBundle.prototype) as unknown,
  // oxlint-disable-next-line unicorn/no-thenable -- that is what is tried
  "getters that throw": () => Object.defineProperty({}, "then", { get: fail }),
  "proxy that throws": () => new Proxy({}, new Proxy({}, { get: () => fail })),
  "proxy of an array": (parts) =>
    new Proxy(["/proxy", ...parts], { get: (target, key, self) => (key === "slice" ? fail() : Reflect.get(target, key, self)) as unknown }),
  "revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  "text that throws": () => ({ toString: fail, [Symbol.toPrimitive]: fail }),
  "error without a text": () => Object.defineProperty(new Error("e"), "message", { get: fail }),
  // oxlint-disable unicorn/no-thenable -- that is what is tried
  thenable: (parts) => ({ then: (resolve: (value: unknown) => void) => resolve(parts[0]) }),
  "thenable that throws": () => ({ then: fail }),
  "thenable that settles twice": (parts) => ({
    then: (resolve: (value: unknown) => void, reject: (value: unknown) => void) => {
      resolve(parts[0]);
      reject(parts[1]);
      fail();
    },
  }),
  // oxlint-enable unicorn/no-thenable
  promise: ([value]) => heeded(Promise.resolve(value)),
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- handlers may do so
  rejection: ([reason]) => heeded(Promise.reject(reason)),
};
const PLAIN = ["number", "text", "true", "null", "bigint", "bytes", "array", "int", "float", "double", "time tag"];
const KINDS = Object.keys(MAKERS);

/** What handlers answer and throw, in both modes: only packets go out, and only errors of ours are told. */
export const replyTarget: Target<Recipe> = { name: "reply", generate: (random) => recipe(random, 0), check };

function recipe(random: Random, depth: number): Recipe {
  const is = depth === 0 && random.oneIn(2) ? "array" : random.pick(random.oneIn(2) ? PLAIN : KINDS);
  const parts = depth < 3 ? random.several(4, () => recipe(random, depth + 1)) : [];
  const of = is === "array" && random.oneIn(2) ? [{ is: "text", value: random.oneIn(3) ? random.pick(TEXTS) : "/a" }, ...parts] : parts;
  const value =
    is === "text" || is === "message" || is === "bytes"
      ? random.pick(TEXTS)
      : is === "typed"
        ? random.pick(["i", "ifs", "[", "b[T]", "q"])
        : random.pick(NUMBERS);
  return { is, of, value };
}

/** What cannot be made is left out: a message with a bad address, say. */
function build({ is, of = [], value = "" }: Recipe): unknown {
  try {
    return (MAKERS[is] ?? fail)(of.map(build), String(value));
  } catch {
    return undefined;
  }
}

function check(recipe: Recipe): string {
  const sights = new Set<string>();
  for (const mode of ["sync", "async"] as const) {
    for (const use of ["return", "throw", "reply"] as const) sights.add(`${mode} ${use} ${answer(recipe, mode, use)}`);
  }
  return [...sights].join();
}

function answer(recipe: Recipe, mode: "sync" | "async", use: "return" | "throw" | "reply"): string {
  const sights: string[] = [];
  const dispatcher = new Dispatcher();
  dispatcher.map(
    "/ask",
    ({ reply }) => {
      const value = build(recipe);
      if (use === "throw") throw value;
      if (use === "return") return value as never;
      reply(value as never);
      return undefined;
    },
    { needsContext: true },
  );
  let second = 0;
  dispatcher.map("/ask", () => void second++);
  const take = {
    reply: (answer: OscReply): void => {
      const packet = decode(encodeReply(answer), { strict: true, maxNesting: 1000 });
      sights.push(packet instanceof OscMessage ? packet.types.slice(0, 8) : "bundle");
    },
    error: (error: OscError): void => {
      if (!(error instanceof OscError)) throw new Error(`told something that is no error of ours: ${typeof error}`);
      if (typeof error.message !== "string" || error.message.length > 2000) throw new Error("an error without a message of a fair length");
      sights.push(error.code);
    },
  };
  const handling = { mode, shutdown: () => undefined };
  const pending = handlePacket(dispatcher, ASK, { handling, clientAddress: CLIENT, asOf: Infinity, ...take });
  if (pending instanceof Error) throw pending;
  if (pending === undefined && second !== 1) throw new Error("the handler after it did not run");
  // Whether the promise is kept is shown in the tests of the dispatcher; here nothing waits, so that many inputs are tried.
  return sights.join();
}

const ASK = encode(new OscMessage("/ask"));
