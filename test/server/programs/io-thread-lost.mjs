// Ends the I/O thread of a server behind its back: while the thread that made it is `blocked`, or while it is `free`.
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

const tell = (word, { code, message }) => console.log(word, JSON.stringify({ code, message }));
const dispatcher = new Dispatcher();
dispatcher.map("/here", () => "/here");
dispatcher.map("/kill", () => void made[0].terminate());
const server = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher, { native: false, onError: (error) => tell("reported", error) });
console.log("ready", server.serverAddress.port);
if (process.argv[2] === "free") await made[0].terminate();
for (const word of ["threw", "then"]) {
  try {
    server.serveForever();
  } catch (error) {
    tell(word, error);
  }
}
server.close();
