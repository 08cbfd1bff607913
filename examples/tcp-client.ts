/** Sends to a TCP server and handles its replies; reconnects if the connection breaks. Start examples/tcp-async-server.ts first. */
import { TCPDispatchClient } from "oscine";

const ip = "127.0.0.1";
const port = Number(process.argv[2] ?? 1337);

await using client = new TCPDispatchClient(ip, port, { framing: "1.1" });
client.on("state", (state) => console.log(state));
client.dispatcher.map("/double", (address: string, value: number) => console.log(`${address}: ${value}`));

// Packets sent now wait for the connection.
for (const value of [0.25, 1, 21]) await client.sendMessage("/double", value);
await client.sendMessage("/log", ["a line", 1]);

await client.handleMessages({ timeout: 300 });

const { args } = await client.request("/double", 50, { timeout: 1000 });
console.log(`The answer is ${String(args[0])}`);
