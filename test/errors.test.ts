import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as errors from "../src/errors.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = readFileSync(join(root, "docs/errors.md"), "utf8");

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
/** Codes as they stand in the code. */
const codes = new Set(sources.flatMap((name) => readFileSync(join(root, "src", name), "utf8").match(/(?<=")OSC_[A-Z_]+(?=")/g) ?? []));
/** Codes as they stand at the head of a row. */
const documented = new Set(page.match(/(?<=^\| `)OSC_[A-Z_]+(?=` \|)/gm));

describe("the catalogue of errors", () => {
  test.each([...codes].toSorted())("%s is in docs/errors.md", (code) => {
    expect(documented).toContain(code);
  });

  test("has no code that nothing makes", () => {
    expect([...documented].filter((code) => !codes.has(code))).toEqual([]);
  });

  test("names every class", () => {
    for (const name of Object.keys(errors).filter((name) => name !== "OscError")) expect(page).toContain(`\`${name}\``);
  });
});

describe("an error", () => {
  test("has the name of its class, a code, and what is concerned", () => {
    const error = new errors.OscDecodeError("OSC_TRUNCATED", "The packet ends", 12);
    expect(error).toBeInstanceOf(errors.OscError);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe("OscDecodeError: The packet ends (at byte 12)");
    expect(error).toMatchObject({ code: "OSC_TRUNCATED", offset: 12 });
  });

  test("may have a cause", () => {
    const cause = new RangeError("mine");
    expect(new errors.OscDispatchError("OSC_HANDLER_FAILED", "failed", "/a", { cause }).cause).toBe(cause);
  });
});
