// Asynchronous handlers of which some leave something behind that they don't await.
import { createConnection } from "node:net";
import { Dispatcher } from "oscine";

const dispatcher = new Dispatcher();
// The module's own, which ends with the worker as it should.
setInterval(() => undefined, 1000);
dispatcher.map("/timer", () => {
  setTimeout(() => console.log("never"), 60_000);
  return "/timer";
});
dispatcher.map("/stream", async (address, port) => {
  const socket = createConnection(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  return address;
});
dispatcher.map("/awaited", async (address) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  return address;
});
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });
export default dispatcher;
