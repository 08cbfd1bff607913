// Makes a server that cannot be made, or one that never serves.
import { BlockingOSCUDPServer, Dispatcher } from "oscine";
import { native } from "./native.mjs";

const dispatcher = new Dispatcher();
const first = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher, { native });
const { port } = first.serverAddress;
const cases = {
  "in-use": [["127.0.0.1", port]],
  "not-here": [["192.0.2.1", 0]],
  "bad-port": [["127.0.0.1", 70_000]],
  "bad-timeout": [["127.0.0.1", 0], { timeout: -1 }],
  "bad-allow": [["127.0.0.1", 0], { allow: ["nowhere"] }],
  "bad-native": [["127.0.0.1", 0], { native: true }],
  idle: [["127.0.0.1", 0]],
};
const [address, options] = cases[process.argv[2]];
try {
  const server = new BlockingOSCUDPServer(address, dispatcher, { native, ...options });
  console.log("ready", server.serverAddress.port);
} catch (error) {
  console.log("threw", JSON.stringify({ code: error.code, className: error.constructor.name, message: error.message }));
}
