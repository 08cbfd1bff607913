import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blocksOf } from "../shared/document-blocks.ts";

/** The package as one who installs it meets it: packed, installed into an empty folder, used by its name. */

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "oscine-package-"));
const installed = join(folder, "node_modules", "oscine");
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");

interface PackedFile {
  readonly path: string;
  readonly size: number;
  readonly mode: number;
}
let files: readonly PackedFile[] = [];

/** One program for every way to import: the core, and each subpath. */
const PROGRAM_BODY = `
  const bytes = oscine.encode(new oscine.OscMessage("/a", [1, 0.5, "x"]));
  const message = codec.decode(bytes);
  if (!(message instanceof oscine.OscMessage)) throw new Error("two copies of the codec");
  console.log(JSON.stringify([message.address, message.types, message.args, typeof address, typeof framing.SlipDecoder, typeof oscine.AsyncOSCUDPServer]));
`;
const PROGRAM_OUTPUT = JSON.stringify(["/a", "ifs", [1, 0.5, "x"], "object", "function", "function"]);
/** The monitor's page is bundled, and not compiled file by file. */
const PAGE = "dist/page/";
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly exports: object; readonly bin: object };
const SUBPATHS = Object.keys(manifest.exports).flatMap((path) => /^\.\/(\w+)$/.exec(path)?.[1] ?? []);

