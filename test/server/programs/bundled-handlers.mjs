// Serves a handlers module over TCP: node bundled-handlers.mjs FILE Threading|Forking [options as JSON]
import * as oscine from "oscine";
import { tell } from "./tell.mjs";

const [file, kind, json = "{}"] = process.argv.slice(2);
const told = [];
const onError = ({ code, reason }) => {
  told.push(reason ?? code);
  if (told.length === 4) reported();
};
let reported;
const allReported = new Promise((resolve) => (reported = resolve));
// oxlint-disable-next-line import/namespace -- the class is what the arguments choose
const server = new oscine[`${kind}OSCTCPServer`](["127.0.0.1", 0], file, { ...JSON.parse(json), onError });
await server.start();
const client = new oscine.TCPClient("127.0.0.1", server.serverAddress.port);
const replies = [];
const all = (async () => {
  for await (const { address, types, args } of client.messages()) if (replies.push([address, types, ...args]) === 6) return;
})();
const send = (address, ...args) => client.send(new oscine.OscMessage(address, args));
for (const address of ["/echo", "/message", "/bundle", "/context", "/throw", "/bad-reply", "/forbidden"]) await send(address);
for (const gain of [0.5, 2]) await send("/gain", oscine.float(gain));
await all;
await allReported;
tell("replies", replies);
tell("errors", told);
await client.close();
await server.close();
