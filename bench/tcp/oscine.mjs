/** An Oscine server, by kind and number of clients. Prints its port, and `done` each time every client has sent everything. */
import { writeSync } from "node:fs";
import * as oscine from "../../dist/index.js";

const [kind, clients] = process.argv.slice(2);
const dispatcher = new oscine.Dispatcher();
let sum = 0;
let done = 0;
dispatcher.map("/mixer/channel/12/gain", (_address, gain) => {
  sum += gain;
});
dispatcher.map("/done", () => {
  done += 1;
  if (done % Number(clients) === 0) writeSync(1, `done ${sum}\n`);
});
const Server = kind === "async" ? oscine.AsyncOSCTCPServer : oscine.BlockingOSCTCPServer;
const server = new Server(["127.0.0.1", 0], dispatcher);
if (kind === "async") await server.createServeEndpoint();
writeSync(1, `${server.serverAddress.port}\n`);
if (kind === "blocking") server.serveForever();
