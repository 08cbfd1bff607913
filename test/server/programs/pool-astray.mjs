// A program that makes its server only as the main program, so that its workers never come to it.
import { Dispatcher, ForkingOSCUDPServer, ThreadingOSCUDPServer, workerRole } from "oscine";
import { strategy } from "./strategy.mjs";
import { tell, tellError } from "./tell.mjs";

tell("run", workerRole());
if (workerRole() === "main") {
  const Server = process.argv[2] === "Threading" ? ThreadingOSCUDPServer : ForkingOSCUDPServer;
  const server = new Server(["127.0.0.1", 0], new Dispatcher(), { strategy, onError: tellError });
  await server.start();
  tell("ready", server.serverAddress.port);
  process.stdin.once("data", () => void end());
  async function end() {
    process.stdin.destroy();
    await server.close();
    tell("stats", server.stats());
  }
}
