/**
 * An async server that monitors its own memory. Prints its port, and at /report a line of JSON: messages since the last report, heap bytes
 * allocated since then, and the garbage collector's pauses in milliseconds.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { AsyncOSCUDPServer, Dispatcher } from "../../dist/index.js";

let counted = 0;
let allocated = 0;
let pauses = [];
let last = process.memoryUsage().heapUsed;

// Memory allocated and collected between two samples is missed, which is little at one sample per 5 ms.
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
