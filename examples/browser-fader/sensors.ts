/**
 * A page that sends a phone's motion as OSC, and a server that forwards it over UDP.
 *
 *     npx tsx examples/browser-fader/sensors.ts [page port] [receiver port] [key.pem cert.pem]
 *
 * Phones allow sensor access only to pages served over HTTPS (or from the phone itself, as with the port forwarding of Chrome's
 * chrome://inspect). So you need a key and a certificate that the phone trusts; mkcert creates them. The messages:
 *
 *     /phone/accel       x y z               metres per second squared, with gravity
 *     /phone/rotation    alpha beta gamma    degrees per second
 *     /phone/orientation alpha beta gamma    degrees
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { AsyncOSCWebSocketServer, Dispatcher, UDPClient } from "oscine";
import { answerWithFiles } from "./files.ts";

const [port = "8443", receiverPort = "9000", key, cert] = process.argv.slice(2);
const isSecure = key !== undefined && cert !== undefined;

const web = isSecure
  ? createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, answerWithFiles)
  : createServer(answerWithFiles);
web.listen(Number(port));
await once(web, "listening");

const receiver = new UDPClient("127.0.0.1", Number(receiverPort));
const dispatcher = new Dispatcher();
dispatcher.map("/phone/*", ({ message }) => void receiver.send(message), { needsContext: true });

// Accepts only pages from its own host.
const server = new AsyncOSCWebSocketServer({ server: web, path: "/osc" }, dispatcher);
const [transport] = await server.createServeEndpoint();

const { port: pagePort } = web.address() as AddressInfo;
console.log(
  `Open http${isSecure ? "s" : ""}://<this machine's address>:${pagePort}/sensors.html; its messages go to UDP port ${receiverPort}`,
);

process.once("SIGINT", () => {
  web.close();
  web.closeAllConnections();
  void transport.close();
  void receiver.close();
});
