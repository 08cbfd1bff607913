// Prints the size of Oscine compared with its budget: lines and files, modules loaded, and how many files and functions one packet passes.
//
//   npm run size               prints the table
//   npm run size -- --docs     also writes it to docs/architecture.md
//
// A function counts for a packet if V8's precise coverage shows one more call for each of 200 further messages, in any thread or process.
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { startupTimes } from "../bench/suite/startup-time.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const PROGRAM = fileURLToPath(new URL("size-program.mjs", import.meta.url));
const ECHO = Buffer.from("/echo\0\0\0,i\0\0\0\0\0\u0007", "latin1");
const [FEW, MORE] = [20, 220];

/** Call counts by function, identified by source file and position. */
type Calls = ReadonlyMap<string, number>;
interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly { readonly startOffset: number; readonly count: number }[] }[];
  }[];
}

const maps = new Map<string, SourceMap | null>();
const rows: (readonly [what: string, before: string, budget: string, now: string])[] = [];

const all = linesIn(join(root, "src"));
rows.push(["lines in files of `src/`", "34,600 in 377", "≤ 25,000 in ≤ 190", `${number(all.lines)} in ${all.files}`]);
const parts = ["server", "client", "nats"].map((part) => linesIn(join(root, "src", part)).lines);
rows.push(["lines of `src/server`, `src/client` and `src/nats`", "15,700", "≤ 9,000", number(parts.reduce((a, b) => a + b))]);

for (const [kind, before, budget] of [
  ["Async", "30 / 91", "≤ 18 / ≤ 50"],
  ["Blocking", "38 / 124", "≤ 26 / ≤ 75"],
  ["Threading", "51 / 195", "≤ 30 / ≤ 95"],
  ["Forking", "47 / 173", "≤ 30 / ≤ 95"],
] as const) {
  rows.push([`files / functions of one UDP echo, ${kind.toLowerCase()}`, before, budget, await perPacket((count) => serve(kind, count))]);
}
rows.push(["files / functions of `UDPClient.send`", "9 / 39", "≤ 6 / ≤ 20", await perPacket(sendUdp)]);
rows.push(["files / functions of `WebSocketClient.sendMessage`", "14 / 51", "≤ 8 / ≤ 28", await perPacket(sendWebSocket)]);

rows.push([
  'modules loaded by `import "oscine"`',
  "150",
  "–",
  String(modulesOf(["--input-type=module", "-e", 'import "./dist/index.js"'])),
]);
rows.push(["modules loaded by `oscine send`", "203", "≤ 90", String(modulesOf([join(dist, "cli.js"), "send", "127.0.0.1:9", "/a", "1"]))]);
const times = startupTimes(11);
const over = (name: string, other: string): string =>
  `${times
    .find((one) => one.name === name)!
    .over(other)
    .toFixed(0)} ms`;
rows.push(['CPU time of `import "oscine"` over an empty module', "–", "≤ 25 ms", over('import "oscine"', "an empty module")]);
rows.push(["CPU time of `oscine send` over `node -e 0`", "–", "≤ 60 ms", over("oscine send", "node -e 0")]);

const table = ["| | before | budget | now |", "| --- | ---: | ---: | ---: |", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
const perFolder = folders.map(({ name }) => [name, linesIn(join(root, "src", name))] as const);
const folderTable = [
  "| folder of `src/` | files | lines |",
  "| --- | ---: | ---: |",
  ...perFolder.map(([name, { files, lines }]) => `| \`${name}\` | ${files} | ${number(lines)} |`),
].join("\n");
console.log(`${table}\n\n${folderTable}`);
if (process.argv.includes("--docs")) {
  const page = join(root, "docs", "architecture.md");
  const text = readFileSync(page, "utf8");
  const marked = /(<!-- size -->\n).*(<!-- end -->)/s;
  if (!marked.test(text)) throw new Error("docs/architecture.md has no place between <!-- size --> and <!-- end -->.");
  writeFileSync(
    page,
    text.replace(marked, (_, begin: string, end: string) => `${begin}\n${table}\n\n${folderTable}\n\n${end}`),
  );
}

function linesIn(folder: string): { readonly files: number; readonly lines: number } {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => /\.(ts|cjs)$/.test(path));
  return {
    files: paths.length,
    lines: paths.reduce((sum, path) => sum + readFileSync(join(folder, path), "utf8").split("\n").length - 1, 0),
  };
}

