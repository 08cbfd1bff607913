// One client sends 0 to 3, of which 0 takes long, and another something else: node slow-first.mjs Threading|Forking tcp|unix|udp default|none|client
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as oscine from "oscine";

const [kind, transport, order] = process.argv.slice(2);
const dispatcher = new oscine.Dispatcher();
const nobody = new Int32Array(new SharedArrayBuffer(4));
dispatcher.map("/n", (_address, number) => {
  if (number === 0) Atomics.wait(nobody, 0, 0, 1500);
  return ["/n", number];
});
dispatcher.map("/other", () => ["/other"]);
// oxlint-disable-next-line import/namespace -- the class is what the arguments choose
const Server = oscine[`${kind}OSC${transport === "udp" ? "UDP" : "TCP"}Server`];
const path = join(tmpdir(), `oscine-slow-${process.pid}.sock`);
const address = transport === "unix" ? { path } : ["127.0.0.1", 0];
const server = new Server(address, dispatcher, order === "default" ? {} : { order });
await server.start();

const connect = { udp: oscine.UDPClient, tcp: oscine.TCPClient, unix: oscine.TCPClient }[transport];
const [one, other] = [1, 2].map(() => (transport === "unix" ? new connect({ path }) : new connect("127.0.0.1", server.serverAddress.port)));
// Both are connected, and workers have been started for both.
for (const client of [one, other]) await client.request("/n", 9, { replyTo: "/n" });
const came = [];
const all = (async () => {
  for await (const { args } of one.messages()) if (came.push(args[0]) === 4) return;
})();
for (const number of [0, 1, 2, 3]) await one.send(new oscine.OscMessage("/n", [number]));
await other.request("/other", [], { replyTo: "/other" });
const isBeside = !came.includes(0);
await all;
console.log(`${came.join(" ")}; the other before 0: ${isBeside}`);
for (const closable of [one, other, server]) await closable.close();
