// Handlers that show what becomes of a packet, and of the thread or process that handles it.
import { existsSync, writeFileSync } from "node:fs";
import { threadId, workerData } from "node:worker_threads";
import { Dispatcher, workerRole } from "oscine";

const dispatcher = new Dispatcher();
const nobody = new Int32Array(new SharedArrayBuffer(4));
const sleep = (milliseconds) => Atomics.wait(nobody, 0, 0, milliseconds);

let handled = 0;
dispatcher.map("/echo", (_address, ...args) => ["/echoed", ...args]);
dispatcher.map("/who", () => ["/who", workerRole(), process.pid, threadId, ++handled]);
dispatcher.map("/invocation", () => ["/invocation", JSON.stringify([process.argv.slice(2), process.execArgv, process.argv[1]])]);
dispatcher.map("/environment", () => ["/environment", Object.keys(process.env).filter((name) => name.startsWith("OSCINE")).length]);

// One waits for the other: both are answered only if they are handled at the same time.
dispatcher.map("/await-file", (_address, path) => {
  while (!existsSync(path)) sleep(2);
  return "/found";
});
dispatcher.map("/make-file", (_address, path) => {
  writeFileSync(path, "");
  return "/made";
});

dispatcher.map("/exit", (_address, code) => process.exit(code));
dispatcher.map("/kill", () => process.kill(process.pid, "SIGKILL"));
dispatcher.map(
  "/hang",
  (context) => {
    context.reply("/hanging");
    for (;;);
  },
  { needsContext: true },
);
dispatcher.map("/fill", () => {
  const kept = [];
  for (;;) kept.push(Array.from({ length: 1000 }, (_, index) => ({ index })));
});
dispatcher.map(
  "/sleep",
  (context, _address, milliseconds) => {
    context.reply("/begun");
    sleep(milliseconds);
    return ["/slept", milliseconds];
  },
  { needsContext: true },
);
dispatcher.map("/print", (_address, size) => console.log(`${"x".repeat(size)}.`));
dispatcher.map(
  "/early",
  (context) => {
    context.reply("/first");
    process.exit(4);
  },
  { needsContext: true },
);
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });

dispatcher.map("/later", async (_address, ...args) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  return ["/late", ...args];
});
let waiting = null;
// The first waits for the second, in the event loop of one thread.
dispatcher.map("/pair", async () => {
  if (waiting !== null) return waiting("/paired");
  return new Promise((resolve) => {
    waiting = resolve;
  });
});
dispatcher.map("/reject-later", () => void Promise.reject(new Error("nobody caught this")));
dispatcher.map("/reject-and-wait", async () => {
  void Promise.reject(new Error("nobody caught this"));
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});

dispatcher.map("/gain", { types: "f", range: [{ min: 0, max: 1, clip: "high" }] }, (_address, gain) => ["/gain", gain]);
dispatcher.map("/set", { types: "s" }, (_address, text) => dispatcher.namespace.set("/derived", [text.length]));
dispatcher.namespace.add("/derived", { types: "i", access: "read" });

dispatcher.map("/count", () => ["/counted", Atomics.add(new Int32Array(workerData.counter), 0, 1) + 1]);

export default dispatcher;

export function verifyRequest(data) {
  return !Buffer.from(data).includes("/forbidden");
}
