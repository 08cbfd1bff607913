// A handler ends the process.
import { BlockingOSCUDPServer, Dispatcher } from "oscine";
import { native } from "./native.mjs";

const dispatcher = new Dispatcher();
dispatcher.map("/exit", (_address, code) => process.exit(code));
process.on("exit", (code) => console.log("exit", code));
const server = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher, { native });
console.log("ready", server.serverAddress.port);
server.serveForever();
