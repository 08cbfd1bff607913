// Bundles src/ into the few files of dist/: one for each thing that is started or imported by its path, and those in which they share their modules, so that every
// module is there once whatever is imported. Each file that Node loads takes it half a millisecond; a module a file were 150 of them.
import { readFileSync, readdirSync } from "node:fs";
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
 * Modules that are shared, by the name of their file. One that matches nothing goes with others of which the same entries have need. What imports
 * stands below what is imported.
 */
const SHARED = [
  { name: "base", test: /^((errors|net-address|stack-traces)\.ts$|(address|framing|url)\/)/ },
  { name: "codec", test: /^codec\// },
  { name: "core", test: /^(dispatch\/|client\/(?!dispatch-client|index|node-|tcp-|udp-))/ },
  {
    name: "transport",
    test: /^(package-files\.ts$|transport\/|server\/(road|crossing|pool)\/|server\/(thread\/thread-messages|io-thread\/(own-thread|stand-in-memory))\.)/,
  },
  { name: "server", test: /^(server\/[^/]+\.ts$|bridge\/|client\/|nats\/(subject|packet-headers)\.ts$)/ },
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
  });
  const { output } = await bundler.write({
    dir: target,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    codeSplitting: {
      groups: SHARED.map(({ name, test }, index) => ({ name, test: (id) => test.test(fromSrc(id)), priority: SHARED.length - index })),
    },
    minifyInternalExports: false,
    // src/ has them, and is in the package.
    comments: { legal: true, annotation: true, jsdoc: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await bundler.close();
  const misplaced = output.find(
    ({ fileName, moduleIds = [] }) => fileName.includes("/") && moduleIds.some((id) => fromSrc(id) === "package-files.ts"),
  );
  if (misplaced !== undefined) throw new Error(`package-files.ts must be at the top of dist/, and is in ${misplaced.fileName}.`);
  for (const path of commonJs) {
    buildSync({
      entryPoints: [join(src, `${path}.cts`)],
      outfile: join(target, `${path}.cjs`),
      format: "cjs",
      sourcemap: true,
      sourcesContent: false,
    });
  }
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
