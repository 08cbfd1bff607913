// Builds dist/ from src/: a bundle per entry, the declarations of what package.json exports, and the page of the monitor. It doesn't check
// types; `npm run typecheck` does. The new dist/ is built next to the old one and replaces it in one step, so that a program running from
// dist/ never sees a partial build.
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
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";
import { build as buildWithVite } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const src = join(root, "src");
const dist = join(root, "dist");
const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const external = [/^node:/, ...Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })];

/** What package.json exports. */
const EXPORTS = {
  index: join(src, "index.ts"),
  browser: join(src, "browser.ts"),
  codec: join(src, "codec/index.ts"),
  address: join(src, "address/index.ts"),
  framing: join(src, "framing/index.ts"),
  recording: join(src, "recording/index.ts"),
  nats: join(src, "nats/index.ts"),
};
/**
 * Chunks shared between bundles, so that every class exists once. "core" is what browsers load, plus text shared by recordings and the
 * tool; "udp-client" is what `oscine send` needs in addition; "node" is everything else that `import "oscine"` loads eagerly.
 */
const SHARED = [
  {
    name: "core",
    test: /[\\/]src[\\/](browser|(codec|address|framing)[\\/]index|text[\\/](usage-error|format|json))(\.d)?\.ts$/,
    priority: 3,
  },
  { name: "udp-client", test: /[\\/]src[\\/]client[\\/]udp-client(\.d)?\.ts$/, priority: 2.5 },
  { name: "recordings", test: /[\\/]src[\\/]recording[\\/]index(\.d)?\.ts$/, priority: 2.4 },
  { name: "node", test: /[\\/]src[\\/]index(\.d)?\.ts$/, priority: 2 },
  { name: "tool", test: /[\\/]src[\\/]cli[\\/](command|output|options|endpoint)\.ts$/, priority: 1.5 },
  { name: "bridge", test: /[\\/]src[\\/]bridge[\\/]relay\.ts$/, priority: 1 },
];

/** Builds dist/. */
export async function build() {
  const started = new Date();
  const fresh = mkdtempSync(join(root, "dist-new-"));
  try {
    await Promise.all([buildModules(fresh), buildDeclarations(fresh), buildPage(join(fresh, "page"))]);
    chmodSync(join(fresh, "cli.js"), 0o755);
    chmodSync(fresh, 0o755);
    // buildIfOld() compares the sources with the time of the directory.
    utimesSync(fresh, started, started);
    replaceDist(fresh);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Builds dist/ if one of its sources is newer. */
export async function buildIfOld() {
  const sources = ["package.json", "tsconfig.json", "tsconfig.build.json", "scripts/build.mjs"].map(
    (file) => statSync(join(root, file)).mtimeMs,
  );
  const built = existsSync(dist) ? statSync(dist).mtimeMs : 0;
  if (Math.max(newestIn(src), ...sources) >= built) await build();
}

/** @param {string} target */
async function buildModules(target) {
  const { modules, commonJs } = filesNamedInSource();
  const input = { ...EXPORTS, cli: join(src, "cli/main.ts"), ...modules };
  const bundler = await rolldown({
    cwd: root,
    input,
    platform: "node",
    external,
    treeshake: { moduleSideEffects: false },
    checks: { pluginTimings: false },
  });
  const { output } = await bundler.write({
    dir: target,
    format: "esm",
    chunkFileNames: "[name].js",
    codeSplitting: { groups: SHARED },
    minifyInternalExports: false,
    sourcemap: true,
  });
  await bundler.close();
  const entries = new Set(output.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  for (const { fileName, imports = [] } of output) {
    const entry = imports.find((file) => entries.has(file));
    if (entry !== undefined)
      throw new Error(`${fileName} imports ${entry}, an entry that must run only when it is started. Add what they share to SHARED.`);
  }
  for (const [name, path] of Object.entries(commonJs)) {
    const file = join(target, `${name}.cjs`);
    if (path.endsWith(".cjs")) {
      copyFileSync(path, file);
      continue;
    }
    const one = await rolldown({ cwd: root, input: path, platform: "node", external });
    await one.write({ file, format: "cjs", sourcemap: true });
    await one.close();
  }
}

/**
 * The files that modules start or load by `new URL("./name.js", import.meta.url)`. dist/ is a single folder, so the URL is valid in
 * whichever bundle the module ends up. A file named .cjs is bundled into one CommonJS file, or copied if its source is CommonJS.
 *
 * @returns {{ modules: Record<string, string>; commonJs: Record<string, string> }}
 */
function filesNamedInSource() {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" });
  const found = { modules: {}, commonJs: {} };
  for (const file of files.filter((name) => name.endsWith(".ts"))) {
    const code = readFileSync(join(src, file), "utf8");
    for (const [, name, ending] of code.matchAll(/new URL\("\.\/([\w-]+)\.(c?js)", import\.meta\.url\)/g)) {
      const sources = files.filter((path) => [`${name}.ts`, `${name}.cjs`].includes(basename(path)));
      // Such a URL may also occur in a comment or message.
      if (sources.length === 0) continue;
      if (sources.length > 1)
        throw new Error(`${file} names ${name}.${ending}, and src/ has ${sources.join(" and ")}. Rename one of them.`);
      (ending === "js" ? found.modules : found.commonJs)[name] = join(src, sources[0]);
    }
  }
  return found;
}

/** @param {string} target */
async function buildDeclarations(target) {
  const bundler = await rolldown({
    cwd: root,
    input: EXPORTS,
    external,
    checks: { pluginTimings: false },
    plugins: [dts({ emitDtsOnly: true, tsconfig: join(root, "tsconfig.build.json") })],
  });
  await bundler.write({
    dir: target,
    format: "esm",
    chunkFileNames: "[name].d.ts",
    // For AsyncDisposable, regardless of `lib` in the user's project.
    banner: '/// <reference lib="esnext.disposable" />',
    codeSplitting: { groups: SHARED },
    minifyInternalExports: false,
  });
  await bundler.close();
}

/** @param {string} target */
async function buildPage(target) {
  const page = join(root, "src", "monitor", "page");
  await buildWithVite({
    configFile: false,
    root: page,
    base: "./",
    logLevel: "warn",
    build: {
      outDir: target,
      emptyOutDir: true,
      target: ["es2022", "chrome110", "firefox115", "safari16.4"],
      modulePreload: false,
      assetsInlineLimit: 0,
      // Includes the licenses of bundled packages.
      license: { fileName: "licenses.md" },
      rolldownOptions: {
        output: { entryFileNames: "page.js", assetFileNames: ({ names }) => (names[0]?.endsWith(".css") ? "page.css" : "[name][extname]") },
      },
    },
  });
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
  // A concurrent build may create its own dist/ between the two steps; the last one wins.
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

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
