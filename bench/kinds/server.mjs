/** An Oscine server, by kind; prints its port. Its handlers reply immediately, sleep 20 ms, or burn 5 ms. */
import * as oscine from "../../dist/index.js";

const kind = process.argv[2];
const dispatcher = new oscine.Dispatcher();
const sleeper = new Int32Array(new SharedArrayBuffer(4));

let counted = 0;
dispatcher.map("/count", (_address, value) => {
  counted += value;
});
dispatcher.map("/echo", (_address, n) => ["/r", oscine.int(n)]);
dispatcher.map(
  "/sleep",
  kind === "async"
    ? async (_address, n) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return ["/r", oscine.int(n)];
      }
    : (_address, n) => {
        Atomics.wait(sleeper, 0, 0, 20);
        return ["/r", oscine.int(n)];
      },
);
dispatcher.map("/burn", (_address, n) => {
  const end = performance.now() + 5;
  while (performance.now() < end);
  return ["/r", oscine.int(n)];
});

const { [`${kind[0].toUpperCase()}${kind.slice(1)}OSCUDPServer`]: Server } = oscine;
/** The client counts dropped messages. */
const onError = (error) => {
  if (error.code !== "OSC_DROPPED" && error.code !== "OSC_SUPPRESSED") console.error(error);
};
const options = { ...JSON.parse(process.argv[3] ?? "{}"), onError };
const server = new Server(["127.0.0.1", 0], dispatcher, kind === "async" ? { ...options, order: "none", concurrency: 1000 } : options);
if (kind === "async") await server.createServeEndpoint();
console.log(server.serverAddress.port);
if (kind !== "async") server.serveForever();
