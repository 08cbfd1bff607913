/** Subscribes to a device and handles its messages, until it has been silent for a second. */
import { DispatchClient } from "oscine";
import type { OscValue } from "oscine";

const ip = "127.0.0.1";
const port = Number(process.argv[2] ?? 1337);

function printFader(address: string, ...args: OscValue[]): void {
  console.log(`${address}: ${args.join(", ")}`);
}

const client = new DispatchClient(ip, port);
client.dispatcher.map("/ch/*/fader", printFader);
client.dispatcher.map("/ping", () => "/pong"); // the return value is sent back

await client.sendMessage("/subscribe");
const count = await client.handleMessages({ timeout: 1000 }); // ends after 1,000 ms without a message
console.log(`${count} messages`);

await client.close();
