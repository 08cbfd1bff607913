// Ends the I/O thread of a blocked server behind its back.
import workers from "node:worker_threads";
import { syncBuiltinESMExports } from "node:module";

const made = [];
workers.Worker = class extends workers.Worker {
  constructor(...parameters) {
    super(...parameters);
    made.push(this);
  }
};
syncBuiltinESMExports();
const { BlockingOSCUDPServer, Dispatcher } = await import("oscine");

const dispatcher = new Dispatcher();
dispatcher.map("/here", () => "/here");
dispatcher.map("/kill", () => void made[0].terminate());
const server = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher);
console.log("ready", server.serverAddress.port);
for (const word of ["threw", "then"]) {
  try {
    server.serveForever();
  } catch ({ code, message }) {
    console.log(word, JSON.stringify({ code, message }));
  }
}
server.close();
