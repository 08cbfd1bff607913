/**
 * Sends what is bad for a server, as fast as it can, until stdin ends; then says how much it was:
 *
 *     node attacker.mjs TRANSPORT HOST PORT LOCAL_ADDRESS
 */
import { createSocket } from "node:dgram";
import { connect } from "node:net";

const [transport, host, port, localAddress] = process.argv.slice(2);
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
let made = 0;

/** Mostly small packets, for these come fastest; now and then a huge one. */
function next() {
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

const { stdin } = process;
stdin.resume();
const rest = () => new Promise((resolve) => setImmediate(resolve));

async function flood() {
  const socket = createSocket("udp4");
  await new Promise((resolve) => socket.bind(0, localAddress, resolve));
  await new Promise((resolve) => socket.connect(Number(port), host, resolve));
  socket.on("error", () => undefined);
  let failed = 0;
  while (!stdin.readableEnded) {
    for (let left = 100; left > 0; left--) socket.send(next(), (error) => (failed += error ? 1 : 0));
    await rest();
  }
  socket.close();
  return { sent: made - failed, connections: 0 };
}

/** Each connection sends what it is let, some of it broken; when it is ended another takes its place. */
async function besiege() {
  let connections = 0;
  let sent = 0;
  const open = () => {
    if (stdin.readableEnded) return;
    connections += 1;
    const number = connections;
    const socket = connect({ host, port: Number(port), localAddress });
    const write = () => {
      // One in four is there for its connection alone, and one in four breaks its stream sooner or later.
      if (number % 4 === 0) return socket.destroy();
      for (let left = 200; left > 0; left--) {
        const packet = next();
        sent += 1;
        const frame = number % 4 === 1 && sent % 1000 === 0 ? word(0x7fffffff) : Buffer.concat([word(packet.length), packet]);
        if (!socket.write(frame)) return;
      }
      setImmediate(write);
    };
    socket.on("connect", write);
    socket.on("drain", write);
    // Replies are read by half of them only.
    if (number % 2 === 0) socket.resume();
    socket.on("error", () => undefined);
    socket.on("close", () => setTimeout(open, 1));
    // A thousand that are stuck would only wait.
    setTimeout(() => socket.destroy(), 2000).unref();
  };
  for (let count = 0; count < 50; count++) open();
  while (!stdin.readableEnded) await new Promise((resolve) => setTimeout(resolve, 10));
  return { sent, connections };
}

const account = await (transport === "udp" ? flood() : besiege());
process.stdout.write(`${JSON.stringify(account)}\n`, () => process.exit());
