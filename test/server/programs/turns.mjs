/**
 * A blocking server that is sent packets from so many addresses with so many ports each while its handler is busy, and then one from a
 * polite client. Prints how many packets it has handled before that one, and in all: `turns.mjs ADDRESSES PORTS PACKETS`.
 */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BlockingOSCUDPServer, Dispatcher, OscMessage, encode } from "oscine";

const [addresses, ports, packets, port] = process.argv.slice(2).map(Number);
await (port === undefined ? serve() : send());

async function serve() {
  let handled = 0;
  let before = null;
  const dispatcher = new Dispatcher();
  const server = new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher);
  // The program ends when the kernel has handed everything over, so only the queue decides what is handled next.
  dispatcher.map("/begin", () => {
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...[addresses, ports, packets, server.serverAddress.port].map(String)]);
  });
  dispatcher.map("/greedy", () => void (handled += 1));
  dispatcher.map("/polite", () => void (before = handled));
  const starter = await open("127.0.0.1");
  await sendTo(starter, encode(new OscMessage("/begin")), server.serverAddress.port);
  starter.close();
  const all = addresses * ports * packets + 2;
  for (let count = 0; count < all; count += 1) server.handleRequest();
  console.log(`turns ${JSON.stringify({ before, handled })}`);
  server.close();
}

async function send() {
  const greedy = encode(new OscMessage("/greedy"));
  const sockets = [];
  for (let address = 0; address < addresses; address += 1) {
    for (let number = 0; number < ports; number += 1) sockets.push(await open(`127.0.0.${address + 1}`));
  }
  for (let round = 0; round < packets; round += 1) {
    for (const socket of sockets) {
      await sendTo(socket, greedy);
      while (!isDrained()) await new Promise(setImmediate);
    }
  }
  // Its address is that of one of the others if there is only one.
  const polite = await open(addresses === 1 ? "127.0.0.1" : "127.0.1.1");
  await sendTo(polite, encode(new OscMessage("/polite")));
  while (!isDrained()) await new Promise(setImmediate);
  for (const socket of [...sockets, polite]) socket.close();
}

async function open(address) {
  const socket = createSocket("udp4");
  await new Promise((resolve) => socket.bind(0, address, resolve));
  return socket;
}

function sendTo(socket, packet, to = port) {
  return new Promise((resolve) => socket.send(packet, to, "127.0.0.1", resolve));
}

/** Whether the server has taken everything out of the kernel's buffer. */
function isDrained() {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  const line = readFileSync("/proc/net/udp", "latin1")
    .split("\n")
    .find((text) => text.slice(0, 20).includes(local));
  return line === undefined || line.includes(":00000000 00:");
}
