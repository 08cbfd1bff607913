/** Advertises a service or servers for as long as it runs, or prints what it finds for some seconds. */
import { advertise, browse } from "../../../src/discovery/index.ts";
import { Dispatcher } from "../../../src/dispatch/index.ts";
import { serveOscQuery } from "../../../src/oscquery/index.ts";
import { AsyncOSCTCPServer, AsyncOSCUDPServer } from "../../../src/server/index.ts";

const [what, seconds = "5"] = process.argv.slice(2);
if (what === "advertise") {
  await advertise({ type: "osc.udp", name: "Mixer of ours", port: 9000, txt: { uri: "/x" } });
  console.log("advertised");
  setTimeout(() => process.exit(), Number(seconds) * 1000);
} else if (what === "serve") {
  const dispatcher = new Dispatcher();
  dispatcher.map("/gain", { types: "f" }, () => null);
  const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher);
  const tcp = new AsyncOSCTCPServer(["127.0.0.1", 0], dispatcher, { advertise: { name: "Stream of ours" } });
  await using _udp = (await server.createServeEndpoint())[0];
  await using _tcp = (await tcp.createServeEndpoint())[0];
  await using query = await serveOscQuery(dispatcher, { server, name: "Console of ours", advertise: { txt: { k: "v" } } });
  console.log(`serving ${server.serverAddress.port} ${tcp.serverAddress.port} ${query.address.port}`);
  await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
} else {
  for await (const { kind, service } of browse({ timeout: Number(seconds) * 1000 })) {
    console.log(kind, service.type, service.name, service.addresses.join(), service.port, JSON.stringify(service.txt));
  }
}
