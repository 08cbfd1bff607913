// A program that tests bundle: node server.mjs Blocking|Threading|Forking|Async
import * as oscine from "oscine";

const kind = process.argv[2];
const dispatcher = new oscine.Dispatcher();
dispatcher.map("/echo", (_address, ...args) => ["/echoed", ...args]);
const { AsyncOSCUDPServer, BlockingOSCUDPServer, ForkingOSCUDPServer, ThreadingOSCUDPServer } = oscine;
const Server = { Async: AsyncOSCUDPServer, Blocking: BlockingOSCUDPServer, Forking: ForkingOSCUDPServer, Threading: ThreadingOSCUDPServer }[
  kind
];

async function main() {
  try {
    const server = new Server(["127.0.0.1", 0], dispatcher, kind === "Blocking" ? { native: false } : {});
    if (kind === "Async") await server.createServeEndpoint();
    else if (kind !== "Blocking") await server.start();
    if (oscine.workerRole() !== "main") return;
    if (kind !== "Blocking") {
      const client = new oscine.UDPClient("127.0.0.1", server.serverAddress.port);
      console.log((await client.request("/echo", 7, { replyTo: "/echoed", timeout: 20_000 })).args);
      await client.close();
    }
    await server.close();
    console.log("closed");
  } catch ({ code, message }) {
    console.log(code, message);
  }
}
void main();
