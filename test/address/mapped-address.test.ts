import { describe, expect, test } from "vitest";
import { AddressSpace, validateMappedAddress } from "../../src/address/index.ts";
import { OscDispatchError } from "../../src/errors.ts";

describe("addresses that can be mapped", () => {
  test.each([
    "/",
    "/a",
    "/a/",
    "//",
    "/a//b",
    "/a b",
    "/a+b",
    "/a}",
    "/]a",
    "/a#,!-b",
    "/é",
    "/*",
    "*",
    "*/gain",
    "/a?",
    "/[a-z]",
    "/[!]",
    "/{a,b}",
    "/{}",
    "/v[[]1]",
    "/[{]",
  ])("%s", (address) => {
    validateMappedAddress(address);
    const space = new AddressSpace<string>();
    space.add(address, "value");
    expect(space.find(address).map((found) => found.value)).toEqual(["value"]);
  });
});

describe("an address that no message can match", () => {
  test.each([
    ["", 'Cannot map "": it begins with neither / nor *. Use /* to see every message.'],
    ["gain", 'Cannot map "gain": it begins with neither / nor *. Write /gain.'],
    ["/a\0b", 'Cannot map "/a\\u0000b": it contains a NUL, which terminates OSC strings. Remove the NUL.'],
    ["/a[b", 'Cannot map "/a[b": the [ at character 3 is never closed. Fix it, or write [[] or [{] for the literal character.'],
    ["/a[b/c]", 'Cannot map "/a[b/c]": the [ at character 3 is never closed. Fix it, or write [[] or [{] for the literal character.'],
    ["/{a,b", 'Cannot map "/{a,b": the { at character 2 is never closed. Fix it, or write [[] or [{] for the literal character.'],
    [
      "/{a,{b}}",
      'Cannot map "/{a,{b}}": the { at character 2 contains another {: braces cannot be nested. Fix it, or write [[] or [{] for the literal character.',
    ],
    [
      "/ch[9-0]",
      'Cannot map "/ch[9-0]": [9-0] contains no characters, so nothing can match. Add a character, or write ranges from low to high.',
    ],
    ["/[]", 'Cannot map "/[]": [] contains no characters, so nothing can match. Add a character, or write ranges from low to high.'],
  ])("%j", (address, message) => {
    const error = thrown(() => validateMappedAddress(address));
    expect(error).toBeInstanceOf(OscDispatchError);
    expect(error).toMatchObject({ code: "OSC_BAD_MAPPED_ADDRESS", address, message });
  });

  test("throws if it isn't a string", () => {
    const error = thrown(() => validateMappedAddress(undefined as unknown as string));
    expect(error).toMatchObject({ code: "OSC_BAD_MAPPED_ADDRESS", address: "undefined" });
  });

  test("leaves the space as it was", () => {
    const space = new AddressSpace<number>();
    expect(() => space.add("/a[", 1)).toThrow(OscDispatchError);
    expect([space.size, space.find("/a["), space.find("//*")]).toEqual([0, [], []]);
  });
});

function thrown(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
