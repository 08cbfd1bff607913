import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bench = fileURLToPath(new URL("..", import.meta.url));

/** What pages may import from Oscine. */
const BUNDLES = [
  { name: "all of oscine/codec", program: 'export * from "oscine/codec";' },
  { name: "decode alone", program: 'export { decode } from "oscine/codec";' },
  { name: "encode and OscMessage alone", program: 'export { encode, OscMessage } from "oscine/codec";' },
  { name: "all of oscine/browser", program: 'export * from "oscine/browser";' },
  { name: "the dispatcher alone", program: 'export { Dispatcher } from "oscine/browser";' },
  { name: "all of oscine/address", program: 'export * from "oscine/address";' },
  { name: "all of oscine/framing", program: 'export * from "oscine/framing";' },
] as const;

/** What other packages need in a page to read and write packets. Some are a single file that includes their sockets. */
const PEERS = [
  { name: "osc-min 2.1.2", program: 'export * from "osc-min";' },
  { name: "node-osc 11.7.1, without its sockets", program: 'export { Bundle, Message, decode, encode } from "node-osc";' },
  { name: "osc 2.4.5, without its sockets", program: 'export * from "osc/src/osc.js";' },
  { name: "osc-js 2.4.1", program: 'export * from "osc-js";' },
] as const;

export interface Bundle {
  readonly code: string;
  /** Size in bytes, compressed with gzip. */
  readonly gzipped: number;
  /** The modules in the bundle: our own by their path from the root of the repository. */
  readonly files: readonly string[];
}

interface BundleSize {
  readonly name: string;
  /** Minified and compressed with gzip. */
  readonly bytes: number;
}

/**
 * Bundles a program for browsers, minified. Throws if the bundle isn't self-contained.
 *
 * @param folder the folder for resolving the program's imports
 * @param external modules to leave out
 */
export async function bundle(
  program: string,
  format: "esm" | "iife" = "esm",
  folder: string = root,
  external: RegExp[] = [],
): Promise<Bundle> {
  const entry = join(folder, "program.ts");
  const bundler = await rolldown({
    cwd: folder,
    input: entry,
    platform: "browser",
    external,
    onLog: (level, log) => {
      if (level === "warn" && ["UNRESOLVED_IMPORT", "UNRESOLVED_ENTRY"].includes(log.code ?? "")) throw new Error(log.message);
    },
    plugins: [{ name: "program", resolveId: (id) => (id === entry ? entry : null), load: (id) => (id === entry ? program : null) }],
  });
  const { output } = await bundler.generate({ format, name: "oscine", minify: true, codeSplitting: false });
  await bundler.close();
  const { code, moduleIds } = output[0];
  const files = moduleIds.filter((id) => id !== entry && !id.startsWith("\0")).map((id) => id.replace(root, "").replaceAll("\\", "/"));
  return { code, gzipped: gzipSync(code, { level: 9 }).length, files };
}

/** The size of what pages import from Oscine. */
export async function bundles(): Promise<BundleSize[]> {
  return Promise.all(BUNDLES.map(async ({ name, program }) => ({ name, bytes: (await bundle(program)).gzipped })));
}

/** The size of the equivalent in other npm packages, which have to be installed. */
export async function peerBundles(): Promise<BundleSize[]> {
  return Promise.all(
    PEERS.map(async ({ name, program }) => ({
      name,
      bytes: await bundle(program, "esm", bench, [/^node:/]).then(({ gzipped }) => gzipped),
    })),
  );
}
