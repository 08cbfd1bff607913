// A mixer with a page for phones, which reads the mixer's methods over OSCQuery. All phones see each other's changes.
//
//     npx tsx phone.ts [page port] [OSCQuery port]
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { Dispatcher, serveOscQuery } from "oscine";

const [pagePort = "8000", queryPort = "8001"] = process.argv.slice(2);

const dispatcher = new Dispatcher();
for (const channel of [1, 2]) {
  const fader = { types: "f", range: [{ min: 0, max: 1, clip: "both" }], value: [0.5], description: `Fader ${channel}` } as const;
  dispatcher.map(`/mixer/${channel}/gain`, fader, (address, gain) => console.log(address, gain.toFixed(2)));
  const mute = { types: "T", value: [false], description: `Mute ${channel}` } as const;
  dispatcher.map(`/mixer/${channel}/mute`, mute, (address, isMuted) => console.log(address, isMuted));
}

const web = createServer(answer).listen(Number(pagePort));
await once(web, "listening");
const { port } = web.address() as AddressInfo;
const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).filter(({ family }) => family === "IPv4"));
const pages = addresses.map(({ address }) => `http://${address}:${port}`);
// Only this page may connect, not other sites that a phone has open.
const query = await serveOscQuery(dispatcher, { host: "0.0.0.0", port: Number(queryPort), name: "Mixer", origins: pages });
for (const page of pages) console.log(`Open ${page}/`);

process.once("SIGINT", () => {
  web.close();
  web.closeAllConnections();
  void query.close();
});

/** Serves the page, and Oscine from the package. */
function answer({ url = "/" }: IncomingMessage, response: ServerResponse): void {
  const [, file] = /^\/oscine\/([\w.-]+\.js)$/.exec(url) ?? [];
  if (file === undefined) {
    response.writeHead(url === "/" ? 200 : 404, { "content-type": "text/html; charset=utf-8" }).end(url === "/" ? page() : "");
    return;
  }
  readFile(new URL(file, import.meta.resolve("oscine"))).then(
    (body) => response.writeHead(200, { "content-type": "text/javascript" }).end(body),
    () => response.writeHead(404).end(),
  );
}

function page(): string {
  return `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width, initial-scale=1" />
  <title>Mixer</title>
  <link rel="icon" href="data:," />
  <style>
    body { font: 18px system-ui; margin: 16px; }
    label { display: block; margin: 0 0 24px; }
    input[type="range"] { display: block; width: 100%; height: 44px; }
    input[type="checkbox"] { width: 32px; height: 32px; }
  </style>
  <p id="state" role="status">connecting</p>
  <main></main>
  <script type="module">
    import { OscMessage, decode, encode, float } from "./oscine/codec.js";

    const host = location.hostname + ":${query.address.port}";
    const controls = new Map();
    let socket;

    function* methods(node) {
      if (node.TYPE !== undefined) yield node;
      for (const child of Object.values(node.CONTENTS ?? {})) yield* methods(child);
    }

    function add({ FULL_PATH: address, TYPE, RANGE, DESCRIPTION }) {
      const input = document.createElement("input");
      input.id = address;
      if (TYPE === "f") Object.assign(input, { type: "range", min: RANGE[0].MIN, max: RANGE[0].MAX, step: "any" });
      else input.type = "checkbox";
      input.addEventListener("input", () => {
        const value = TYPE === "f" ? float(input.valueAsNumber) : input.checked;
        if (socket.readyState === WebSocket.OPEN) socket.send(encode(new OscMessage(address, [value])));
      });
      const label = document.createElement("label");
      label.append(DESCRIPTION, input);
      document.querySelector("main").append(label);
      controls.set(address, input);
    }

    async function connect() {
      if (controls.size === 0) for (const method of methods(await (await fetch("http://" + host + "/")).json())) add(method);
      socket = new WebSocket("ws://" + host);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        document.getElementById("state").textContent = "connected";
        for (const address of controls.keys()) socket.send(JSON.stringify({ COMMAND: "LISTEN", DATA: address }));
      };
      socket.onmessage = ({ data }) => {
        if (typeof data === "string") return; // A change of the tree, which this mixer never makes.
        const { address, args } = decode(new Uint8Array(data));
        const input = controls.get(address);
        if (input.type === "range") input.value = args[0];
        else input.checked = args[0];
      };
      socket.onclose = again;
    }

    function again() {
      document.getElementById("state").textContent = "no connection";
      setTimeout(() => connect().catch(again), 1000);
    }

    connect().catch(again);
  </script>
</html>`;
}
