/** An async server whose handlers start promises that nobody awaits. Prints what is reported; with "other", a rejection of the program itself follows. */
import { setTimeout as delay } from "node:timers/promises";
import { AsyncOSCUDPServer, Dispatcher } from "oscine";

const dispatcher = new Dispatcher();
dispatcher.map("/at-once", () => void Promise.reject(new RangeError("at once")));
dispatcher.map("/later", () => {
  void (async () => {
    await delay(5);
    throw new RangeError("later");
  })();
});
dispatcher.map("/echo", (address, value) => ["/echo", value]);
dispatcher.map("/other", () => void setImmediate(() => resolveOther()));
dispatcher.map("/close", () => server.close());

let resolveOther;
const other = new Promise((resolve) => (resolveOther = resolve));
const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher, {
  onError: ({ code, message }, client) => console.log(`error ${JSON.stringify({ code, message, port: client?.port })}`),
});
const [transport] = await server.createServeEndpoint();
console.log(`ready ${server.serverAddress.port}`);
void other.then(() => Promise.reject(new Error("of the program itself")));
await transport.closed;
console.log(`listeners ${process.listenerCount("unhandledRejection")}`);
