import { fileURLToPath } from "node:url";

/** dist/, as run by users. With tsx from src/, functions created at run time are slower than for users. */
const dist = new URL("../../dist/", import.meta.url);

/** A compiled file, with the types of one of its source modules. `core.js` and `node.js` also contain non-public exports. */
export function compiled<Module>(path: string): Promise<Module> {
  return import(new URL(path, dist).href) as Promise<Module>;
}

/** The path of a compiled module. */
export function compiledPath(path: string): string {
  return fileURLToPath(new URL(path, dist));
}
