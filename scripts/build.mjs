// Makes dist/ of src/: the declarations with TypeScript 7, which says what is wrong with the types, what runs with bundle.mjs, and the monitor's page with esbuild. The new
// dist/ is made beside the old one and put in its place in one step, so that a program that runs from dist/ meanwhile never sees half of it.
//
//   node scripts/build.mjs               always, and fails where the types are wrong
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { bundle } from "./bundle.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
/** The compiler by its own path: `node_modules/.bin/tsc` may belong to another version. */
const compiler = join(root, "node_modules", "@typescript", "native", "bin", "tsc");

/**
 * Builds dist/.
 *
 * @returns {Promise<string>} what the compiler complained about; empty where all is well
 */
export async function build() {
  const started = new Date();
  const fresh = mkdtempSync(join(root, "dist-new-"));
  try {
    const compiled = compile(fresh);
    await bundle(fresh);
    buildPage(join(fresh, "monitor", "page"));
    const program = join(fresh, "cli", "main.js");
    if (existsSync(program)) chmodSync(program, 0o755);
    const complaints = await compiled;
    chmodSync(fresh, 0o755);
    // The time of the directory says which state of src/ it was made from.
    utimesSync(fresh, started, started);
    replaceDist(fresh);
    return complaints;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * Builds dist/ if something it is made from is newer.
 *
 * @returns {Promise<string>} as {@link build}
 */
export async function buildIfOld() {
  const sources = ["package.json", "tsconfig.json", "tsconfig.build.json", "scripts/build.mjs", "scripts/bundle.mjs"].map((file) =>
    join(root, file),
  );
  const built = existsSync(dist) ? statSync(dist).mtimeMs : 0;
  const newest = Math.max(newestIn(join(root, "src")), ...sources.map((file) => statSync(file).mtimeMs));
  return newest < built ? "" : build();
}

/**
 * Writes the declarations.
 *
 * @param {string} target
 * @returns {Promise<string>} what the compiler complained about
 */
async function compile(target) {
  const words = [compiler, "-p", join(root, "tsconfig.build.json"), "--outDir", target, "--pretty", "false"];
  const program = spawn(process.execPath, words, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  for (const output of [program.stdout, program.stderr]) output.setEncoding("utf8").on("data", (piece) => (complaints += piece));
  const [code] = await once(program, "close");
  return code === 0 ? "" : complaints || `The compiler ended with code ${code}.`;
}

/**
 * Bundles the page of the monitor, so that all it needs is in the package and nothing comes from the network.
 *
 * @param {string} target
 */
function buildPage(target) {
  const page = join(root, "src", "monitor", "page");
  buildSync({
    absWorkingDir: root,
    entryPoints: ["main.ts", "style.css"].map((file) => ({ in: join(page, file), out: "page" })),
    outdir: target,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome110", "firefox115", "safari16.4"],
    // The licence of what is bundled stays with it.
    banner: { js: `/*!\n${readFileSync(join(root, "node_modules", "uplot", "LICENSE"), "utf8").trim()}\n*/` },
    logLevel: "warning",
  });
  for (const file of ["index.html", "icon.svg"]) copyFileSync(join(page, file), join(target, file));
}

/** @param {string} folder */
function newestIn(folder) {
  let newest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path) : statSync(path).mtimeMs);
  }
  return newest;
}

/** @param {string} fresh */
function replaceDist(fresh) {
  const old = `${fresh}-old`;
  // Another build may put its own dist/ there between the two steps; the last one wins.
  for (let attempt = 0; ; attempt++) {
    try {
      if (existsSync(dist)) renameSync(dist, old);
      renameSync(fresh, dist);
      rmSync(old, { recursive: true, force: true });
      return;
    } catch (error) {
      rmSync(old, { recursive: true, force: true });
      if (attempt === 20) throw error;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const complaints = await build();
  process.stderr.write(complaints);
  process.exitCode = complaints === "" ? 0 : 1;
}
