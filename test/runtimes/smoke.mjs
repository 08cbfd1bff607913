// What must work on Node, Bun and Deno alike: node smoke.mjs, bun smoke.mjs, deno run -A smoke.mjs. Ends with code 1 if something doesn't.
import * as oscine from "oscine";
import handlers from "./handlers.mjs";

const { Dispatcher, OscMessage, TCPClient, UDPClient, decode, encode, workerRole } = oscine;
const isDeno = process.versions.deno !== undefined;

function check(what, passed) {
  console.log(`${passed ? "ok" : "FAILED"}: ${what}`);
  if (!passed) process.exitCode = 1;
}

const message = new OscMessage("/all", [1, 0.5, "text", Uint8Array.of(1, 2), true, null, 2n ** 40n]);
if (workerRole() === "main") check("codec", Buffer.compare(encode(decode(encode(message))), encode(message)) === 0);

for (const transport of ["UDP", "TCP"]) {
  for (const kind of ["Async", "Threading", "Forking"]) {
    for (const source of ["dispatcher", "module"]) {
      if (kind === "Async" && source === "module") continue;
      const dispatcher = new Dispatcher();
      dispatcher.map("/echo", (_address, ...args) => ["/echoed", ...args]);
      const from = source === "module" ? new URL("./handlers.mjs", import.meta.url) : kind === "Async" ? handlers : dispatcher;
      // oxlint-disable-next-line import/namespace -- the class is what the loop has come to
      const Server = oscine[`${kind}OSC${transport}Server`];
      const what = `${kind} ${transport} ${source}`;
      let server;
      try {
        server = new Server(["127.0.0.1", 0], from, { onError: (error) => console.error(what, error.code, error.message) });
      } catch (error) {
        check(`${what} says that it can't work here`, isDeno && error.code === "OSC_UNSUPPORTED_RUNTIME");
        continue;
      }
      if (kind === "Async") await server.createServeEndpoint();
      else await server.start();
      if (workerRole() !== "main") continue;
      const { port } = server.serverAddress;
      const client = transport === "UDP" ? new UDPClient("127.0.0.1", port) : new TCPClient("127.0.0.1", port);
      const { args } = await client.request("/echo", [7, "x"], { replyTo: "/echoed", timeout: 20_000 });
      check(what, args[0] === 7 && args[1] === "x");
      await client.close();
      await server.close();
    }
  }
}

if (workerRole() === "main") {
  for (const transport of ["UDP", "TCP"]) {
    const dispatcher = new Dispatcher();
    let got = 0;
    dispatcher.map("/n", (_address, number) => {
      got = number;
    });
    // oxlint-disable-next-line import/namespace -- as above
    const server = new oscine[`BlockingOSC${transport}Server`](["127.0.0.1", 0], dispatcher, { timeout: 10_000 });
    const { port } = server.serverAddress;
    const client = transport === "UDP" ? new UDPClient("127.0.0.1", port) : new TCPClient("127.0.0.1", port);
    await client.send(new OscMessage("/n", [5]));
    check(`Blocking ${transport}`, server.handleRequest() && got === 5);
    await client.close();
    server.close();
  }
  console.log("done");
  process.exit();
}
