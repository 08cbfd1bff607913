/** Asks a device and awaits its answers; nothing is lost where an answer, or the question, gets lost on the way. */
import { OscTimeoutError, UDPClient } from "oscine";

const ip = "127.0.0.1";
const port = Number(process.argv[2] ?? 1337);

await using client = new UDPClient(ip, port);

try {
  // The answer has the address of the question, and comes within half a second, or the question is sent again: twice at most.
  const info = await client.request("/info", [], { timeout: 500, retries: 2 });
  console.log(`This is ${info.args.join(" ")}`);

  // Many questions at once, each with its own answer.
  const names = await Promise.all([1, 2, 3].map((channel) => client.request("/name/get", channel, { replyTo: "/name" })));
  for (const { args } of names) console.log(`Channel ${args.join(": ")}`);

  // Whatever else the device says, until it has been silent for a while.
  for await (const { address, args } of client.messages({ timeout: 200 })) console.log(address, ...args);
} catch (error) {
  if (!(error instanceof OscTimeoutError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
