// Receives avatar parameters from VRChat, which finds this program over OSCQuery, so you needn't configure a port.
// Needs the package multicast-dns: npm install multicast-dns@7
import { AsyncOSCUDPServer, Dispatcher, serveOscQuery } from "oscine";

const dispatcher = new Dispatcher();
// VRChat sends to programs that have a method below /avatar.
dispatcher.map("/avatar/change", { types: "s", access: "write", description: "The avatar" }, (_address, avatar) =>
  console.log("avatar", avatar),
);
dispatcher.map("/avatar/parameters/*", ({ captures }, _address, value) => console.log(captures[0], value), { needsContext: true });

const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher);
const [transport] = await server.createServeEndpoint();
const query = await serveOscQuery(dispatcher, { name: "Oscine", server, advertise: true });
console.log(`Waiting for VRChat on port ${transport.localAddress.port}; look at ${query.url}`);

process.once("SIGINT", () => void Promise.all([query.close(), transport.close()]));
