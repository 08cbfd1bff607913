// A blocking server for tests: `node blocking.mjs [options as JSON]`. It tells what happens on stdout, a line each.
import { BlockingOSCUDPServer, Dispatcher, OscMessage } from "oscine";
import { native } from "./native.mjs";

const { port = 0, strictTiming = true, quiet = false, ...options } = JSON.parse(process.argv[2] ?? "{}");
const tell = (word, value = null) => console.log(`${word} ${JSON.stringify(value)}`);
const block = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
const context = { needsContext: true };

const dispatcher = new Dispatcher({ strictTiming });
let counted = 0;
let stashed = null;
dispatcher.map("/count", () => void (counted += 1));
dispatcher.map("/counted", () => ["/counted", counted]);
dispatcher.map("/echo", (_address, ...args) => ["/echo", ...args]);
dispatcher.map("/print", (_address, ...args) => console.log("printed", ...args));
dispatcher.map("/block", (_address, milliseconds) => {
  // The reply goes out at once, and the handler goes on.
  block(milliseconds);
});
dispatcher.map(
  "/reply-then-block",
  ({ reply }, _address, milliseconds) => {
    reply("/early");
    block(milliseconds);
    return "/late";
  },
  context,
);
dispatcher.map("/size", (_address, blob) => ["/size", blob.length, blob.reduce((sum, byte) => (sum * 31 + byte) % 65521, 0)]);
dispatcher.map("/big", (_address, size) => new OscMessage("/big", [new Uint8Array(size).fill(7)]));
dispatcher.map(
  "/many",
  ({ reply }, _address, count) => {
    for (let index = 0; index < count; index++) reply(["/one", index]);
  },
  context,
);
dispatcher.map("/throw", () => {
  throw new RangeError("on purpose");
});
dispatcher.map("/stash", (given) => void (stashed = given), context);
dispatcher.map("/use-stash", () => stashed.reply("/late"));
dispatcher.map("/nested", () => server.serveForever());
dispatcher.map("/stats", () => tell("stats", server.stats()));
dispatcher.map("/shutdown", () => server.shutdown());
dispatcher.map("/shutdown-by-context", (given) => given.shutdown(), context);
dispatcher.map("/close", () => {
  server.close();
  return ["/closing", server.stats().received];
});

const onError = (error, client) =>
  tell("error", {
    code: error.code,
    name: error.name,
    message: error.message,
    reason: error.reason,
    limit: error.limit,
    cause: String(error.cause),
    client,
  });
const server = new BlockingOSCUDPServer(["127.0.0.1", port], dispatcher, quiet ? { native, ...options } : { native, onError, ...options });
console.log("ready", server.serverAddress.port);
for (let round = 1; ; round++) {
  server.serveForever();
  tell("served", round);
  tell("stats", server.stats());
  try {
    server.handleRequest();
  } catch (error) {
    tell("refused", { code: error.code });
    break;
  }
  tell("one-more");
  if (round === 2) break;
}
server.close();
server.close();
tell("closed", server.stats());
