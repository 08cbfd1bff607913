// A threading server that is closed while its threads start: node pool-closed-at-once.mjs
import { Dispatcher, ThreadingOSCUDPServer, workerRole } from "oscine";
import { tell, tellError } from "./tell.mjs";

// Only one that ends by itself comes to say so.
if (workerRole() === "thread") process.on("exit", () => tell("left"));

const server = new ThreadingOSCUDPServer(["127.0.0.1", 0], new Dispatcher(), { minThreads: 2, onError: tellError });
const started = server.start();
tell("ready", server.serverAddress.port);
await server.close();
await started;
tell("closed");
