/** A server based on osc.js's TCP port. Same output as oscine.mjs. */
import { createServer } from "node:net";

// Installed only for the benchmarks.
const name = "osc";
const { default: osc } = await import(name);

const clients = Number(process.argv[2]);
let sum = 0;
let done = 0;
const server = createServer((socket) => {
  const port = new osc.TCPSocketPort({ socket });
  port.on("error", (error) => console.error(error));
  port.on("message", ({ address, args }) => {
    if (address === "/mixer/channel/12/gain") sum += args[0];
    else if (address === "/done" && ++done % clients === 0) console.log(`done ${sum}`);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
