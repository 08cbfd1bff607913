/** Receives OSC over UDP, and lets workers on any machine handle it: `npx tsx nats-front-end.ts [port] [NATS server]`. */
import { AsyncOSCUDPServer, Dispatcher } from "oscine";
import { NatsExecutor } from "oscine/nats";

const [port = "1337", servers = "nats://127.0.0.1:4222"] = process.argv.slice(2);

// The workers have the handlers. This dispatcher only sets whether bundles wait for their time.
const server = new AsyncOSCUDPServer(["127.0.0.1", Number(port)], new Dispatcher(), { executor: NatsExecutor.for({ servers }) });
const [transport] = await server.createServeEndpoint();
console.log(`Receiving on port ${transport.localAddress.port}`);
process.once("SIGINT", () => void transport.close());
await transport.closed;
