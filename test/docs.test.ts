import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { type Socket, createSocket } from "node:dgram";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blocksOf } from "./shared/document-blocks.ts";
import { UserFolder } from "./shared/user-folder.ts";
import { steadyPort } from "./steady-port.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", ...markdownBelow("examples"), ...markdownBelow("docs")];
const blocks = pages.flatMap(blocksOf);
const programs = blocks.filter(({ language }) => language === "ts").map((block, index) => ({ ...block, index }));

describe("the TypeScript of the documents", () => {
  const folder = new UserFolder(["es2023", "esnext.disposable"]);
  beforeAll(() => {
    for (const { index, code } of programs) folder.write(`${index}.ts`, `${code}\nexport {};\n`);
  });
  afterAll(() => folder.remove());

  test("is there", () => {
    expect(programs.filter(({ runs }) => runs).length).toBeGreaterThan(20);
  });

  test("compiles against the package by its name", async () => {
    expect(await folder.complaints((index) => programs[index]?.name)).toBe("");
  }, 120_000);

  test.concurrent.each(programs.filter(({ runs }) => runs))("of $name runs", async ({ code, index, prints }) => {
    // One that listens needs a port for itself; clients without a server need someone there, for a refusal would be reported.
    const serves = /OSC\w+Server\(|createServer\(|bridge\(/.test(code);
    const listener = await bound();
    const port = String(serves ? await steadyPort() : listener.address().port);
    const free = code.replaceAll('["127.0.0.1", 1337]', '["127.0.0.1", 0]');
    const { outputText } = ts.transpileModule((free.includes("1337") ? code : free).replaceAll("1337", port).replaceAll("60_000", "50"), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    const file = folder.write(`${index}.mjs`, outputText);
    const { stdout, stderr } = await run(process.execPath, [file], { timeout: 12_000 });
    await closed(listener);
    expect(stderr).toBe("");
    if (prints !== null) expect(stdout).toBe(prints);
  });

  test.each(blocks.filter(({ file }) => file !== null))("of $name is that of $file", ({ code, file }) => {
    const source = readFileSync(join(root, file ?? ""), "utf8").replaceAll("\r\n", "\n");
    expect(code).toBe(source.replace(/^\/\*\*.*?\*\/\n/s, ""));
  });
});

describe("the blocks of the documents", () => {
  test("say what they are", () => {
    const known = ["ts", "js", "sh", "text", "html", "python", "json"];
    expect(blocks.filter(({ language }) => !known.includes(language)).map(({ name, language }) => `${name}: ${language}`)).toEqual([]);
  });

  test("of JavaScript can be parsed", () => {
    const faults = blocks
      .filter(({ language }) => language === "js")
      .flatMap(({ name, code }) => {
        const { diagnostics = [] } = ts.transpileModule(code, { fileName: "block.js", reportDiagnostics: true });
        return diagnostics.map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
      });
    expect(faults).toEqual([]);
  });

  test("of JSON can be parsed", () => {
    for (const { name, code } of blocks.filter(({ language }) => language === "json")) expect(() => JSON.parse(code), name).not.toThrow();
  });

  test("of TypeScript are run on every page, but where a program of others would be needed", () => {
    const needsOthers = (page: string): boolean => page.endsWith("interoperability.md") || page.includes("talking-to");
    const lazy = pages.filter((page) => {
      const own = programs.filter(({ name }) => name.startsWith(`${page}:`));
      return own.length > 0 && !own.some(({ runs, file }) => runs || file !== null);
    });
    expect(lazy.filter((page) => !needsOthers(page))).toEqual([]);
  });
});

describe("the README", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");

  test.each(["npm ci && npm start", "npm ci && npm test"])("gives the line `%s`", (line) => {
    expect(readme.split(/\r?\n/)).toContain(line);
  });
});

describe.each(pages)("%s", (page) => {
  const text = readFileSync(join(root, page), "utf8").replaceAll("\r\n", "\n");

  test("has links that lead somewhere", () => {
    const missing = [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => (isLost(page, link) ? [link] : []));
    expect(missing).toEqual([]);
  });

  test("names files that are there", () => {
    const named = [...text.matchAll(/`((?:src|test|bench|examples|docs|scripts|\.ci|\.github)\/[\w./-]*)`/g)].map(([, path = ""]) => path);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("names scripts that package.json has", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

test("the documents' command lines use options that there are", async () => {
  const used = new Map<string, Set<string>>();
  for (const page of pages) {
    const lines = readFileSync(join(root, page), "utf8").matchAll(
      /(?:^|[`|] *| {4})(?:oscine|node dist\/cli\/main\.js) ([a-z]+)([^`|#\n]*)/gm,
    );
    for (const [, command = "", rest = ""] of lines) {
      const options = used.get(command) ?? new Set();
      used.set(command, options);
      for (const [option] of rest.replace(/ -- .*/, "").matchAll(/--[a-z][a-z-]*/g)) options.add(option);
    }
  }
  const unknown = await Promise.all(
    [...used].map(async ([command, options]) => {
      const { stdout } = await run(process.execPath, [join(root, "dist", "cli.js"), "help", ...(command === "help" ? [] : [command])]);
      const known = new Set([...stdout.matchAll(/--[a-z][a-z-]*/g), "--help", "--version"].map(String));
      return [...options].filter((option) => !known.has(option)).map((option) => `oscine ${command} ${option}`);
    }),
  );
  expect([...used.keys()]).toContain("send");
  expect(unknown.flat()).toEqual([]);
});

test("docs/README.md leads to every page of docs/, and examples/README.md to every example", () => {
  const linked = (page: string): string[] =>
    [...readFileSync(join(root, page), "utf8").matchAll(/\]\(([^)#\s]+)/g)].map(([, link = ""]) => posix.normalize(link));
  const guides = markdownBelow("docs").map((page) => page.slice("docs/".length).replaceAll("\\", "/"));
  expect(guides.filter((page) => page !== "README.md" && !linked("docs/README.md").includes(page))).toEqual([]);
  const examples = filesBelow("examples").filter((file) => /\.(ts|mjs|js)$/.test(file));
  expect(examples.filter((file) => !linked("examples/README.md").includes(file))).toEqual([]);
});

/** True where a link from a page leads to no file, or to no heading of it. Of links to other sites only the form is looked at. */
function isLost(page: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return !link.startsWith("https://") || !URL.canParse(link);
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? join(root, page) : join(root, dirname(page), path);
  if (!existsSync(target)) return true;
  return anchor !== undefined && !headingsOf(readFileSync(target, "utf8")).has(anchor);
}

/** The headings of a page as they are linked to. */
function headingsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function markdownBelow(folder: string): string[] {
  return filesBelow(folder)
    .filter((file) => file.endsWith(".md"))
    .map((file) => join(folder, file));
}

/** From the folder, with slashes. */
function filesBelow(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
}

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(resolve));
}
