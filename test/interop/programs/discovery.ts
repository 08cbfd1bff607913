/** Advertises a service or servers, or prints what it finds, until SIGTERM. */
import { once } from "node:events";
import { advertise, browse } from "../../../src/discovery/index.ts";
import { Dispatcher } from "../../../src/dispatch/index.ts";
import { serveOscQuery } from "../../../src/oscquery/index.ts";
import { AsyncOSCTCPServer, AsyncOSCUDPServer } from "../../../src/server/index.ts";

const stopped = new AbortController();
process.once("SIGTERM", () => stopped.abort());

const [, , what] = process.argv;
if (what === "advertise") {
  await using _service = await advertise({ type: "osc.udp", name: "Mixer of ours", port: 9000, txt: { uri: "/x" } });
  console.log("advertised");
  await once(stopped.signal, "abort");
} else if (what === "serve") {
  const dispatcher = new Dispatcher();
  dispatcher.map("/gain", { types: "f" }, () => null);
  const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher);
  const tcp = new AsyncOSCTCPServer(["127.0.0.1", 0], dispatcher, { advertise: { name: "Stream of ours" } });
  await using _udp = (await server.createServeEndpoint())[0];
  await using _tcp = (await tcp.createServeEndpoint())[0];
  await using query = await serveOscQuery(dispatcher, { server, name: "Console of ours", advertise: { txt: { k: "v" } } });
  console.log(`serving ${server.serverAddress.port} ${tcp.serverAddress.port} ${query.address.port}`);
  await once(stopped.signal, "abort");
} else {
  for await (const { kind, service } of browse({ signal: stopped.signal })) {
    console.log(kind, service.type, service.name, service.addresses.join(), service.port, JSON.stringify(service.txt));
  }
}
