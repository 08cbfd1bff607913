import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as address from "../src/address/index.ts";
import * as browser from "../src/browser.ts";
import * as codec from "../src/codec/index.ts";
import * as framing from "../src/framing/index.ts";
import * as oscine from "../src/index.ts";
import * as nats from "../src/nats/index.ts";
import { UserFolder } from "./shared/user-folder.ts";

/** The examples in the comments of the code, as an editor and the reference of the API show them. */

const source = fileURLToPath(new URL("../src/", import.meta.url));

interface Comment {
  /** As `src/codec/decode.ts:18`. */
  readonly place: string;
  readonly text: string;
  /** What stands after it. */
  readonly subject: string;
}

interface Example {
  readonly place: string;
  readonly code: string;
}

/** What an example may use without saying where it comes from. */
const GIVEN: Readonly<Record<string, string>> = { client: "UDPClient", dispatcher: "Dispatcher" };

/** Folders of which nothing is exported. */
const INNER = /^src\/(cli|monitor|text)\//;

/** From where an example has the names that it uses; the first that has a name. */
const ENTRIES = {
  oscine,
  "oscine/codec": codec,
  "oscine/address": address,
  "oscine/framing": framing,
  "oscine/browser": browser,
  "oscine/nats": nats,
};

const comments = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .flatMap(commentsOf);
const examples = comments.flatMap(examplesOf);
const publicNames = [...new Set(Object.values(ENTRIES).flatMap((entry) => Object.entries(entry).map(declaredName)))].toSorted();

describe("the comment of", () => {
  test.each(publicNames)("%s has an example", (name) => {
    const declaration = new RegExp(`^\\s*export (?:declare |abstract |async )*(?:class|function\\*?|const) ${name}\\b`);
    const own = comments.filter(({ place, subject }) => declaration.test(subject) && !INNER.test(place));
    expect(own.length).toBeGreaterThan(0);
    for (const comment of own) expect(examplesOf(comment).length, comment.place).toBeGreaterThan(0);
  });
});

describe("the examples in comments", () => {
  const folder = new UserFolder(["es2023", "esnext.disposable", "dom", "dom.iterable"]);
  beforeAll(() => {
    for (const [index, { code }] of examples.entries()) folder.write(`${index}.ts`, withImports(code));
  });
  afterAll(() => folder.remove());

  test("compile against the package by its name", async () => {
    expect(examples.length).toBeGreaterThan(70);
    expect(await folder.complaints((index) => examples[index]?.place)).toBe("");
  }, 120_000);
});

/** A class that is exported under a second name has one comment. */
function declaredName([name, value]: [string, unknown]): string {
  return typeof value === "function" ? value.name : name;
}

function commentsOf(file: string): Comment[] {
  const text = readFileSync(join(source, file), "utf8").replaceAll("\r\n", "\n");
  return [...text.matchAll(/\/\*\*.*?\*\//gs)].map(({ 0: comment, index }) => ({
    place: `src/${file.replaceAll("\\", "/")}:${text.slice(0, index).split("\n").length}`,
    text: comment.slice(3, -2).replaceAll(/^[ \t]*\* ?/gm, ""),
    subject: text.slice(index + comment.length, index + comment.length + 200),
  }));
}

/** What follows `@example` up to the next tag, or stands in a block of code. */
function examplesOf({ place, text }: Comment): Example[] {
  const blocks = [...text.matchAll(/^ *```ts\n(.*?)^ *```/gms)].map(([, code = ""]) => code);
  const tagged = [...text.matchAll(/^ *@example\b((?:(?!^ *@[a-z]).)*)/gms)].map(([, code = ""]) => code.trim());
  return [...blocks, ...tagged.filter((code) => !code.startsWith("```"))].map((code) => ({ place, code }));
}

function withImports(code: string): string {
  const used = new Set(code.replaceAll(/\/\/.*|"[^"\n]*"/g, "").match(/(?<![.\w])[A-Za-z_]\w*/g));
  const given = Object.keys(GIVEN).filter((name) => used.has(name) && !new RegExp(`(?:const|let|using) ${name}\\b`).test(code));
  const names = new Set([...used, ...given.map((name) => GIVEN[name] ?? "")]);
  const imports = Object.entries(ENTRIES).map(([entry, exported]) => {
    const own = [...names].filter((name) => name in exported);
    for (const name of own) names.delete(name);
    return own.length === 0 ? "" : `import { ${own.join(", ")} } from "${entry}";`;
  });
  const declarations = given.map((name) => `declare const ${name}: ${GIVEN[name]};`);
  return [...imports, ...declarations, code, "export {};"].join("\n");
}
