// Serves for five seconds in which nothing comes, and tells how much CPU that took.
import { BlockingOSCUDPServer, Dispatcher } from "oscine";
import { native } from "./native.mjs";

const dispatcher = new Dispatcher();
dispatcher.map("/usage", () => ["/usage", 0]);
const server = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher, { native, timeout: 5000 });
console.log("ready", server.serverAddress.port);
server.handleRequest();
// What was started has come to rest by then.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
const before = process.cpuUsage();
server.handleRequest();
const { user, system } = process.cpuUsage(before);
console.log(`used ${Math.round((user + system) / 1000)} ms in 5 s`);
server.close();
