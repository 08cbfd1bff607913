/** Sends requests to a device and awaits the replies. A lost request or reply is retried. */
import { OscTimeoutError, UDPClient } from "oscine";

const ip = "127.0.0.1";
const port = Number(process.argv[2] ?? 1337);

await using client = new UDPClient(ip, port);

try {
  // The reply has the same address as the request. Without one within half a second, the request is sent again, twice at most.
  const info = await client.request("/info", [], { timeout: 500, retries: 2 });
  console.log(`This is ${info.args.join(" ")}`);

  // Concurrent requests, each with its own reply.
  const names = await Promise.all([1, 2, 3].map((channel) => client.request("/name/get", channel, { replyTo: "/name" })));
  for (const { args } of names) console.log(`Channel ${args.join(": ")}`);

  // All other messages from the device, until it has been silent for a while.
  for await (const { address, args } of client.messages({ timeout: 200 })) console.log(address, ...args);
} catch (error) {
  if (!(error instanceof OscTimeoutError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
