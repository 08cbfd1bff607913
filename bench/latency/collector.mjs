/**
 * An async server that watches its own memory. Prints its port, and at /report a line of JSON: messages counted since the last report, bytes
 * allocated on the heap meanwhile, and the pauses of the collector in milliseconds.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { AsyncOSCUDPServer, Dispatcher } from "../../dist/index.js";

let counted = 0;
let allocated = 0;
let pauses = [];
let last = process.memoryUsage().heapUsed;

// What is collected between two looks is missed; at a look every 5 ms that is little.
setInterval(() => {
  const used = process.memoryUsage().heapUsed;
  if (used > last) allocated += used - last;
  last = used;
}, 5).unref();
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) pauses.push(entry.duration);
}).observe({ entryTypes: ["gc"] });

const dispatcher = new Dispatcher();
dispatcher.map("/count", (_address, value) => {
  counted += value;
});
dispatcher.map("/report", () => {
  console.log(JSON.stringify({ counted, allocated, pauses }));
  counted = 0;
  allocated = 0;
  pauses = [];
});
const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher);
await server.createServeEndpoint();
console.log(server.serverAddress.port);
