/** What the packed package holds, and its types. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";
import { describe, expect, inject, test } from "vitest";
import { blocksOf } from "../shared/document-blocks.ts";
import { manifest, root } from "./install.ts";

const { folder, files } = inject("installed");
const installed = join(folder, "node_modules", "oscine");
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
/** The monitor's page is bundled, and not compiled file by file. */
const PAGE = "dist/page/";

describe("the tarball", () => {
  test("holds the built package, its documentation and its examples, and nothing else", () => {
    const places = new Set(files.map(({ path }) => path.replace(/\/.*/s, "/")));
    const expected = [
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "dist/",
      "docs/",
      "examples/",
      "package.json",
    ];
    expect([...places].toSorted()).toEqual(expected);
    const kinds = new Set(built().map((path) => /\.(d\.ts|c?js(\.map)?)$/.exec(path)?.[0] ?? path));
    expect([...kinds].toSorted()).toEqual([".cjs", ".cjs.map", ".d.ts", ".js", ".js.map"]);
  });

  /** All of dist/ but the monitor's page. */
  const built = (): readonly string[] => files.map(({ path }) => path).filter((path) => path.startsWith("dist/") && !path.startsWith(PAGE));

  test("has one file of declarations per entry, and what entries share in four more", () => {
    const entries = allStrings(manifest.exports).filter((path) => path.endsWith(".d.ts"));
    const expected = new Set([
      ...entries.map((path) => posix.normalize(path)),
      "dist/core.d.ts",
      "dist/node.d.ts",
      "dist/recordings.d.ts",
      "dist/udp-client.d.ts",
    ]);
    expect(
      built()
        .filter((path) => path.endsWith(".d.ts"))
        .toSorted(),
    ).toEqual([...expected].toSorted());
  });

  test("has few files of code, each of which an entry leads to", () => {
    const { exports, bin } = manifest;
    const reached = new Set(allStrings([exports, bin]).flatMap((path) => (path.endsWith(".js") ? posix.normalize(path) : [])));
    for (const path of reached) for (const to of loadedBy(path)) reached.add(to);
    const code = built().filter((path) => /\.c?js$/.test(path));
    expect(code.toSorted()).toEqual([...reached].toSorted());
    // One for each command, and those in which entries share their modules.
    expect(code.length).toBeLessThan(50);
  });

  test("has the monitor's page in one piece, with the license of what is bundled in it", () => {
    const names = files.filter(({ path }) => path.startsWith(PAGE)).map(({ path }) => path.slice(PAGE.length));
    expect(names.toSorted()).toEqual(["icon.svg", "index.html", "licenses.md", "page.css", "page.js"]);
    const code = readFileSync(join(installed, PAGE, "page.js"), "utf8");
    expect(code).not.toMatch(/\bimport\b *["'{*]/);
    expect(readFileSync(join(installed, PAGE, "licenses.md"), "utf8")).toMatch(/uPlot[^]*MIT License[^]*Leon Sorokin[^]*WITHOUT WARRANTY/i);
  });

  test.skipIf(process.platform === "win32")("has a program that can be run as a file", () => {
    const program = files.find(({ path }) => path === "dist/cli.js");
    expect(((program?.mode ?? 0) & 0o111).toString(8)).toBe("111");
    expect(readFileSync(join(installed, "dist", "cli.js"), "utf8").split("\n")[0]).toBe("#!/usr/bin/env node");
  });

  test("has every file that its pages link to", () => {
    const pages = files.map(({ path }) => path).filter((path) => path.endsWith(".md") && !path.startsWith("dist/"));
    expect(pages).toContain("README.md");
    const dead = pages.flatMap((page) => {
      const links = [...readFileSync(join(installed, page), "utf8").matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(([, link = ""]) => link);
      const missing = links.filter((link) => !existsSync(join(installed, posix.dirname(page), decodeURIComponent(link))));
      return missing.map((link) => `${page} links to ${link}`);
    });
    expect(dead).toEqual([]);
  });

  test("needs one package, which needs none", () => {
    const needs = (name: string): string[] => {
      const text = readFileSync(join(folder, "node_modules", name, "package.json"), "utf8");
      return Object.keys((JSON.parse(text) as { dependencies?: object }).dependencies ?? {});
    };
    expect([needs("oscine"), needs("ws")]).toEqual([["ws"], []]);
  });

  test("every target of the exports map is a file", () => {
    const { exports } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as { exports: unknown };
    const targets = allStrings(exports);
    expect(targets.length).toBeGreaterThan(8);
    for (const target of targets) expect(statSync(join(installed, target)).isFile(), target).toBe(true);
  });

  test("has source maps that hold the sources", () => {
    const sources = built()
      .filter((path) => path.endsWith("js.map"))
      .flatMap((path) => {
        const map = JSON.parse(readFileSync(join(installed, path), "utf8")) as { sources: string[]; sourcesContent: (string | null)[] };
        expect(map.sourcesContent).toHaveLength(map.sources.length);
        return map.sources.map((source, index) => ({ source, text: map.sourcesContent[index] }));
      });
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.filter(({ text }) => typeof text !== "string").map(({ source }) => source)).toEqual([]);
  });
});

describe("the types", () => {
  const code = `
    import { AsyncOSCUDPServer, Dispatcher, OscMessage, UDPClient, encode, type OscValue } from "oscine";
    import { decode } from "oscine/codec";
    const bytes: Uint8Array = encode(new OscMessage("/a", [1]));
    const packet = decode(bytes);
    export const args: readonly OscValue[] = packet instanceof OscMessage ? packet.args : [];
    const dispatcher = new Dispatcher();
    dispatcher.map("/a", (address: string, value: number) => console.log(address.length, value.toFixed(1)));
    export const server: AsyncOSCUDPServer = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher);
    export type Client = UDPClient;
    // @ts-expect-error an address is text
    export const wrong = new OscMessage(1);
  `;
  const browserCode = `
    import { OscMessage, WebSocketClient, encode } from "oscine";
    import { WebSocketClient as Same } from "oscine/browser";
    export const bytes: Uint8Array = encode(new OscMessage("/a", [1]));
    export const client: WebSocketClient = new Same("ws://127.0.0.1:8080/", { WebSocket });
    // @ts-expect-error there are no servers in a browser
    import { AsyncOSCUDPServer } from "oscine";
  `;

  const pageCode = `
    import { OscMessage, WebSocketClient, encode } from "oscine";
    export const bytes: Uint8Array = encode(new OscMessage("/a", [1]));
    export const client: WebSocketClient = new WebSocketClient("ws://127.0.0.1:8080/");
    // @ts-expect-error an address is text
    export const wrong = new OscMessage(1);
  `;

  const programs = blocksOf("README.md").filter(({ language }) => language === "ts");
  const readme = Object.fromEntries(programs.map((block, index) => [`readme-${index}.mts`, `${block.code}\nexport {};\n`]));
  // Each of these is a run of the compiler, which takes a second.
  const ways = [
    {
      name: "nodenext, ESM and CommonJS",
      files: { "esm.mts": code, "cjs.cts": code, ...readme },
      options: { module: "nodenext", types: ["node"] },
    },
    {
      name: "bundler",
      files: { "bundler.ts": code, ...readme },
      options: { module: "esnext", moduleResolution: "bundler", types: ["node"] },
    },
    {
      name: "the settings of a Vite project, without @types/node",
      files: { "page.ts": pageCode },
      options: { module: "esnext", moduleResolution: "bundler", types: [], lib: ["es2022", "dom", "dom.iterable"], skipLibCheck: true },
    },
    {
      name: "bundler for browsers, without @types/node, libraries checked",
      files: { "browser.ts": browserCode },
      options: { module: "esnext", moduleResolution: "bundler", customConditions: ["browser"], types: [], lib: ["es2023", "dom"] },
    },
  ];

  test.each(ways)("are right for $name", ({ files: texts, options }) => {
    expect(complaints(texts, options)).toBe("");
  });

  test("are held against all programs of the README", () => {
    expect(programs.length).toBeGreaterThan(2);
  });
});

describe("the browser condition", () => {
  test("leads to files that import nothing of Node and nothing of others", () => {
    const seen = new Set<string>();
    const outside: string[] = [];
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const code = readFileSync(join(installed, file), "utf8");
      for (const { fileName: target } of ts.preProcessFile(code).importedFiles) {
        if (target.startsWith(".")) visit(join(file, "..", target));
        else outside.push(`${file} imports ${target}`);
      }
    };
    visit(join("dist", "browser.js"));
    expect(outside).toEqual([]);
    expect([...seen]).toEqual([join("dist", "browser.js"), join("dist", "core.js")]);
  });
});

/** What the compiler says of files in the user's folder. */
function complaints(texts: Readonly<Record<string, string>>, options: { readonly types: readonly string[] }): string {
  const types = join(folder, "node_modules", "@types");
  mkdirSync(types, { recursive: true });
  rmSync(join(types, "node"), { force: true });
  if (options.types.includes("node")) symlinkSync(join(root, "node_modules", "@types", "node"), join(types, "node"), "junction");
  for (const [file, text] of Object.entries(texts)) writeFileSync(join(folder, file), text);
  const strictness = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false };
  const compilerOptions = { target: "es2022", noEmit: true, ...strictness, ...options };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: Object.keys(texts) }));
  return outputOf(compiler, "-p", folder, "--pretty", "false");
}

/** What a program prints, also where it fails. */
function outputOf(...words: string[]): string {
  try {
    return execFileSync(process.execPath, words, { cwd: folder, encoding: "utf8" });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** The files of code that one of the package imports, and those that it starts. */
function loadedBy(path: string): string[] {
  const code = readFileSync(join(installed, path), "utf8");
  const { importedFiles } = ts.preProcessFile(code, true, true);
  const imported = importedFiles.flatMap(({ fileName }) => (fileName.startsWith(".") ? posix.join(path, "..", fileName) : []));
  const started = [...code.matchAll(/\bnew URL\("\.\/([\w-]+\.c?js)", import\.meta\.url\)/g)].map(([, file = ""]) =>
    posix.join("dist", file),
  );
  // A comment may show such a URL, too.
  return [...imported, ...started.filter((file) => existsSync(join(installed, file)))];
}

function allStrings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(allStrings) : [];
}
