// Serves with a listener for Ctrl-C, or without: `none`, `listener` or `kept`.
import { BlockingOSCUDPServer, Dispatcher } from "oscine";
import { native } from "./native.mjs";

const [, , listens] = process.argv;
if (listens !== "none") {
  process.on("SIGINT", () => {
    console.log("heard");
    process.exit(7);
  });
}
const dispatcher = new Dispatcher();
dispatcher.map("/still-here", () => "/yes");
dispatcher.map("/shutdown", () => server.shutdown());
const server = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher, { native, keepSignalListeners: listens === "kept" });
console.log("ready", server.serverAddress.port);
server.serveForever();
console.log("listeners", process.listenerCount("SIGINT"));
// Stays until the listener has run.
setInterval(() => undefined, 1000);
