/**
 * A page with faders that plays scsynth, SuperCollider's synthesizer, through a bridge from WebSocket to UDP.
 *
 *     scsynth -u 57110
 *     npx tsx examples/browser-fader/fader.ts [page port] [scsynth port] [host]
 *
 * Then open the address that it prints. With the host 0.0.0.0, other machines can open it, too: http://<this machine's address>:<port>/…
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { networkInterfaces } from "node:os";
import { type AddressInfo } from "node:net";
import { bridge } from "oscine";
import { answerWithFiles } from "./files.ts";

const [port = "8080", synthPort = "57110", host = "127.0.0.1"] = process.argv.slice(2);

const http = createServer(answerWithFiles);
http.listen(Number(port), host);
await once(http, "listening");
const { port: pagePort } = http.address() as AddressInfo;

// The page and the bridge use different ports, so the page's origin must be allowed. Other sites can't reach the synthesizer.
const addresses = Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address));
const origins = ["localhost", ...addresses].map((name) => `http://${name.includes(":") ? `[${name}]` : name}:${pagePort}`);
const opened = await bridge(`ws://${host}:0`, `osc.udp://127.0.0.1:${synthPort}`, { origins });

console.log(`Open http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${pagePort}/fader.html?bridge=${opened.from.port}`);

process.once("SIGINT", () => {
  http.close();
  http.closeAllConnections();
  void opened.close();
});
