import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { compiledPath } from "./compiled.ts";

/** What a page may take of Oscine, and what has to come with it. */
const BUNDLES = [
  { name: "the codec, oscine/codec: encode, decode, messages, bundles, time tags, types", module: "codec/index.js", take: "*" },
  { name: "decode alone", module: "codec/index.js", take: "{ decode }" },
  { name: "encode and OscMessage alone", module: "codec/index.js", take: "{ encode, OscMessage }" },
  { name: "all of oscine/browser", module: "browser.js", take: "*" },
  { name: "the dispatcher alone", module: "browser.js", take: "{ Dispatcher }" },
  { name: "all of oscine/address", module: "address/index.js", take: "*" },
  { name: "all of oscine/framing", module: "framing/index.js", take: "*" },
] as const;

/** What others need in a page to read and write packets. Of some their sockets come with it, for they are one file. */
const PEERS = [
  { name: "osc-min 2.1.2", contents: 'export * from "osc-min";' },
  { name: "node-osc 11.7.1, without its sockets", contents: 'export { Bundle, Message, decode, encode } from "node-osc";' },
  { name: "osc 2.4.5, without its sockets", contents: 'export * from "osc/src/osc.js";' },
  { name: "osc-js 2.4.1", contents: 'export * from "osc-js";' },
] as const;

interface BundleSize {
  readonly name: string;
  /** Minified, by gzip. */
  readonly bytes: number;
}

/** The size of each bundle. */
export async function bundles(): Promise<BundleSize[]> {
  return Promise.all(
    BUNDLES.map(async ({ name, module, take }) => {
      const contents = `export ${take} from ${JSON.stringify(compiledPath(module))};`;
      return { name, bytes: await packedSize(contents, compiledPath(".")) };
    }),
  );
}

/** The size of what the packages of npm need for the same; they have to be installed. */
export async function peerBundles(): Promise<BundleSize[]> {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  return Promise.all(PEERS.map(async ({ name, contents }) => ({ name, bytes: await packedSize(contents, folder, ["node:*"]) })));
}

/** @param external modules that are left out */
async function packedSize(contents: string, resolveDir: string, external: string[] = []): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external,
    logLevel: "error",
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

/** The parts of the codec, and the modules of src/ that they are. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  "to read packets, and what real senders do wrong": ["decode", "first-bytes", "limits", "read-arguments", "read-text", "reading"],
  "to write packets": ["encode", "write-arguments", "write-atoms"],
  "to infer, check and state the types of arguments": ["arguments", "check-value", "type-tags", "typed-value", "value-kinds"],
  "messages, bundles and time tags": ["bundle", "message", "time-tag", "trusted"],
  "UTF-8 and Latin-1": ["text"],
  "the cache of texts that come again": ["string-cache"],
  "classes of errors": ["decode-error", "errors", "stack-traces"],
};

/** What share of `oscine/codec` each of its parts has, in bytes by gzip. */
export async function codecParts(): Promise<BundleSize[]> {
  const entry = fileURLToPath(new URL("../../src/codec/index.ts", import.meta.url));
  const settings = {
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    target: "es2022",
    outfile: "codec.js",
  } as const;
  const { outputFiles, metafile } = await build({ entryPoints: [entry], ...settings });
  const { contents } = outputFiles[0]!;
  const packed = gzipSync(contents, { level: 9 }).length / contents.length;
  const modules = Object.entries(Object.values(metafile.outputs)[0]!.inputs);
  return Object.entries(PARTS).map(([name, names]) => {
    const sizes = modules.map(([path, { bytesInOutput }]) => (names.includes(basename(path, ".ts")) ? bytesInOutput : 0));
    return { name, bytes: Math.round(sizes.reduce((sum, size) => sum + size, 0) * packed) };
  });
}
