/** receiver.mjs, but that its thread ends by itself where a packet for /throw or /leave comes. */
import { syncBuiltinESMExports } from "node:module";
import workers from "node:worker_threads";

const { Worker } = workers;
const mortal = new URL("mortal-receiver-entry.mjs", import.meta.url);

/** Starts the thread that receives from a file that sets the trap first. */
workers.Worker = class extends Worker {
  constructor(entry, options) {
    const isReceiver = String(entry).endsWith("/receiver-entry.js");
    super(isReceiver ? mortal : entry, isReceiver ? { ...options, workerData: { ...options.workerData, entry: String(entry) } } : options);
  }
};
syncBuiltinESMExports();
await import("./receiver.mjs");
