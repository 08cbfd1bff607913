import type * as Dgram from "node:dgram";
import type * as DiagnosticsChannel from "node:diagnostics_channel";
import type * as Dns from "node:dns";
import type EventEmitter from "node:events";
import type * as Fs from "node:fs";
import type Module from "node:module";
import type * as Net from "node:net";
import type * as Os from "node:os";
import type * as Url from "node:url";
import type * as WorkerThreads from "node:worker_threads";

/*
 * The built-in modules, each loaded when it is first used. What `import "oscine"` loads at once takes them from here, for a constructor cannot wait for an
 * `import()`; what is itself loaded later imports them as usual. Those for sockets and threads, with the streams that they bring, take 4 to 5 ms. The others take
 * 1 to 2 together: also what Node itself has loaded already is made into a module for whoever imports it.
 */

export const dgram: () => typeof Dgram = /* @__PURE__ */ later("node:dgram");
export const diagnosticsChannel: () => typeof DiagnosticsChannel = /* @__PURE__ */ later("node:diagnostics_channel");
export const dns: () => typeof Dns = /* @__PURE__ */ later("node:dns");
export const events: () => typeof EventEmitter = /* @__PURE__ */ later("node:events");
export const fs: () => typeof Fs = /* @__PURE__ */ later("node:fs");
const nodeModule: () => typeof Module = /* @__PURE__ */ later("node:module");
export const net: () => typeof Net = /* @__PURE__ */ later("node:net");
export const os: () => typeof Os = /* @__PURE__ */ later("node:os");
const nodeUrl: () => typeof Url = /* @__PURE__ */ later("node:url");
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

/** As that of `node:module`. */
export function createRequire(path: string): NodeJS.Require {
  return nodeModule().createRequire(path);
}

/** As that of `node:url`. */
export function fileURLToPath(url: URL | string): string {
  return nodeUrl().fileURLToPath(url);
}

/** As that of `node:url`. */
export function pathToFileURL(path: string): URL {
  return nodeUrl().pathToFileURL(path);
}

interface Late {
  readonly "node:dgram": typeof Dgram;
  readonly "node:diagnostics_channel": typeof DiagnosticsChannel;
  readonly "node:dns": typeof Dns;
  readonly "node:events": typeof EventEmitter;
  readonly "node:fs": typeof Fs;
  readonly "node:module": typeof Module;
  readonly "node:net": typeof Net;
  readonly "node:os": typeof Os;
  readonly "node:url": typeof Url;
  readonly "node:worker_threads": typeof WorkerThreads;
}

/** Asks Node once only: it goes through all that the module exports whenever it is asked. */
function later<Name extends keyof Late>(name: Name): () => Late[Name] {
  let loaded: Late[Name] | undefined;
  return () => (loaded ??= process.getBuiltinModule(name));
}
