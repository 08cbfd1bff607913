import type * as Dgram from "node:dgram";
import type * as Dns from "node:dns";
import type * as Fs from "node:fs";
import type * as Net from "node:net";
import type * as Os from "node:os";
import type * as WorkerThreads from "node:worker_threads";

/*
 * The built-in modules that take long to load, each loaded when it is first used. What `import "oscine"` loads at once takes them from here, for a constructor
 * cannot wait for an `import()`; what is itself loaded later imports them as usual. Together, with the streams that they bring, they take 4 to 5 ms, where all of
 * `import "oscine"` takes 14 with them away (processor time, beside an empty program).
 */

export const dgram: () => typeof Dgram = /* @__PURE__ */ later("node:dgram");
export const dns: () => typeof Dns = /* @__PURE__ */ later("node:dns");
export const fs: () => typeof Fs = /* @__PURE__ */ later("node:fs");
export const net: () => typeof Net = /* @__PURE__ */ later("node:net");
export const os: () => typeof Os = /* @__PURE__ */ later("node:os");
export const workerThreads: () => typeof WorkerThreads = /* @__PURE__ */ later("node:worker_threads");

/** As that of `node:net`: 4 or 6, and 0 for what is no IP address. */
export function isIP(text: string): number {
  return net().isIP(text);
}

/** As that of `node:net`. */
export function isIPv4(text: string): boolean {
  return net().isIPv4(text);
}

/** As that of `node:net`. */
export function isIPv6(text: string): boolean {
  return net().isIPv6(text);
}

interface Late {
  readonly "node:dgram": typeof Dgram;
  readonly "node:dns": typeof Dns;
  readonly "node:fs": typeof Fs;
  readonly "node:net": typeof Net;
  readonly "node:os": typeof Os;
  readonly "node:worker_threads": typeof WorkerThreads;
}

/** Asks Node once only: it goes through all that the module exports whenever it is asked. */
function later<Name extends keyof Late>(name: Name): () => Late[Name] {
  let loaded: Late[Name] | undefined;
  return () => (loaded ??= process.getBuiltinModule(name));
}
