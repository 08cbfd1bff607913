/** Handles packets from front ends. Start as many as you like, on any machines: `npx tsx nats-worker.ts [NATS server]`. */
import { Dispatcher } from "oscine";
import { serveNats } from "oscine/nats";

const [servers = "nats://127.0.0.1:4222"] = process.argv.slice(2);

const dispatcher = new Dispatcher();
dispatcher.map("/sum", (_address, ...numbers) => ["/sum", (numbers as number[]).reduce((sum, number) => sum + number, 0)]);

const worker = await serveNats(dispatcher, { servers });
console.log(`Working for ${worker.serverAddress.address}:${worker.serverAddress.port}`);
process.once("SIGINT", () => void worker.close());
await worker.closed;
