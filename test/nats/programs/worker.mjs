/**
 * A worker that tests may kill: `node worker.mjs '{…options of serveNats…}'`. It says what its handlers do, each as a line: `begin 7`, `end 7`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Dispatcher } from "oscine";
import { serveNats } from "oscine/nats";

const dispatcher = new Dispatcher();
dispatcher.map("/n", (_address, value) => {
  console.log("end", value);
});
dispatcher.map("/slow", async (_address, value, milliseconds) => {
  console.log("begin", value);
  await sleep(milliseconds);
  console.log("end", value);
  return ["/done", value];
});

const worker = await serveNats(dispatcher, {
  ...JSON.parse(process.argv[2]),
  onError: (error) => console.log(`error ${error.code}`),
});
console.log("ready");
process.on("SIGTERM", () => void worker.close());
await worker.closed;
console.log(`stats ${JSON.stringify(worker.stats())}`);
