/** A front end by TCP: `node front.mjs '{…options of NatsExecutor…}'`. */
import { AsyncOSCTCPServer, Dispatcher } from "oscine";
import { NatsExecutor } from "oscine/nats";

const server = new AsyncOSCTCPServer(["127.0.0.1", 0], new Dispatcher(), {
  mode: "1.0",
  executor: NatsExecutor.for(JSON.parse(process.argv[2])),
  onError: (error) => console.log(`error ${error.code}`),
});
const [transport] = await server.createServeEndpoint();
console.log(`ready ${JSON.stringify(transport.localAddress)}`);
process.on("SIGTERM", () => void transport.close());
await transport.closed;
console.log(`stats ${JSON.stringify(server.stats())}`);
