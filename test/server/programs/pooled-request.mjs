// One packet at a time, handled by a pool: `node pooled-request.mjs Threading|Forking`.
import * as oscine from "oscine";

const dispatcher = new oscine.Dispatcher();
dispatcher.map("/hello", (_address, number) => ["/hello", number]);
dispatcher.map("/throw", () => {
  throw new Error("on purpose");
});

// oxlint-disable-next-line import/namespace -- the class is what the arguments choose
const Base = oscine[`${process.argv[2]}OSCUDPServer`];

class Server extends Base {
  handleTimeout() {
    console.log("timed out");
  }
}

// Those that still wait when the server closes are no matter of this program.
const tellError = ({ code }) => code === "OSC_DROPPED" || console.log("error", code);
const server = new Server(["127.0.0.1", 0], dispatcher, { timeout: 30_000, onError: tellError });
const impatient = new Server(["127.0.0.1", 0], dispatcher, { timeout: 20 });
console.log("ready", server.serverAddress.port);
console.log("impatient", impatient.handleRequest());
await impatient.close();
for (let request = 0; request < 3; request++) console.log("request", server.handleRequest(), server.stats().handled);
try {
  const second = new Server(server.serverAddress, dispatcher);
  second.close();
} catch ({ code }) {
  console.log("second", code);
}
server.close();
