import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { type OscArgument, OscMessage, encode, float } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import type { ArgumentSchema } from "../../src/namespace/index.ts";

const CLIENT = { address: "10.0.0.1", port: 5000, family: "IPv4" } as const;

/** Validators of a name and a level from 0 to 1, which is doubled. */
const zod = z.tuple([z.string().min(1), z.number().min(0).max(1)]).transform(([name, level]): [string, number] => [name, level * 2]);
const valibot = v.pipe(
  v.strictTuple([v.pipe(v.string(), v.minLength(1)), v.pipe(v.number(), v.minValue(0), v.maxValue(1))]),
  v.transform(([name, level]): [string, number] => [name, level * 2]),
);

describe.each<[string, ArgumentSchema<[string, number]>, string]>([
  ["zod 4", zod, "Too small: expected string to have >=1 characters"],
  ["valibot", valibot, "Invalid length: Expected >=1 but received 0"],
])("a validator of %s", (_name, schema, explanation) => {
  function receive(...args: OscArgument[]): { got: unknown[]; errors: string[] } {
    const dispatcher = new Dispatcher();
    const [got, errors]: [unknown[], string[]] = [[], []];
    dispatcher.map("/level", { schema }, (_address, name, level) => void got.push(name, level));
    const onError = ({ message }: OscError): void => void errors.push(message);
    dispatcher.callHandlersForPacket(encode(new OscMessage("/level", args)), CLIENT, { onError });
    return { got, errors };
  }

  test("gives the handler what it made of the arguments", () => {
    expect(receive("left", float(0.25))).toEqual({ got: ["left", 0.5], errors: [] });
  });

  test("rejects other messages with its own words", () => {
    expect(receive("", float(0.25))).toEqual({ got: [], errors: [`A message to /level was rejected: ${explanation}.`] });
    expect(receive("left").errors).toHaveLength(1);
    expect(receive("left", float(0.25), "more").errors).toHaveLength(1);
    expect(receive("left", "0.25").errors).toHaveLength(1);
  });
});

test("a handler's parameters have the types of the validator's output", () => {
  const dispatcher = new Dispatcher();
  const check = (name: unknown, level: unknown): void => void [name, level];
  dispatcher.map("/a", { schema: zod }, (_address, name, level) => {
    expectTypeOf(name).toEqualTypeOf<string>();
    expectTypeOf(level).toEqualTypeOf<number>();
    check(name, level);
  });
  dispatcher.map("/b", { schema: valibot }, (_address, name, level) => {
    expectTypeOf(name).toEqualTypeOf<string>();
    expectTypeOf(level).toEqualTypeOf<number>();
    check(name, level);
  });
  dispatcher.map("/c", { types: "sf", schema: zod }, (_address, name) => void name.length);
  // @ts-expect-error -- the first argument is a string
  dispatcher.map("/d", { schema: zod }, (_address, name: number) => void name);
  // @ts-expect-error -- there are two arguments
  dispatcher.map("/e", { schema: valibot }, (_address, name, level, more: string) => void [name, level, more]);
  expect(dispatcher.namespace.size).toBe(5);
});
