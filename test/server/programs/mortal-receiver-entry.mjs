/** The thread that receives, with a trap: it ends where it copies a packet for /throw or /leave. Loaded as a worker. */
import { workerData } from "node:worker_threads";

const set = Reflect.get(Uint8Array.prototype, "set");
const ends = {
  "/throw": () => {
    throw new Error("the trap");
  },
  "/leave": () => process.exit(3),
};

function setOrEnd(source, ...place) {
  const address = Buffer.from(source.buffer, source.byteOffset, Math.min(source.length, 6)).toString("latin1");
  ends[address]?.();
  return set.call(this, source, ...place);
}

// oxlint-disable-next-line eslint/no-extend-native -- that is the trap
Object.defineProperty(Uint8Array.prototype, "set", { value: setOrEnd });
await import(workerData.entry);
