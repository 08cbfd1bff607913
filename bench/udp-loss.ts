/**
 * Does a server lose messages at a high rate? 100,000 messages at 20,000/s over loopback to `AsyncOSCUDPServer` with a trivial handler.
 *
 *     npx tsx bench/udp-loss.ts [messages] [messages per second]
 *
 * The sender is a separate process, so that it doesn't share the receiver's event loop. Exits with code 1 if a message is missing.
 */
import { fork } from "node:child_process";
import { createSocket } from "node:dgram";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AsyncOSCUDPServer, Dispatcher, OscMessage, encode } from "../src/index.ts";

const [total = 100_000, rate = 20_000, port = 0] = process.argv.slice(2).map(Number);

if (port === 0) await receive();
else await send();

async function receive(): Promise<void> {
  let sum = 0;
  let seen = 0;
  const dispatcher = new Dispatcher();
  dispatcher.map("/mixer/channel/12/gain", (_address: string, index: number) => {
    seen += 1;
    sum += index;
  });
  const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher);
  const [transport] = await server.createServeEndpoint();
  const before = process.cpuUsage();
  const started = performance.now();
  const sender = fork(fileURLToPath(import.meta.url), [String(total), String(rate), String(server.serverAddress.port)]);
  await new Promise((resolve) => sender.once("exit", resolve));
  const seconds = (performance.now() - started) / 1000;
  // Messages still in the kernel's buffer are read within a few event loop iterations.
  for (let last = -1; last !== seen;) {
    last = seen;
    await delay(50);
  }
  const { user, system } = process.cpuUsage(before);
  await transport.close();
  const right = sum === (total * (total - 1)) / 2;
  console.log(
    `sent ${total} at ${Math.round(total / seconds)}/s, handled ${seen}, lost ${total - seen}, contents ${right ? "right" : "WRONG"}, ${((user + system) / seen).toFixed(1)} us of CPU per message`,
  );
  process.exitCode = seen === total && right ? 0 : 1;
}

async function send(): Promise<void> {
  const socket = createSocket({ type: "udp4", sendBufferSize: 4 * 1024 * 1024 });
  await new Promise<void>((resolve) => socket.connect(port, "127.0.0.1", resolve));
  const started = performance.now();
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.ceil(((performance.now() - started) * rate) / 1000));
    for (; sent < due; sent += 1) socket.send(encode(new OscMessage("/mixer/channel/12/gain", [sent])));
    await delay(1);
  }
  socket.close();
  process.disconnect();
}
