import { fileURLToPath } from "node:url";

/** dist/, which users run. From src/, run by tsx, functions that are made at run time are slower than they are for users. */
const dist = new URL("../../dist/", import.meta.url);

/** A compiled file, with the types of one of the modules that it is made of: `core.js` and `node.js` have what is not public, too. */
export function compiled<Module>(path: string): Promise<Module> {
  return import(new URL(path, dist).href) as Promise<Module>;
}

/** The path of a compiled module. */
export function compiledPath(path: string): string {
  return fileURLToPath(new URL(path, dist));
}
