// A mixer that describes itself over OSCQuery, so that other programs find its faders.
import { AsyncOSCUDPServer, Dispatcher, serveOscQuery } from "oscine";

const dispatcher = new Dispatcher();
for (const channel of [1, 2]) {
  dispatcher.map(
    `/mixer/${channel}/gain`,
    { types: "f", range: [{ min: 0, max: 1, clip: "both" }], value: [0.5], description: `Fader of channel ${channel}` },
    (address, gain) => console.log(address, gain.toFixed(2)), // gain is a number
  );
}

const server = new AsyncOSCUDPServer(["127.0.0.1", Number(process.argv[2] ?? 1337)], dispatcher);
const [transport] = await server.createServeEndpoint();
const query = await serveOscQuery(dispatcher, { name: "Mixer", server });
console.log(`Send to port ${transport.localAddress.port}; look at ${query.url}/mixer`);

process.once("SIGINT", () => void Promise.all([query.close(), transport.close()]));