beforeAll(() => {
  // With the one dependency, from where it is installed: npm keeps what a lock file names without its description, which an offline install wants.
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, ".", "./node_modules/ws"];
  const [packed, dependency] = JSON.parse(npm(root, ...pack)) as [{ filename: string; files: readonly PackedFile[] }, { filename: string }];
  files = packed.files;
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true }));
  npm(folder, "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", `./${dependency.filename}`, `./${packed.filename}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

describe("by its name", () => {
  test("import works", () => {
    const imports = SUBPATHS.map((name) => `import * as ${name} from "oscine/${name}";`).join("\n");
    expect(program("user.mjs", `import * as oscine from "oscine";\n${imports}\n${PROGRAM_BODY}`)).toBe(`${PROGRAM_OUTPUT}\n`);
  });

  test("require() works", () => {
    const requires = SUBPATHS.map((name) => `const ${name} = require("oscine/${name}");`).join("\n");
    expect(program("user.cjs", `const oscine = require("oscine");\n${requires}\n${PROGRAM_BODY}`)).toBe(`${PROGRAM_OUTPUT}\n`);
  });

  test("import() from CommonJS works, and gives the same classes as require()", () => {
    const code = `import("oscine").then(({ OscMessage, encode }) => {
      console.log(OscMessage === require("oscine").OscMessage, encode(new OscMessage("/a")).length);
    });`;
    expect(program("dynamic.cjs", code)).toBe("true 8\n");
  });

  test("import and require() give the same classes", () => {
    const code = `import { createRequire } from "node:module";\nimport { OscMessage } from "oscine";
      console.log(createRequire(import.meta.url)("oscine").OscMessage === OscMessage);`;
    expect(program("both.mjs", code)).toBe("true\n");
  });

  test("each class is there once, by whatever name it is imported, and has that name", () => {
    const code = `${SUBPATHS.map((name) => `import * as ${name} from "oscine/${name}";`).join("\n")}
      import * as oscine from "oscine";
      // In Node these have more than in a page: the sockets of "ws", and serial ports by their path.
      const ownInNode = ["WebSocketClient", "StreamClient"];
      const other = { ...browser, ...codec, ...address, ...framing };
      const twice = Object.keys(other).filter((name) => name in oscine && !ownInNode.includes(name) && other[name] !== oscine[name]);
      const renamed = Object.entries({ ...other, ...oscine }).filter(([name, value]) => typeof value === "function" && value.name !== name);
      console.log(JSON.stringify([twice, renamed.map(([name]) => name)]));`;
    // The second is another name of the first.
    expect(program("once.mjs", code)).toBe('[[],["AsyncIOOSCUDPServer"]]\n');
  });

  test("what is not exported cannot be reached", () => {
    const code = `try { await import("oscine/dist/errors.js"); } catch (error) { console.log(error.code); }`;
    expect(program("inside.mjs", code)).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED\n");
  });

  test("package.json can be read", () => {
    expect(program("version.cjs", `console.log(require("oscine/package.json").name)`)).toBe("oscine\n");
  });

  test("every target of the exports map is a file", () => {
    const { exports } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as { exports: unknown };
    const targets = allStrings(exports);
    expect(targets.length).toBeGreaterThan(8);
    for (const target of targets) expect(statSync(join(installed, target)).isFile(), target).toBe(true);
  });
});

describe("the servers", () => {
  const start = `
    import { AsyncOSCUDPServer, BlockingOSCUDPServer, Dispatcher, ForkingOSCUDPServer, OscMessage, ThreadingOSCUDPServer, UDPClient } from "oscine";
    const dispatcher = new Dispatcher();
    dispatcher.map("/double", (address, value) => [address, value * 2]);
  `;
  const ask = `
    const client = new UDPClient("127.0.0.1", server.serverAddress.port);
    console.log((await client.request("/double", 21, { timeout: 10_000 })).args[0]);
    await client.close();
    await server.close();
  `;

  test.each(["Async", "Threading", "Forking"])("of kind %s answer", (kind) => {
    const serve = kind === "Async" ? "await server.createServeEndpoint();" : "await server.start();";
    const code = `${start} const server = new ${kind}OSCUDPServer(["127.0.0.1", 0], dispatcher); ${serve} ${ask}`;
    expect(program(`${kind}.mjs`, code)).toBe("42\n");
  });

  test("of kind Blocking answer", () => {
    const code = `${start}
      const server = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher);
      const client = new UDPClient("127.0.0.1", server.serverAddress.port);
      await client.send(new OscMessage("/double", 21));
      server.handleRequest();
      console.log((await client.messages({ timeout: 10_000 }).next()).value.args[0]);
      await client.close();
      server.close();
    `;
    expect(program("Blocking.mjs", code)).toBe("42\n");
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

  test("is chosen by Node under that condition, and works there", () => {
    const code = `import * as oscine from "oscine"; console.log("AsyncOSCUDPServer" in oscine, oscine.encode(new oscine.OscMessage("/a")).length);`;
    expect(program("browser.mjs", code, "--conditions=browser")).toBe("false 8\n");
  });
});

describe("the command line tool", () => {
  test("a recording is written, converted, read and played by the installed program and library", () => {
    const code = `
      import { createRecording, encode, openRecording, OscMessage, Player } from "oscine";
      import { readRecording } from "oscine/recording";
      import { createReadStream } from "node:fs";
      const file = await createRecording("show.jsonl");
      for (const time of [0, 10, 20]) {
        file.write({ time, source: null, destination: null, transport: "udp", data: encode(new OscMessage("/a", time)) });
      }
      await file.close();
      const times = [];
      await new Player(await openRecording("show.jsonl"), (packet, { time }) => void times.push(time)).play();
      for await (const { time } of await readRecording(() => createReadStream("show.jsonl"))) times.push(time);
      console.log(times.join());
    `;
    expect(program("record.mjs", code)).toBe("0,10,20,0,10,20\n");
    const tool = join(folder, "node_modules", ".bin", "oscine");
    const cwd = { cwd: folder, encoding: "utf8" } as const;
    execFileSync(tool, ["convert", "show.jsonl", "show.pcapng", "--quiet"], cwd);
    expect(execFileSync(tool, ["play", "show.pcapng", "--dry-run"], cwd).match(/\/a +,i +\d+/g)).toHaveLength(3);
    expect(execFileSync(tool, ["dump", "show.pcapng", "--json", "--quiet"], cwd).trim().split("\n")).toHaveLength(3);
  });

  test("--help is printed by the installed program", () => {
    const help = npm(folder, "exec", "--offline", "--", "oscine", "--help");
    for (const command of ["serve", "dump", "send"]) expect(help).toMatch(new RegExp(`\\b${command}\\b`));
  });

  test.skipIf(process.platform === "win32")("the program can be run as a file", () => {
    const program = files.find(({ path }) => path === "dist/cli.js");
    expect(((program?.mode ?? 0) & 0o111).toString(8)).toBe("111");
    expect(readFileSync(join(installed, "dist", "cli.js"), "utf8").split("\n")[0]).toBe("#!/usr/bin/env node");
  });
});

/** npm by its own file, so that no shell is needed on any system. */
function npm(cwd: string, ...words: string[]): string {
  const cli = process.env["npm_execpath"];
  if (cli !== undefined && cli.endsWith("npm-cli.js")) return execFileSync(process.execPath, [cli, ...words], { cwd, encoding: "utf8" });
  return execFileSync("npm", words, { cwd, encoding: "utf8", shell: process.platform === "win32" });
}

function program(name: string, code: string, ...options: string[]): string {
  writeFileSync(join(folder, name), code);
  return execFileSync(process.execPath, ["--no-warnings", ...options, join(folder, name)], { cwd: folder, encoding: "utf8" });
}

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
