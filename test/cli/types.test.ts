import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Namespace } from "../../src/namespace/index.ts";
import { type OscQueryServer, serveOscQuery } from "../../src/oscquery/index.ts";
import { runTool } from "./run-tool.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "oscine-types-"));
/** What a program prints; throws it if the program fails. */
async function node(...words: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(process.execPath, words)).stdout;
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout, { cause: error });
  }
}
let server: OscQueryServer;
const namespace = new Namespace();

beforeAll(async () => {
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "oscine"), "junction");
  symlinkSync(join(root, "node_modules", "@types"), join(folder, "node_modules", "@types"), "junction");
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  namespace.add("/mixer/1/gain", { types: "f", range: [{ min: 0, max: 1 }], unit: "gain.linear", value: [0.5], description: "Fader" });
  namespace.add("/mixer/name", { types: "s", access: "read", value: ["Front"] });
  namespace.add("/go", { types: "iT", access: "write", range: [{ values: [1, 2] }, null] });
  namespace.add("/evil", { types: "h", description: "*/ throw 1; /*\n\u2028 throw 2;" });
  namespace.add('/quote"\\$', { types: "r" });
  server = await serveOscQuery(namespace, { name: 'Mixer"\n*/ throw 3' });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test("oscine types writes a client that compiles, rejects wrong arguments and works", async () => {
  const file = join(folder, "mixer.ts");
  expect(await runTool("types", server.url, "-o", file)).toMatchObject({ code: 0, out: "", err: `5 methods written to ${file}\n` });
  const source = readFileSync(file, "utf8");
  expect(source).toContain("  /** Fader. Range: 0 to 1. Unit: gain.linear. */\n");
  expect(source).toContain('  "/mixer/1/gain": { args: ArgumentsOf<"f">; access: "readwrite" };\n');
  writeFileSync(
    join(folder, "program.ts"),
    `import { TypedClient } from "./mixer.ts";
    await using mixer = await TypedClient.connect();
    await mixer.set("/mixer/1/gain", 0.25);
    for await (const [gain] of mixer.listen("/mixer/1/gain")) {
      if (gain.toFixed(2) === "0.25") break;
    }
    const name: [string] | null = await mixer.get("/mixer/name");
    await mixer.set("/go", 1, true);
    console.log(name);
    export const wrong = () => [
      // @ts-expect-error: a text
      mixer.set("/mixer/1/gain", "loud"),
      // @ts-expect-error: it can only be read
      mixer.set("/mixer/name", "Back"),
      // @ts-expect-error: it can only be written
      mixer.get("/go"),
      // @ts-expect-error: there is none
      mixer.get("/nothing"),
    ];`,
  );
  const compiler = [
    "--strict",
    "--target",
    "esnext",
    "--module",
    "nodenext",
    "--allowImportingTsExtensions",
    "--noEmit",
    "--skipLibCheck",
    "--ignoreConfig",
  ];
  await node(join(root, "node_modules/typescript/bin/tsc"), ...compiler, "--types", "node", join(folder, "program.ts"));
  const tsx = new URL("../../node_modules/tsx/dist/loader.mjs", import.meta.url).href;
  expect(await node("--import", tsx, join(folder, "program.ts"))).toBe("[ 'Front' ]\n");
  expect(namespace.get("/mixer/1/gain")?.value).toEqual([0.25]);
  expect(namespace.get("/go")?.value).toEqual([1, true]);
}, 60_000);

test("oscine types prints to standard output without -o, and reports errors", async () => {
  const { out } = await runTool("types", server.url.replace("http://", ""));
  expect(out).toMatch(/^export class TypedClient /m);
  expect(await runTool("types")).toMatchObject({ code: 2, err: expect.stringContaining("takes the URL") });
  expect(await runTool("types", server.url, "-o", join(folder, "no", "such.ts"))).toMatchObject({
    err: expect.stringContaining("can't be written"),
  });
  expect(await runTool("types", "127.0.0.1:9")).toMatchObject({ code: 1, err: expect.stringContaining("doesn't answer") });
});
