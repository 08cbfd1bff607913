/**
 * An OSCQuery server with a given number of methods: ours, or npm's `oscquery`. Prints its port, then reads commands: `set VALUE` sets all
 * methods; `change RATE SECONDS` sets them one after another, RATE per second, to 1, 2, 3 … Responds to each with a line of JSON.
 */
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setInterval } from "node:timers/promises";
import { Namespace, serveOscQuery } from "../../dist/index.js";

const BATCH_MS = 10;
const [kind, methods] = process.argv.slice(2);
const count = Number(methods);
const addresses = Array.from({ length: count }, (_, index) => `/group${index % 100}/method${String(index).padStart(5, "0")}`);
const { port, set, stats } = kind === "ours" ? await ours() : await theirs();
console.log(port);
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...numbers] = line.split(" ");
  if (command === "set") for (const address of addresses) set(address, Number(numbers[0]));
  console.log(JSON.stringify(command === "change" ? await change(...numbers.map(Number)) : {}));
}
// The other process has exited.
process.exit();

async function change(rate, seconds) {
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const total = rate * seconds;
  let most = before;
  let made = 0;
  for await (const _ of setInterval(BATCH_MS)) {
    const due = Math.min(total, Math.floor(((performance.now() - started) * rate) / 1000));
    for (; made < due; made += 1) set(addresses[made % count], Math.floor(made / count) + 1);
    most = Math.max(most, process.memoryUsage().rss);
    if (made === total) break;
  }
  return { seconds: (performance.now() - started) / 1000, growth: most - before, ...stats() };
}

async function ours() {
  const namespace = new Namespace();
  const range = [{ min: 0, max: 1e9, clip: "both" }];
  for (const address of addresses) namespace.add(address, { types: "i", range, unit: "gain.linear", description: "Fader", value: [0] });
  const server = await serveOscQuery(namespace);
  return { port: server.address.port, set: (address, value) => namespace.set(address, [value]), stats: () => server.stats() };
}

async function theirs() {
  const { OSCQueryServer } = createRequire(new URL("../", import.meta.url))("oscquery");
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port: httpPort } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const server = new OSCQueryServer({ bindAddress: "127.0.0.1", oscPort: 9000, httpPort });
  const argument = { type: "i", range: { min: 0, max: 1e9 }, clipmode: "both", unit: "gain.linear" };
  for (const address of addresses) server.addMethod(address, { description: "Fader", access: 3, arguments: [argument] });
  await server.start();
  return { port: httpPort, set: (address, value) => server.setValue(address, 0, value), stats: () => ({}) };
}
