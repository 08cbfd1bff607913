/**
 * A process of the NATS benchmark: `node program.mjs local|front|worker '{…options…}'`. Prints its port (0 for a worker). For each line on
 * stdin, prints the number of /count messages handled and the sum of their numbers.
 */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { AsyncOSCUDPServer, Dispatcher, int } from "../../dist/index.js";
import { NatsExecutor, serveNats } from "../../dist/nats.js";

const [role, json = "{}"] = process.argv.slice(2);
const options = JSON.parse(json);
const BURN_MICROSECONDS = 5000;

let count = 0;
let sum = 0;
const dispatcher = new Dispatcher();
dispatcher.map("/count", (_address, number) => {
  count += 1;
  sum += number;
});
dispatcher.map("/echo", (_address, number) => ["/r", int(number)]);
dispatcher.map("/sleep", async (_address, number) => {
  await delay(20);
  return ["/r", int(number)];
});
dispatcher.map("/burn", (_address, number) => {
  // CPU time, because by wall-clock time, concurrent handlers would all count the time that only one of them gets.
  const before = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(before);
    if (user + system >= BURN_MICROSECONDS) return ["/r", int(number)];
  }
});

const onError = (error) => console.error(`${role}: ${error.message}`);
if (role === "worker") {
  await serveNats(dispatcher, { ...options, onError });
  console.log(0);
} else {
  const executor = role === "front" ? { executor: NatsExecutor.for(options) } : {};
  const server = new AsyncOSCUDPServer(["127.0.0.1", 0], role === "front" ? new Dispatcher() : dispatcher, { ...executor, onError });
  await server.createServeEndpoint();
  console.log(server.serverAddress.port);
}
for await (const line of createInterface({ input: process.stdin })) if (line === "count") console.log(JSON.stringify({ count, sum }));
