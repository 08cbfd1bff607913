// A server that is started and closed without blocking: node pool-started.mjs Threading|Forking [options as JSON]. A line on stdin closes it.
import { once } from "node:events";
import * as oscine from "oscine";
import dispatcher from "./pool-handlers.mjs";
import { strategy } from "./strategy.mjs";
import { tell, tellError } from "./tell.mjs";

const [kind, json = "{}"] = process.argv.slice(2);
const Server = kind === "Threading" ? oscine.ThreadingOSCUDPServer : oscine.ForkingOSCUDPServer;
const server = new Server(["127.0.0.1", 0], dispatcher, {
  ...(kind === "Forking" ? { strategy } : {}),
  ...JSON.parse(json),
  onError: tellError,
});
await server.start();
tell("ready", server.serverAddress.port);
await once(process.stdin, "data");
process.stdin.destroy();
let turns = 0;
const turning = setInterval(() => turns++, 1);
// Twice, as a signal and a handler may ask for it at the same time.
await Promise.all([server.close(), server.close()]);
await server.close();
clearInterval(turning);
tell("turned", turns > 0);
tell("stats", server.stats());