/** Runs a program twice, with more messages the second time, and counts the functions that were called more often. */
async function perPacket(run: (count: number) => Promise<Calls>): Promise<string> {
  const few = await run(FEW);
  const more = await run(MORE);
  // Half, because a worker that started late may have missed some.
  const called = [...more].filter(([place, count]) => count - (few.get(place) ?? 0) >= (MORE - FEW) / 2).map(([place]) => place);
  if (process.argv.includes("--list")) console.log(called.toSorted().join("\n"), "\n");
  return `${new Set(called.map((place) => place.split(":")[0])).size} / ${called.length}`;
}

async function serve(kind: string, count: number): Promise<Calls> {
  return covered([PROGRAM, kind, String(count)], async (port) => {
    const socket = createSocket("udp4");
    for (let sent = 0; sent < count; sent += 1) {
      const answered = once(socket, "message", { signal: AbortSignal.timeout(20_000) });
      socket.send(ECHO, port, "127.0.0.1");
      await answered;
    }
    socket.close();
  });
}

async function sendUdp(count: number): Promise<Calls> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const calls = await covered([PROGRAM, "UDPClient", String(count), String(socket.address().port)]);
  socket.close();
  return calls;
}

async function sendWebSocket(count: number): Promise<Calls> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const calls = await covered([PROGRAM, "WebSocketClient", String(count), String((server.address() as AddressInfo).port)]);
  server.close();
  return calls;
}

/** Runs a Node program with coverage. `use` receives the port that it prints. */
async function covered(words: readonly string[], use?: (port: number) => Promise<void>): Promise<Calls> {
  const folder = mkdtempSync(join(tmpdir(), "oscine-size-"));
  const program = spawn(process.execPath, words, { env: { ...process.env, NODE_V8_COVERAGE: folder }, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(program, "exit");
  if (use !== undefined) {
    const [port] = (await once(program.stdout, "data")) as [Buffer];
    await use(Number(port));
    program.stdin.end("close\n");
  }
  const [code] = (await ended) as [number];
  if (code !== 0) throw new Error(`${words.join(" ")} exited with code ${code}.`);
  const calls = new Map<string, number>();
  for (const { url, functions } of readCoverage(folder)) {
    const originalPlace = placesOf(fileURLToPath(url));
    for (const { ranges } of functions) {
      const place = originalPlace(ranges[0]!.startOffset);
      if (place !== null) calls.set(place, (calls.get(place) ?? 0) + ranges[0]!.count);
    }
  }
  rmSync(folder, { recursive: true });
  return calls;
}

/** Number of src/ modules in the files that a program loads. */
function modulesOf(words: readonly string[]): number {
  const folder = mkdtempSync(join(tmpdir(), "oscine-size-"));
  const { status, stderr } = spawnSync(process.execPath, words, {
    cwd: root,
    env: { ...process.env, NODE_V8_COVERAGE: folder },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  const files = new Set(readCoverage(folder).map(({ url }) => fileURLToPath(url)));
  rmSync(folder, { recursive: true });
  return new Set([...files].flatMap((file) => mapOf(file)?.payload.sources ?? [])).size;
}

function readCoverage(folder: string): Coverage["result"] {
  const reports = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Coverage);
  return reports.flatMap(({ result }) => result.filter(({ url }) => url.startsWith("file:") && dirname(fileURLToPath(url)) === dist));
}

/** Maps an offset in a file of dist/ to its position in src/. */
function placesOf(file: string): (offset: number) => string | null {
  const map = mapOf(file);
  if (map === null) return () => null;
  const starts = [0, ...[...readFileSync(file, "utf8").matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (offset) => {
    const line = starts.findLastIndex((start) => start <= offset);
    const entry = map.findEntry(line, offset - starts[line]!);
    return "originalSource" in entry
      ? `${relative(join(root, "src"), join(dist, entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn}`
      : null;
  };
}

function mapOf(file: string): SourceMap | null {
  let map = maps.get(file);
  if (map === undefined) {
    const path = join(dist, `${basename(file)}.map`);
    map = readdirSync(dist).includes(basename(path))
      ? new SourceMap(JSON.parse(readFileSync(path, "utf8")) as ConstructorParameters<typeof SourceMap>[0])
      : null;
    maps.set(file, map);
  }
  return map;
}

function number(value: number): string {
  return value.toLocaleString("en");
}
