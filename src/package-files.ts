/**
 * Where the compiled files of the package lie. Modules are bundled, so that they no longer stand where their sources do and cannot name each
 * other's files by their own place; this is the one that may, and scripts/bundle.mjs keeps it at the top of `dist/`.
 *
 * @param path from `src/`, with the ending of what it is compiled to: `scripts/bundle.mjs` finds it here, and makes a file of it
 */
export function compiledFile(path: string): URL {
  return new URL(path, import.meta.url);
}
