/**
 * Demonstrates a dispatcher step by step, with packets that this program creates itself: nothing goes over the network.
 * To receive packets from the network, pass the same dispatcher to any server.
 */
import { Dispatcher, encode, float, OscMessage } from "oscine";
import type { NetAddress, OscArgument, OscReply, OscValue } from "oscine";

const dispatcher = new Dispatcher();

/** Passes one message to the dispatcher, as if a client had sent it, and prints the replies. */
function receive(address: string, ...args: OscArgument[]): void {
  const client: NetAddress = { address: "127.0.0.1", port: 50_000, family: "IPv4" };
  const replies = dispatcher.callHandlersForPacket(encode(new OscMessage(address, args)), client);
  for (const reply of replies) {
    if (reply instanceof OscMessage) console.log(`  reply to ${client.address}:${client.port}: ${reply.address} ${reply.args.join(" ")}`);
  }
}

console.log("Wildcards: one function for /filter1, /filter2 and so on");

function setFilter(address: string, ...args: OscValue[]): void {
  // A sender may pass any arguments. This handler accepts only two numbers.
  const [first, second] = args;
  if (args.length !== 2 || typeof first !== "number" || typeof second !== "number") return;
  const filter = address.slice("/filter".length);
  console.log(`  Setting filter ${filter} to ${first} and ${second}`);
}

dispatcher.map("/filter*", setFilter);
receive("/filter1", float(1), float(2));
receive("/filter8", float(6), float(-2));
receive("/filter8", "not a number");

console.log("Fixed arguments: passed once, when the function is mapped");

function printLevel(address: string, [name, unit]: [string, string], level: number): void {
  console.log(`  ${address}: ${name} is at ${level} ${unit}`);
}

const volume = dispatcher.map("/volume", printLevel, { args: ["the volume", "dB"] });
dispatcher.map("/tempo", printLevel, { args: ["the tempo", "bpm"] });
receive("/volume", -6);
receive("/tempo", 120);
// The address of a message may be a pattern, which calls the handlers of every address it matches.
receive("/{volume,tempo}", 0);

console.log("Replies: the return value is sent back to the client");

function getPosition(): OscReply {
  return ["/position", 0.25, 0.75];
}

dispatcher.map("/get/position", getPosition);
receive("/get/position");

console.log("With needsReplyAddress, the first parameter is the client's address");
dispatcher.map("/hello", (client: NetAddress, address: string) => console.log(`  ${address} from port ${client.port}`), {
  needsReplyAddress: true,
});
receive("/hello");

console.log("With needsContext, the first parameter is a context: what the wildcards matched, and more");
dispatcher.map(
  "/channel/*/send/*",
  ({ captures }, _address, level) => console.log(`  Channel ${captures.join(" to send ")}: ${String(level)}`),
  {
    needsContext: true,
  },
);
receive("/channel/12/send/3", 0.5);

console.log("The default handler gets unmatched messages: use it to find out what a device sends");
dispatcher.setDefaultHandler((address, ...args) => console.log(`  Unknown: ${address} ${args.join(" ")}`));
receive("/who/knows", "what", 42);

console.log("Unmapping: with the return value of map, or with the function and its options");
dispatcher.unmap("/volume", volume);
dispatcher.unmap("/tempo", printLevel, { args: ["the tempo", "bpm"] });
receive("/volume", -6);
receive("/tempo", 120);
