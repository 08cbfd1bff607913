// The program measured by scripts/size.ts: handles or sends a given number of messages, one after another.
//
//   node size-program.mjs Async|Blocking|Threading|Forking COUNT     an echo server; prints its port, and closes when told to on stdin
//   node size-program.mjs UDPClient|WebSocketClient COUNT PORT       a client
import { takeCoverage } from "node:v8";
import {
  AsyncOSCUDPServer,
  BlockingOSCUDPServer,
  Dispatcher,
  ForkingOSCUDPServer,
  OscMessage,
  ThreadingOSCUDPServer,
  UDPClient,
  WebSocketClient,
  workerRole,
} from "../dist/index.js";

const SERVERS = {
  Async: AsyncOSCUDPServer,
  Blocking: BlockingOSCUDPServer,
  Threading: ThreadingOSCUDPServer,
  Forking: ForkingOSCUDPServer,
};
const [what, count, port] = process.argv.slice(2);

if (what === "UDPClient") {
  const client = new UDPClient("127.0.0.1", Number(port));
  const message = new OscMessage("/echo", 7);
  for (let sent = 0; sent < Number(count); sent += 1) await client.send(message);
  await client.close();
} else if (what === "WebSocketClient") {
  const client = new WebSocketClient(`ws://127.0.0.1:${port}/`);
  for (let sent = 0; sent < Number(count); sent += 1) await client.sendMessage("/echo", 7);
  await client.close();
} else {
  let handled = 0;
  const dispatcher = new Dispatcher();
  dispatcher.map("/echo", (address, value) => {
    // Child processes are killed at the end, which would lose their coverage.
    if (what === "Forking" && ++handled === Number(count)) takeCoverage();
    return [address, value];
  });
  // One worker, because the start-up of further ones would count.
  const kinds = { Threading: { maxThreads: 1 }, Forking: { strategy: "spawn", requestsPerChild: 1_000_000, maxChildren: 1 } };
  const options = kinds[what] ?? {};
  const server = new SERVERS[what](["127.0.0.1", 0], dispatcher, options);
  if (what === "Async") await server.createServeEndpoint();
  else if (what !== "Blocking") await server.start();
  if (workerRole() === "main") console.log(server.serverAddress.port);
  if (what === "Blocking") {
    for (let served = 0; served < Number(count); served += 1) server.handleRequest();
    await server.close();
  } else {
    process.stdin.once("data", () => void server.close().then(() => process.stdin.destroy()));
  }
}
