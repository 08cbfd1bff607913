/**
 * An async server with a thread that receives. Parameters: its options as JSON, and "exit" where the process is to end while the server opens, "close" where the
 * server is to close at its first error. */
import { existsSync } from "node:fs";
import { AsyncOSCUDPServer, Dispatcher } from "oscine";
import { tell } from "./tell.mjs";

const [options = "{}", then = "serve"] = process.argv.slice(2);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let counted = 0;
let bytes = 0;

const dispatcher = new Dispatcher();
dispatcher.map("/echo", (_address, ...args) => ["/echo", ...args]);
dispatcher.map("/count", (_address, blob) => {
  counted += 1;
  bytes += blob?.length ?? 0;
});
dispatcher.map("/counted", () => ["/counted", counted, bytes]);
// Blocks the event loop until there is a file of that name.
dispatcher.map("/block", (_address, path, then) => {
  tell("blocked");
  while (!existsSync(path)) Atomics.wait(sleeper, 0, 0, 5);
  if (then === "close") void server.close();
});
dispatcher.map("/close", async () => {
  await server.close();
});
dispatcher.map("/exit", () => process.exit(7));
dispatcher.map("/fail", () => {
  setImmediate(() => {
    throw new Error("not caught");
  });
});

const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher, {
  receiver: "thread",
  closeTimeout: 20,
  ...JSON.parse(options),
  onError: (error) => {
    tell("error", { code: error.code, limit: error.limit, cause: rootOf(error).message });
    if (then === "close") void server.close();
  },
});

/** What an error was caused by in the end. */
function rootOf(error) {
  return error.cause === undefined ? error : rootOf(error.cause);
}

const listeners = process.listenerCount("exit");
const opening = server.createServeEndpoint();
if (then === "exit") setImmediate(() => process.exit(7));
const [transport] = await opening;
console.log(`ready ${server.serverAddress.port}`);
await transport.closed;
// The handler that closed the server ends in the next turn, and a port that was closed is gone some turns later.
for (let turn = 0; turn === 0 || (turn < 100 && process.getActiveResourcesInfo().includes("MessagePort")); turn += 1) {
  await new Promise((resolve) => setImmediate(resolve));
}
const added = process.listenerCount("exit") - listeners;
tell("closed", { ...server.stats(), resources: process.getActiveResourcesInfo(), listeners: added });
