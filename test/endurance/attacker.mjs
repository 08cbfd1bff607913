/**
 * Does what is bad for a server, as fast as it can, until stdin ends; then says how much it was:
 *
 *     node attacker.mjs SCENARIO TRANSPORT HOST PORT
 *
 * It sends from other addresses than 127.0.0.1 if the system has any of its own, so that it is another sender than the client beside it.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";

const [scenario, transport, host, portText] = process.argv.slice(2);
const port = Number(portText);
const ownAddress = (number) => (process.platform === "linux" ? `127.0.${1 + (number >> 8)}.${number & 255}` : "127.0.0.1");

const text = (value) => Buffer.from(value, "latin1");
const padded = (value) => text(`${value}${"\0".repeat(4 - (value.length % 4))}`);
const word = (value) => Buffer.of(value >>> 24, value >>> 16, value >>> 8, value);
const bundle = (secondsAhead, ...elements) =>
  Buffer.concat([
    text("#bundle\0"),
    word(Math.floor(Date.now() / 1000) + 2_208_988_800 + secondsAhead),
    word(0),
    ...elements.flatMap((element) => [word(element.length), element]),
  ]);
const message = (address, types = "", ...args) => Buffer.concat([padded(address), padded(`,${types}`), ...args]);
const framed = (packet) => Buffer.concat([word(packet.length), packet]);

const BAD = [
  text("\x9a\x01\xffc"),
  text("/a\0\0,q\0\0"),
  message("/blob", "b", word(0x7fffffff)),
  Buffer.concat([text("#bundle\0"), word(0), word(1), word(-4), Buffer.alloc(12)]),
];
const HUGE = [
  message("/array", "T".repeat(60_000)),
  message("/arrays", `${"[".repeat(31)}${"i".repeat(10_000)}${"]".repeat(31)}`, Buffer.alloc(40_000)),
];
const ECHO = message("/echo", "i", word(1));
let made = 0;

/** Mostly small packets, for these come fastest; now and then a huge one. */
function mixed() {
  made += 1;
  if (made % 500 === 0) return HUGE[(made / 500) % HUGE.length];
  switch (made % 8) {
    case 0:
      return message(`/unknown/${made}`);
    case 1:
      return message(`/{a,b${made}}*/?`);
    case 2:
      return bundle(86_400, message("/far"));
    case 3:
      return bundle(300, message(`/waits/${made}`, "i", word(made)));
    default:
      return BAD[made % BAD.length];
  }
}

function waiting() {
  made += 1;
  return bundle(300, message("/waits", "i", word(made)));
}

function echo() {
  made += 1;
  return ECHO;
}

const { stdin } = process;
stdin.resume();
const isOver = () => stdin.readableEnded;
const rest = () => new Promise((resolve) => setImmediate(resolve));

/** Datagrams from as many addresses. */
async function flood(next, sources) {
  let failed = 0;
  const sockets = [];
  for (let number = 1; number <= sources; number++) {
    const socket = createSocket("udp4");
    await new Promise((resolve) => socket.bind(0, ownAddress(number), resolve));
    await new Promise((resolve) => socket.connect(port, host, resolve));
    socket.on("error", () => undefined);
    sockets.push(socket);
  }
  while (!isOver()) {
    for (let left = 100; left > 0; left--) sockets[made % sources].send(next(), (error) => (failed += error ? 1 : 0));
    await rest();
  }
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.close(resolve))));
  return { sent: made - failed, connections: 0 };
}

/** Connections that are opened again whenever they end; each is told its number. */
async function connections(count, begin) {
  let opened = 0;
  const open = () => {
    if (isOver()) return;
    opened += 1;
    const socket = connect({ host, port, localAddress: ownAddress(1) });
    const number = opened;
    socket.on("connect", () => begin(socket, number));
    socket.on("error", () => undefined);
    socket.on("close", () => setTimeout(open, 1));
  };
  for (let number = 0; number < count; number++) open();
  while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 10));
  return { sent: made, connections: opened };
}

/** Each connection sends what it is let, some of it broken. */
function besiege(socket, number) {
  const write = () => {
    // One in four is there for its connection alone, and one in four breaks its stream sooner or later.
    if (number % 4 === 0) return socket.destroy();
    for (let left = 200; left > 0; left--) {
      const packet = mixed();
      if (!socket.write(number % 4 === 1 && made % 1000 === 0 ? word(0x7fffffff) : framed(packet))) return;
    }
    setImmediate(write);
  };
  write();
  socket.on("drain", write);
  // Replies are read by half of them only.
  if (number % 2 === 0) socket.resume();
  // A thousand that are stuck would only wait.
  setTimeout(() => socket.destroy(), 2000).unref();
}

/** Asks as fast as it is let, and reads the answers, or doesn't. */
function ask(socket, number) {
  const write = () => {
    const asked = framed(ECHO);
    for (let left = 200; left > 0; left--) {
      made += 1;
      if (!socket.write(asked)) return;
    }
    setImmediate(write);
  };
  write();
  socket.on("drain", write);
  if (number % 2 === 0) socket.resume();
}

const MIB = 1024 * 1024;

/** Announces a packet of 1 MiB, sends all of it but the last bytes, and waits. */
function stopShort(socket) {
  socket.write(Buffer.concat([word(MIB), padded("/short")]));
  const piece = Buffer.alloc(65_000, 0x2f);
  let left = MIB - 1000;
  const write = () => {
    if (left <= 0) return;
    const size = Math.min(left, piece.length);
    left -= size;
    socket.write(piece.subarray(0, size), write);
  };
  write();
}

/** A WebSocket message in fragments of one byte, each between so many pongs that it lies in a read of its own. */
async function fragments(socket) {
  const key = Buffer.alloc(16, 7).toString("base64");
  socket.write(
    `GET / HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await once(socket, "data");
  const pong = Buffer.concat([Buffer.of(0x8a, 0x80 + 125), Buffer.alloc(4 + 125)]);
  const pongs = Buffer.concat(Array.from({ length: 480 }, () => pong));
  const write = (opcode) => {
    if (!socket.destroyed) socket.write(Buffer.concat([Buffer.of(opcode, 0x81, 0, 0, 0, 0, 0x2f), pongs]), () => setImmediate(write, 0x00));
  };
  write(0x02);
}

const SCENARIOS = {
  mixed: () => (transport === "udp" ? flood(mixed, 1) : connections(50, besiege)),
  sources: () => flood(mixed, 250),
  bundles: () => flood(waiting, 1),
  greedy: () => (transport === "udp" ? flood(echo, 1) : connections(4, ask)),
  "stop-short": () => connections(400, stopShort),
  fragments: () => connections(100, fragments),
};
const account = await SCENARIOS[scenario]();
process.stdout.write(`${JSON.stringify(account)}\n`, () => process.exit());
