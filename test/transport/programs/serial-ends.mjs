/** A client on one serial port and a board on another, which answers: `node serial-ends.mjs HERE THERE`. Prints what comes of it. */
import { StreamClient, Dispatcher } from "oscine";

const [here, there] = process.argv.slice(2);
const options = { reconnect: { minDelay: 10, maxDelay: 100 }, onError: () => undefined };
const dispatcher = new Dispatcher();
dispatcher.map("/echo", (_address, value) => ["/echoed", value]);
const board = new StreamClient(`osc.serial://${there}`, { ...options, dispatcher });
const client = new StreamClient(`osc.serial://${here}`, options);
for (const one of [board, client]) {
  one.on("state", () => {
    if (board.state === "disconnected" && client.state === "disconnected") console.log("unplugged");
  });
}
void board.handleMessages({ timeout: Infinity });
for (let value = 0; ; value += 1) {
  try {
    await client.request("/echo", value, { replyTo: "/echoed", timeout: 500, retries: 100 });
    console.log("answered");
  } catch {
    // It was being sent when the cable was unplugged.
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
}
