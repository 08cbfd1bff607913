import { describe, expect, test } from "vitest";
import { EXEMPT, type Example, examplesOf, type Oscine, type OscineNats } from "./wrong-arguments/examples.ts";
import { type Callable, callablesOf, type Kind, type Typed } from "./wrong-arguments/typings.ts";

const oscine = {
  ...((await import(new URL("../dist/index.js", import.meta.url).href)) as Oscine),
  ...((await import(new URL("../dist/nats.js", import.meta.url).href)) as OscineNats),
};
const EXAMPLES = examplesOf(oscine);

/** A value of each kind. */
const VALUES: readonly (readonly [kind: Kind, value: unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["false", false],
  ["number", 5],
  ["bigint", 5n],
  ["string", "text"],
  ["symbol", Symbol("text")],
  ["function", () => "called"],
  ["array", [1, 2]],
  ["bytes", new Uint8Array(4)],
  ["plain", {}],
  ["instance", new Map()],
];

const callables = ["../src/index.ts", "../src/nats/index.ts"]
  .flatMap((module) => callablesOf(new URL(module, import.meta.url)))
  .filter(({ name }) => !EXEMPT.some(([exempt]) => exempt.test(name)));

/** Calls it, and says what came of it: an error of ours, or something else. */
async function outcomeOf({ name }: Callable, { on }: Example, args: readonly unknown[]): Promise<string> {
  const target = on?.();
  let result: unknown;
  try {
    result = await settled(call(name, target, args));
    return "accepted";
  } catch (error) {
    if (error instanceof oscine.OscError) return `${error.code}: ${error.message}`;
    // The codec also has errors of the language, which say what they got.
    const isOurs = (error instanceof RangeError || error instanceof TypeError) && /; got /.test(error.message);
    return isOurs ? `OSC ${String(error)}` : `other: ${String(error)}`;
  } finally {
    await close(result);
    await close(target);
  }
}

function call(name: string, target: object | undefined, args: readonly unknown[]): unknown {
  const [owner = "", method] = name.replace("new ", "").split(".");
  const value = (oscine as Readonly<Record<string, unknown>>)[owner];
  if (name.startsWith("new ")) return Reflect.construct(value as new () => unknown, args);
  if (method === undefined) return Reflect.apply(value as () => unknown, undefined, args);
  const holder = target ?? (value as object);
  return Reflect.apply((holder as Readonly<Record<string, () => unknown>>)[method]!, holder, args);
}

/** What is accepted may go on for ever: a server that serves, a client that connects. */
async function settled(result: unknown): Promise<unknown> {
  if (!(result instanceof Promise)) return result;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, 500)));
  return Promise.race([result, patience]).finally(() => clearTimeout(timer));
}

async function close(value: unknown): Promise<void> {
  for (const each of Array.isArray(value) ? value : [value]) {
    const { close } = Object(each) as { close?: () => unknown };
    if (typeof close === "function") await Promise.resolve(close.call(each)).catch(() => undefined);
  }
}

/** Each way to call it with one wrong value: of a kind that the typings don't admit there. */
function wrongCalls({ parameters }: Callable, { args }: Example): [shown: string, args: unknown[], named: string][] {
  return parameters.flatMap((parameter, index) => {
    const replaced = (value: unknown): unknown[] => Object.assign([...args], { [index]: value });
    const given = Object(args[index]) as object;
    return [
      ...wrongValues(parameter).map(([kind, value]): [string, unknown[], string] => [`${parameter.name}: ${kind}`, replaced(value), ""]),
      // Where a number or options may stand, the options are tried at their own place.
      ...(typeof args[index] === "object" ? parameter.options : []).flatMap((option) => [
        ...wrongValues(option).map(([kind, value]): [string, unknown[], string] => [
          `${option.name}: ${kind}`,
          replaced({ ...given, [option.name]: value }),
          "",
        ]),
        ...misspellings(option.name, parameter.options).map((wrong): [string, unknown[], string] => [
          wrong,
          replaced({ ...given, [wrong]: 1 }),
          option.name,
        ]),
      ]),
    ];
  });
}

function wrongValues({ kinds }: Typed): (readonly [Kind, unknown])[] {
  return VALUES.filter(([kind]) => !kinds.has(kind));
}

/** How users of other libraries and languages write an option. */
function misspellings(name: string, options: readonly Typed[]): string[] {
  const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return [...new Set([snake, name.toLowerCase(), `${name}s`])].filter((wrong) => options.every((option) => option.name !== wrong));
}

