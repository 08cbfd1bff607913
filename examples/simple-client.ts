/** Sends messages, then exits. Start a receiver first, such as `oscine serve --port 1337`. */
import { OscMessage, SimpleUDPClient, TimeTag, float } from "oscine";

const ip = "127.0.0.1";
const port = Number(process.argv[2] ?? 1337);

const client = new SimpleUDPClient(ip, port);

await client.sendMessage("/some/address", 123); // an int
await client.sendMessage("/some/address", float(123)); // the same number as a float
await client.sendMessage("/some/address", [1, 2.5, "hello"]); // an int, a float and a string

// Messages that take effect together, half a second from now.
await client.sendBundle([new OscMessage("/note/on", 60), new OscMessage("/note/on", 64)], TimeTag.in(500));
