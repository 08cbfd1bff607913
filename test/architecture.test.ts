import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";

// What `npm run check:imports` cannot see; it checks which part of src/ may import which, and that there are no circles.

const root = fileURLToPath(new URL("..", import.meta.url));

test("importing the package opens, starts and changes nothing", () => {
  const program = `
    const before = [process.eventNames().length, Object.keys(globalThis).length];
    await import(${JSON.stringify(pathToFileURL(join(root, "dist", "index.js")).href)});
    const after = [process.eventNames().length, Object.keys(globalThis).length];
    const resources = process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|FSReqPromise|FSReqCallback|CloseReq)$/.test(name));
    console.log(JSON.stringify({ before, after, resources }));
  `;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8", timeout: 15_000 });
  const { before, after, resources } = JSON.parse(output) as { before: number[]; after: number[]; resources: string[] };
  expect(resources).toEqual([]);
  expect(after).toEqual(before);
});

test("only the command line's main file and the entries of workers end the process", () => {
  const enders = sources().filter((path) => /^(?!\s*(?:\*|\/\/)).*\bprocess\.exit\(/m.test(read(path)));
  expect(enders).toContain("src/cli/main.ts");
  const isAllowed = (path: string): boolean =>
    path === "src/cli/main.ts" || /^src\/server\/([a-z-]+\/[a-z-]+-entry|pool\/(worker-loop|fork-server|worker-channel))\.ts$/.test(path);
  expect(enders.filter((path) => !isAllowed(path))).toEqual([]);
});

test("among the pure parts only dispatch waits for time to pass", () => {
  const waits = sources().filter((path) => /^(?!\s*(?:\*|\/\/)).*\b(?:setTimeout|setInterval|queueMicrotask)\(/m.test(read(path)));
  const parts = new Set(waits.map((path) => path.split("/")[1] ?? ""));
  expect([...parts]).toContain("client");
  expect(["codec", "address", "framing", "text", "url"].filter((part) => parts.has(part))).toEqual([]);
});

test("no file names a folder of somebody's machine", () => {
  const homes = new RegExp(String.raw`(?<![\w.:/-])/(?:${["work", "home", "Users", "root"].join("|")})/[\w.-]|[A-Z]:\\Users\\`);
  expect(homes.test(`cd ${["", "home", "me"].join("/")}`)).toBe(true);
  const named: string[] = [];
  for (const file of filesBelow("", (path) => !/\.(tgz|png|osc|bin)$/.test(path))) {
    for (const [index, line] of read(file).split("\n").entries()) {
      if (homes.test(line)) named.push(`${file}:${index + 1}: ${line.trim().slice(0, 100)}`);
    }
  }
  expect(named).toEqual([]);
});

function sources(): string[] {
  return filesBelow("src", (path) => path.endsWith(".ts"));
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The paths of all files in a folder, from the root of the repository, without what is installed or built. */
function filesBelow(folder: string, wanted: (path: string) => boolean): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    const built = /^(node_modules|\.git|dist.*|coverage)$/.test(entry.name) || /^bench\/(build|results)$/.test(path);
    if (built) continue;
    if (entry.isDirectory()) found.push(...filesBelow(path, wanted));
    else if (entry.isFile() && wanted(path)) found.push(path);
  }
  return found.toSorted();
}
