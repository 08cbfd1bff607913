/** A worker whose handlers run in threads or processes that run this program again: `node pooled-worker.mjs '{…options of serveNats…}'`. */
import { Dispatcher, workerRole } from "oscine";
import { serveNats } from "oscine/nats";

const dispatcher = new Dispatcher();
dispatcher.map("/role", () => ["/role", workerRole()]);
const worker = await serveNats(dispatcher, { ...JSON.parse(process.argv[2]), onError: (error) => console.log(`error ${error.message}`) });
console.log("ready");
process.on("SIGTERM", () => void worker.close());
await worker.closed;
console.log(`stats ${JSON.stringify(worker.stats())}`);
