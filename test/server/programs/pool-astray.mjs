// A program that makes its server only as the main program, so that its workers never come to it.
import { Dispatcher, ForkingOSCUDPServer, ThreadingOSCUDPServer, workerRole } from "oscine";
import { strategy } from "./strategy.mjs";
import { tell, tellError } from "./tell.mjs";

tell("run", workerRole());
if (workerRole() === "main") {
  const isThreading = process.argv[2] === "Threading";
  const Server = isThreading ? ThreadingOSCUDPServer : ForkingOSCUDPServer;
  const server = new Server(["127.0.0.1", 0], new Dispatcher(), { ...(isThreading ? {} : { strategy }), onError: tellError });
  try {
    await server.start();
  } catch ({ code, message }) {
    tell("failed", { code, message });
  }
  await server.close();
}