test("every export with parameters has right arguments to start from, and nothing else does", () => {
  expect(Object.keys(EXAMPLES).toSorted()).toEqual(callables.map(({ name }) => name).toSorted());
});

describe.each(callables.filter(({ name }) => name in EXAMPLES))("$name", (callable) => {
  const example = EXAMPLES[callable.name]!;

  test("takes what the typings admit", async () => {
    expect(await outcomeOf(callable, example, example.args)).toMatch(
      /^accepted|^OSC_(?:TIMEOUT|NATS_UNREACHABLE|WRONG_STATE)|^ECONNREFUSED/,
    );
  });

  test("throws an error of ours for every wrong value and every misspelled option", async () => {
    const wrong: string[] = [];
    for (const [shown, args, named] of wrongCalls(callable, example)) {
      const outcome = await outcomeOf(callable, example, args);
      if (!outcome.startsWith("OSC") || !outcome.includes(named)) wrong.push(`${shown} → ${outcome}`);
    }
    expect(wrong).toEqual([]);
  });
});

/** Addresses that are of the right kind, and wrong all the same; and what the message says. */
const ADDRESSES: readonly (readonly [address: unknown, said: string])[] = [
  [["127.0.0.1", "1337"], 'got "1337" (string)'],
  [["127.0.0.1", undefined], "got undefined"],
  [["127.0.0.1", 65_536], "got 65536 (number)"],
  [["127.0.0.1", -1], "got -1 (number)"],
  [["127.0.0.1", 1.5], "got 1.5 (number)"],
  [["127.0.0.1"], "[host, port]"],
  [["127.0.0.1", 0, 0], "[host, port]"],
  [[9000, "127.0.0.1"], "got 9000 (number)"],
  [[" 127.0.0.1", 0], 'got " 127.0.0.1" (string)'],
  [["", 0], 'got "" (string)'],
  [[null, 0], "got null"],
  [{ host: "127.0.0.1", port: 0 }, "[host, port]"],
  [{ address: "127.0.0.1", port: "1337" }, 'got "1337" (string)'],
  ["127.0.0.1:1337", "127.0.0.1"],
];

const servers = callables.filter(({ name, parameters }) => /^new .*Server$/.test(name) && parameters[0]?.name === "address");

const clients = callables.filter(({ name, parameters }) => /^new .*Client$/.test(name) && parameters[0]?.name === "host");

test("there are servers and clients to ask", () => {
  expect(servers).toHaveLength(10);
  expect(clients).toHaveLength(6);
});

describe.each(servers)("$name, as users of other libraries call it", (callable) => {
  const example = EXAMPLES[callable.name]!;
  const [, handlers] = example.args;

  test.each(ADDRESSES)("refuses the address %j and says so", async (address, said) => {
    const outcome = await outcomeOf(callable, example, [address, handlers]);
    expect(outcome).toMatch(/^OSC_OPTION: /);
    expect(outcome).toContain(said);
  });

  test("refuses python-osc's order and shows its own", async () => {
    const outcome = await outcomeOf(callable, example, ["127.0.0.1", 9000, handlers]);
    expect(outcome).toMatch(/^OSC_OPTION: .*\["127\.0\.0\.1", 9000\]/);
  });

  test("refuses an event loop, a transport's name and a lone function in the place of options and dispatcher", async () => {
    for (const args of [
      [["127.0.0.1", 0], handlers, process],
      [["127.0.0.1", 0], handlers, "1.0"],
      [["127.0.0.1", 0], () => 0],
      [["127.0.0.1", 0]],
    ]) {
      expect(await outcomeOf(callable, example, args)).toMatch(/^OSC_OPTION: .*got /);
    }
  });
});

describe.each(clients)("$name", (callable) => {
  test.each<[args: unknown[], said: string]>([
    [["127.0.0.1", "9000"], 'got "9000" (string)'],
    [["127.0.0.1", 0], "got 0 (number)"],
    [["127.0.0.1", 65_536], "got 65536 (number)"],
    [["127.0.0.1"], "got undefined"],
    [[" localhost ", 9000], 'got " localhost " (string)'],
    [["", 9000], 'got "" (string)'],
    [[["127.0.0.1", 9000]], "array"],
    [["127.0.0.1", 9000, "1.0"], 'got "1.0" (string)'],
  ])("refuses %j and says so", async (args, said) => {
    const outcome = await outcomeOf(callable, EXAMPLES[callable.name]!, args);
    expect(outcome).toMatch(/^OSC_OPTION: /);
    expect(outcome).toContain(said);
  });
});
