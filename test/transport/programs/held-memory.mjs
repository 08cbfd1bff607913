/**
 * A server that tells the memory of its process: `node held-memory.mjs KIND TRANSPORT OPTIONS-AS-JSON` prints its port, and for each line on
 * stdin the highest resident size so far, in bytes, with its counters and how many evictions were reported.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import * as oscine from "oscine";

const [kind, transport, options] = process.argv.slice(2);
// oxlint-disable-next-line import/namespace -- the class is what the arguments choose
const Server = oscine[`${kind}OSC${transport}Server`];
const dispatcher = new oscine.Dispatcher();
// In processes and threads handlers are functions of their own program, so all are mapped here, above the server.
dispatcher.map("/never", () => new Promise(() => {}));
dispatcher.map("/large", (_address, size) => ["/large", new Uint8Array(size)]);
dispatcher.map("/quiet", () => {});

let evictions = 0;
const onError = ({ code, limit }) => {
  if (code === "OSC_DROPPED" && limit === "maxMemory") evictions += 1;
};
const server = new Server(["127.0.0.1", 0], dispatcher, { ...JSON.parse(options), onError });
if (kind === "Async") await server.createServeEndpoint();
else await server.start();

let peak = 0;
const measure = () => (peak = Math.max(peak, process.memoryUsage.rss()));
setInterval(measure, 5);
console.log(JSON.stringify({ port: server.serverAddress.port }));
const lines = createInterface({ input: process.stdin });
lines.on("line", () => {
  measure();
  console.log(JSON.stringify({ peak, rss: process.memoryUsage.rss(), stats: server.stats(), evictions }));
});
await once(lines, "close");
process.exit();
