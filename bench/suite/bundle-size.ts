import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { compiledPath } from "./compiled.ts";

/** What a page may take of Oscine, and what has to come with it. */
const BUNDLES = [
  { name: "the codec: encode, decode, messages, bundles, time tags, types", module: "codec/index.js", take: "*" },
  { name: "decode alone", module: "codec/index.js", take: "{ decode }" },
  { name: "encode and OscMessage alone", module: "codec/index.js", take: "{ encode, OscMessage }" },
  { name: "all of oscine/browser", module: "browser.js", take: "*" },
] as const;

/** The size of each bundle: minified, in bytes by gzip. */
export async function bundles(): Promise<{ readonly name: string; readonly bytes: number }[]> {
  return Promise.all(
    BUNDLES.map(async ({ name, module, take }) => {
      const { outputFiles } = await build({
        stdin: { contents: `export ${take} from ${JSON.stringify(compiledPath(module))};`, resolveDir: compiledPath(".") },
        bundle: true,
        minify: true,
        write: false,
        format: "esm",
        platform: "browser",
        target: "es2022",
      });
      return { name, bytes: gzipSync(outputFiles[0]!.contents, { level: 9 }).length };
    }),
  );
}
