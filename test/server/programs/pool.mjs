// A threading or forking server: node pool.mjs Threading|Forking dispatcher|MODULE [options as JSON]. Ends with /quit.
import * as oscine from "oscine";
import dispatcher, { verifyRequest } from "./pool-handlers.mjs";
import { strategy } from "./strategy.mjs";
import { tell, tellError } from "./tell.mjs";

const [kind, form, json = "{}"] = process.argv.slice(2);
const { counter = false, ...options } = JSON.parse(json);
const Base = kind === "Threading" ? oscine.ThreadingOSCUDPServer : oscine.ForkingOSCUDPServer;

class Server extends Base {
  verifyRequest(data, client) {
    return verifyRequest(data, client);
  }
}

const handlers = form === "dispatcher" ? dispatcher : new URL(form, import.meta.url);
const own = kind === "Forking" ? { strategy } : counter ? { workerData: { counter: new SharedArrayBuffer(4) } } : {};
tell("run", oscine.workerRole());
const server = new Server(["127.0.0.1", 0], handlers, { ...own, ...options, onError: tellError });
tell("ready", server.serverAddress.port);
try {
  dispatcher.map("/too-late", () => undefined);
} catch (error) {
  tell("frozen", error.code);
}
server.serveForever();
server.close();
tell("stats", server.stats());
