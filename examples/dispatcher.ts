/**
 * What a dispatcher does, step by step, on packets that this program makes itself: nothing goes over the network, and it ends by itself.
 * Give the same dispatcher to any of the servers, and the packets come from there.
 */
import { Dispatcher, encode, float, OscMessage } from "oscine";
import type { NetAddress, OscArgument, OscReply, OscValue } from "oscine";

const dispatcher = new Dispatcher();

/** Hands the dispatcher one message as if a client had sent it, and prints the replies. */
function receive(address: string, ...args: OscArgument[]): void {
  const client: NetAddress = { address: "127.0.0.1", port: 50_000, family: "IPv4" };
  const replies = dispatcher.callHandlersForPacket(encode(new OscMessage(address, args)), client);
  for (const reply of replies) {
    if (reply instanceof OscMessage) console.log(`  reply to ${client.address}:${client.port}: ${reply.address} ${reply.args.join(" ")}`);
  }
}

console.log("Wildcards: one function for /filter1, /filter2 and so on");

function setFilter(address: string, ...args: OscValue[]): void {
  // Whatever a sender sends arrives: here only two numbers count.
  const [first, second] = args;
  if (args.length !== 2 || typeof first !== "number" || typeof second !== "number") return;
  const filter = address.slice("/filter".length);
  console.log(`  Setting filter ${filter} to ${first} and ${second}`);
}

dispatcher.map("/filter*", setFilter);
receive("/filter1", float(1), float(2));
receive("/filter8", float(6), float(-2));
receive("/filter8", "not a number");

console.log("Fixed arguments: given once, when the function is mapped");

function printLevel(address: string, [name, unit]: [string, string], level: number): void {
  console.log(`  ${address}: ${name} is at ${level} ${unit}`);
}

const volume = dispatcher.map("/volume", printLevel, { args: ["the volume", "dB"] });
dispatcher.map("/tempo", printLevel, { args: ["the tempo", "bpm"] });
receive("/volume", -6);
receive("/tempo", 120);
// The address of a message may be a pattern, and then invokes all that it matches.
receive("/{volume,tempo}", 0);

console.log("Replies: what a function returns goes back to the client");

function getPosition(): OscReply {
  return ["/position", 0.25, 0.75];
}

dispatcher.map("/get/position", getPosition);
receive("/get/position");

console.log("The client's address comes first where it is asked for");
dispatcher.map("/hello", (client: NetAddress, address: string) => console.log(`  ${address} from port ${client.port}`), {
  needsReplyAddress: true,
});
receive("/hello");

console.log("A context comes first where it is asked for: what the wildcards matched, and more");
dispatcher.map(
  "/channel/*/send/*",
  ({ captures }, _address, level) => console.log(`  Channel ${captures.join(" to send ")}: ${String(level)}`),
  {
    needsContext: true,
  },
);
receive("/channel/12/send/3", 0.5);

console.log("The default handler gets what nothing else wants: good for finding out what a device sends");
dispatcher.setDefaultHandler((address, ...args) => console.log(`  Unknown: ${address} ${args.join(" ")}`));
receive("/who/knows", "what", 42);

console.log("Unmapping: by what map returned, or by the function and its options");
dispatcher.unmap("/volume", volume);
dispatcher.unmap("/tempo", printLevel, { args: ["the tempo", "bpm"] });
receive("/volume", -6);
receive("/tempo", 120);
