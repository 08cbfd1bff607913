/** A UDP server, by name: counts /count, answers /echo with its argument, and prints the count at /report. Prints its port first. */
import { createSocket } from "node:dgram";
import { writeSync } from "node:fs";

const [name, kind, json = "{}"] = process.argv.slice(2);
let counted = 0;

const print = (value) => writeSync(1, `${value}\n`);
const count = (value) => {
  counted += value > 0 ? 1 : 0;
};
const report = () => {
  print(counted);
};

/** The packages come from bench/package.json, not from the project. */
const load = (name) => import(name);
const servers = { bare, oscine, "node-osc": nodeOsc, osc, "osc-js": oscDotJs };
await servers[name]();

/** The minimum in Node: decodes nothing, and returns echoes unchanged. Same buffer size as ours. */
function bare() {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
  socket.on("message", (data, { port, address }) => {
    if (data[1] === 0x63) counted += 1;
    else if (data[1] === 0x65) socket.send(data, port, address);
    else report();
  });
  socket.bind(0, "127.0.0.1", () => print(socket.address().port));
}

async function oscine() {
  const library = await import("../../dist/index.js");
  const dispatcher = new library.Dispatcher();
  dispatcher.map("/count", (_address, value) => count(value));
  dispatcher.map("/busy", () => {
    for (const until = performance.now() + 100; performance.now() < until;);
  });
  dispatcher.map("/echo", (_address, n) => ["/r", library.int(n)]);
  const isPooled = kind === "Threading" || kind === "Forking";
  dispatcher.map("/report", isPooled ? ask : report);
  // A worker has its own variables, but errors are reported in the thread that created the server, which knows the number of handled
  // packets.
  const onError = (error) => (error.cause?.message === "report" ? print(server.stats().handled) : undefined);
  const { [`${kind}OSCUDPServer`]: Server } = library;
  const server = new Server(["127.0.0.1", 0], dispatcher, { ...JSON.parse(json), onError });
  if (kind === "Async") await server.createServeEndpoint();
  if (isPooled) await server.start();
  print(server.serverAddress.port);
  if (kind === "Blocking") server.serveForever();
}

function ask() {
  throw new Error("report");
}

async function nodeOsc() {
  const { Message, Server, encode } = await load("node-osc");
  const server = new Server(0, "127.0.0.1", () => print(server._sock.address().port));
  server.on("/count", ([, value]) => count(value));
  server.on("/echo", ([, n], { port, address }) => {
    const message = new Message("/r");
    message.append({ type: "integer", value: n });
    server._sock.send(encode(message), port, address);
  });
  server.on("/report", report);
}

async function osc() {
  const { default: library } = await load("osc");
  const server = new library.UDPPort({ localAddress: "127.0.0.1", localPort: 0 });
  server.on("ready", () => print(server.socket.address().port));
  server.on("message", ({ address, args }, _timeTag, info) => {
    if (address === "/count") count(args[0]);
    else if (address === "/echo") server.send({ address: "/r", args: [{ type: "i", value: args[0] }] }, info.address, info.port);
    else report();
  });
  server.open();
}

async function oscDotJs() {
  const { default: Library } = await load("osc-js");
  const plugin = new Library.DatagramPlugin({ open: { host: "127.0.0.1", port: 0 } });
  const server = new Library({ plugin });
  server.on("/count", ({ args }) => count(args[0]));
  server.on("/echo", ({ args }, { address, port }) => server.send(new Library.Message("/r", args[0]), { host: address, port }));
  server.on("/report", report);
  server.on("open", () => print(plugin.socket.address().port));
  server.open();
}
