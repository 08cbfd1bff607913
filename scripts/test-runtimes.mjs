// Runs the smoke tests of test/runtimes and the command line on Bun and Deno, whose packages come from the npm registry.
//
//   node scripts/test-runtimes.mjs
//
// Skips if the registry is unreachable; with CI=true that is a failure.
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(tmpdir(), "oscine-runtimes");
const RUNTIMES = { bun: { version: "1.4", args: [] }, deno: { version: "2.9", args: ["run", "-A"] } };

function install() {
  mkdirSync(folder, { recursive: true });
  const packages = Object.entries(RUNTIMES).map(([name, { version }]) => `${name}@${version}`);
  const args = ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", ...packages];
  return spawnSync("npm", args, { encoding: "utf8" });
}

/** Sends a message with `oscine send` and reads it with a socket; prints one with `oscine dump`. */
async function testCommandLine(binary, args) {
  const cli = [...args, join(root, "dist/cli.js")];
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const sent = spawn(binary, [...cli, "send", `127.0.0.1:${port}`, "/hello", "1"], { stdio: "inherit" });
  const [data] = await once(socket, "message", { signal: AbortSignal.timeout(20_000) });
  const [code] = sent.exitCode === null ? await once(sent, "exit") : [sent.exitCode];
  if (code !== 0 || !String(data).startsWith("/hello")) throw new Error(`send exited with code ${code}`);
  const dump = spawn(binary, [...cli, "dump", "127.0.0.1:0", "--count", "1"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let out = "";
  dump.stdout.on("data", (text) => (out += text));
  dump.stderr.on("data", (text) => {
    said += text;
    const [, at] = /:(\d+)\b/.exec(said) ?? [];
    if (at !== undefined) socket.send(data, Number(at), "127.0.0.1");
  });
  await once(dump, "exit", { signal: AbortSignal.timeout(20_000) });
  socket.close();
  if (!out.includes("/hello")) throw new Error(`dump printed ${JSON.stringify(out)}, ${JSON.stringify(said)}`);
}

const installed = install();
if (installed.status !== 0) {
  console.log(`SKIPPED: Bun and Deno could not be installed.\n${installed.stderr}`);
  process.exit(process.env["CI"] === "true" ? 1 : 0);
}
for (const [name, { args }] of Object.entries(RUNTIMES)) {
  const binary = join(folder, "node_modules/.bin", name);
  if (!existsSync(binary)) throw new Error(`${binary} doesn't exist.`);
  console.log(`${name} ${spawnSync(binary, ["--version"], { encoding: "utf8" }).stdout.split("\n")[0]}`);
  const smoke = spawnSync(binary, [...args, join(root, "test/runtimes/smoke.mjs")], { stdio: "inherit", timeout: 120_000 });
  await testCommandLine(binary, args);
  console.log("ok: oscine send, oscine dump");
  if (smoke.status !== 0) process.exitCode = 1;
}
