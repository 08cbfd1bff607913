/** An async server whose handlers await, and packets of as many senders as there are packets. Run with `--expose-gc`. Prints what stays. */
import { setTimeout as delay } from "node:timers/promises";
import { AsyncOSCUDPServer, Dispatcher, OscMessage, encode } from "oscine";

const COUNT = 400_000;
const dispatcher = new Dispatcher();
dispatcher.map("/wait", () => delay(20));
const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher, { onError: () => undefined, maxQueue: 1000 });
const [transport, protocol] = await server.createServeEndpoint();
const packet = encode(new OscMessage("/wait"));

async function receive(from, to) {
  for (let index = from; index < to; index += 1) {
    const address = {
      address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
      port: 1 + (index % 60_000),
      family: "IPv4",
    };
    protocol.packetReceived(packet, { address, send: () => undefined });
    if (index % 5000 === 0) await delay(1);
  }
  while (server.stats().inProgress > 0) await delay(10);
  globalThis.gc();
  await delay(10);
  globalThis.gc();
}

await receive(0, 20_000);
const before = process.memoryUsage();
await receive(20_000, COUNT);
const after = process.memoryUsage();
console.log(`kept ${JSON.stringify({ heap: after.heapUsed - before.heapUsed, rss: after.rss - before.rss, stats: server.stats() })}`);
await transport.close();
