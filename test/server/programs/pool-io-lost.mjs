// Ends the I/O thread of a started server with a pool behind its back: node pool-io-lost.mjs Threading|Forking.
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
const oscine = await import("oscine");
const { default: dispatcher } = await import("./pool-handlers.mjs");
const { tell, tellError } = await import("./tell.mjs");

const Server = oscine[`${process.argv[2]}OSCUDPServer`];
const server = new Server(["127.0.0.1", 0], dispatcher, { onError: tellError });
await server.start();
tell("ready", server.serverAddress.port);
process.stdin.once("data", () => void end());
async function end() {
  process.stdin.destroy();
  await made[0].terminate();
  await server.close();
  tell("stats", server.stats());
}
