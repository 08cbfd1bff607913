// Bundles src/ into the few files of dist/: one for each thing that is started or imported by its path, and those in which they share their modules, so that every
// module is there once whatever is imported.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const src = join(root, "src");
const { exports, bin, dependencies, optionalDependencies, peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** What is not ours stays outside. */
const others = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });

/**
 * The files that hold what is shared: each all that these modules load at once, and that those above it have not. What is left over goes with others of which the
 * same entries have need. A file more takes a program as long as 30 kB of code do. What pages take from "core" brings nothing else with it, for a bundler can leave out
 * all of it that they do not use: test/package/size.test.ts.
 */
const SHARED = [
  { name: "core", of: ["browser.ts"] },
  {
    name: "node",
    of: [
      "index.ts",
      // Only threads and processes of our own use these; but they are small, and a file more for each start of a thread.
      "server/crossing/answer-records.ts",
      "server/crossing/progress.ts",
      "server/crossing/sync-output.ts",
      "server/thread/thread-messages.ts",
      "server/thread/thread-state.ts",
    ],
  },
  { name: "streams", of: ["transport/tcp.ts", "transport/websocket.ts"] },
  { name: "bridge", of: ["bridge/open-bridge.ts"] },
  { name: "nats", of: ["nats/nats-transport.ts", "nats/nats-link.ts"] },
];

/** Found in what runs, and made into a file where it stands. */
const COMPILED_FILE = /\bcompiledFile\("([^"]+)\.(c?js)"\)/g;

/**
 * Every file that has to be in dist/ under its own name: what package.json leads to, and what a module names as a compiled file.
 *
 * @returns {{ modules: string[]; commonJs: string[] }} from src/ and dist/, without the ending
 */
function entries() {
  const modules = strings([exports, bin]).flatMap((path) => /^\.\/dist\/(.+)(?<!\.d)\.js$/.exec(path)?.[1] ?? []);
  const commonJs = [];
  for (const file of readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))) {
    for (const [, path, ending] of readFileSync(join(src, file), "utf8").matchAll(COMPILED_FILE)) {
      (ending === "js" ? modules : commonJs).push(path);
    }
  }
  return { modules: [...new Set(modules)], commonJs: [...new Set(commonJs)] };
}

/**
 * Writes all that runs in Node and is imported by others.
 *
 * @param {string} target
 */
export async function bundle(target) {
  const { modules, commonJs } = entries();
  const bundler = await rolldown({
    cwd: root,
    input: Object.fromEntries(modules.map((path) => [path, join(src, `${path}.ts`)])),
    // What it adds itself has to run in browsers, too.
    platform: "neutral",
    external: [/^node:/, ...others],
    tsconfig: join(root, "tsconfig.build.json"),
    plugins: [keepPrivateNames],
  });
  const { output } = await bundler.write({
    dir: target,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    codeSplitting: { groups: groups() },
    minifyInternalExports: false,
    // Node looks at every character of what it loads, and keeps every name: variables within functions get short ones. What stack traces show stays: lines, functions, classes.
    minify: { compress: false, mangle: { toplevel: false, keepNames: { function: true, class: true } }, codegen: false },
    // src/ has them, and is in the package.
    comments: { legal: true, annotation: true, jsdoc: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await bundler.close();
  const misplaced = output.find(
    ({ fileName, moduleIds = [] }) => fileName.includes("/") && moduleIds.some((id) => fromSrc(id) === "package-files.ts"),
  );
  // What is started by its path must do so only then.
  const entryFiles = new Set(output.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  const wrong = output.find(({ imports = [] }) => imports.some((file) => entryFiles.has(file)));
  if (wrong !== undefined)
    throw new Error(`${wrong.fileName} imports one of ${wrong.imports.join(", ")}, which is an entry: let SHARED name what they share.`);
  if (misplaced !== undefined) throw new Error(`package-files.ts must be at the top of dist/, and is in ${misplaced.fileName}.`);
  for (const path of commonJs) {
    // A module that is to be CommonJS has a copy of all it imports; what is CommonJS already stays as it is.
    const isModule = existsSync(join(src, `${path}.ts`));
    buildSync({
      entryPoints: [join(src, `${path}.${isModule ? "ts" : "cts"}`)],
      outfile: join(target, `${path}.cjs`),
      bundle: isModule,
      ...(isModule && { external: ["node:*", ...others] }),
      platform: "node",
      target: "node20",
      format: "cjs",
      sourcemap: true,
      sourcesContent: false,
    });
  }
}

/** Keeps the names of private methods, which stack traces show: while variables are given short ones, they look like those of public methods. */
const keepPrivateNames = {
  name: "keep-private-names",
  renderChunk(code) {
    if (code.includes(PUBLIC_LOOK))
      throw new Error(`The sign ${PUBLIC_LOOK} stands for that of private names while names are shortened: write it as an escape.`);
    return { code: code.replaceAll(/#(?=[A-Za-z])/g, PUBLIC_LOOK), map: null };
  },
  generateBundle(_options, files) {
    for (const file of Object.values(files)) if (file.type === "chunk") file.code = file.code.replaceAll(PUBLIC_LOOK, "#");
  },
};
/** A letter, and as long as what it stands for, so that source maps hold. */
const PUBLIC_LOOK = "ª";

/** {@link SHARED}, as the bundler wants it. */
function groups() {
  /** @type {Map<string, string> | undefined} */
  let files;
  return SHARED.map(({ name }, index) => ({
    name: (id, graph) => {
      files ??= sharedFiles((module) => [...(graph.getModuleInfo(module)?.importedIds ?? [])]);
      return files.get(id) === name ? name : null;
    },
    debugName: name,
    // What a module imports is taken into its file, too, unless it lies in one of more.
    priority: SHARED.length - index,
  }));
}

/** @param {(module: string) => string[]} importsOf */
function sharedFiles(importsOf) {
  const files = new Map();
  const visit = (module, name) => {
    if (files.has(module)) return;
    files.set(module, name);
    for (const imported of importsOf(module)) visit(imported, name);
  };
  for (const { name, of } of SHARED) for (const module of of) visit(join(src, module), name);
  return files;
}

/** @param {string} id */
function fromSrc(id) {
  return relative(src, id).split(sep).join("/");
}

/** Every text in what JSON holds. @returns {string[]} */
function strings(value) {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : [];
}
