import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type Socket, createSocket } from "node:dgram";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

interface Block {
  /** As `README.md:12`. */
  readonly name: string;
  readonly code: string;
  /** True after a line `<!-- run -->`: a program that ends by itself or serves until it is ended. */
  readonly runs: boolean;
}

const pages = ["README.md", "CONTRIBUTING.md", ...markdownBelow("docs")];
const blocks = pages.flatMap(typescriptBlocks);

describe("the TypeScript of the documents", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-docs-"));

  beforeAll(() => {
    mkdirSync(join(folder, "node_modules", "@types"), { recursive: true });
    symlinkSync(root, join(folder, "node_modules", "oscine"), "junction");
    symlinkSync(join(root, "node_modules", "@types", "node"), join(folder, "node_modules", "@types", "node"), "junction");
    const options = {
      target: "es2023",
      lib: ["es2023", "esnext.disposable"],
      module: "nodenext",
      types: ["node"],
      strict: true,
      noEmit: true,
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...options, skipLibCheck: true }, include: ["*.ts"] }),
    );
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    for (const [index, { code }] of blocks.entries()) writeFileSync(join(folder, `${index}.ts`), code);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("is there", () => {
    expect(blocks.filter(({ runs }) => runs).length).toBeGreaterThan(2);
  });

  test("compiles against the package by its name", async () => {
    const compiler = join(root, "node_modules", "@typescript", "native", "bin", "tsc");
    const complaints = await run(process.execPath, [compiler, "-p", folder, "--pretty", "false"], { cwd: folder }).then(
      () => "",
      (error: unknown) =>
        (error as { stdout: string }).stdout.replace(/^(\d+)\.ts/gm, (_, index: string) => blocks[Number(index)]?.name ?? index),
    );
    expect(complaints).toBe("");
  });

  test.each(blocks.map((block, index) => ({ ...block, index })).filter(({ runs }) => runs))("of $name runs", async ({ code, index }) => {
    // A server needs a port that no one has; the others need someone there, for a refusal would be reported.
    const listener = await bound();
    const { port } = listener.address();
    if (code.includes("createServeEndpoint")) await closed(listener);
    const { outputText } = ts.transpileModule(code.replaceAll("1337", String(port)).replaceAll("60_000", "50"), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    const file = join(folder, `${index}.mjs`);
    writeFileSync(file, outputText);
    const { stderr } = await run(process.execPath, [file], { timeout: 10_000 });
    if (!code.includes("createServeEndpoint")) await closed(listener);
    expect(stderr).toBe("");
  });
});

describe("the README", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");

  test.each(["npm ci && npm start", "npm ci && npm test"])("gives the line `%s`", (line) => {
    expect(readme.split("\n")).toContain(line);
  });

  test.each(pages)("links in %s lead somewhere", (page) => {
    const text = readFileSync(join(root, page), "utf8");
    const targets = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !/^[a-z]+:/.test(target));
    expect(targets.filter((target) => !existsSync(join(root, page, "..", target)))).toEqual([]);
  });
});

function markdownBelow(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join(folder, file));
}

function typescriptBlocks(page: string): Block[] {
  const text = readFileSync(join(root, page), "utf8").replaceAll("\r\n", "\n");
  return [...text.matchAll(/(<!-- run -->\n+)?^```ts\n(.*?)^```$/gms)].map((match) => {
    const [, mark, code = ""] = match;
    return { name: `${page}:${text.slice(0, match.index).split("\n").length}`, code: `${code}\nexport {};\n`, runs: mark !== undefined };
  });
}

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(resolve));
}
