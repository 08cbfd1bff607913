// A threading or forking server whose program has the values of described methods: node pool-values.mjs Threading|Forking dispatcher|MODULE.
import { once } from "node:events";
import * as oscine from "oscine";
import dispatcher from "./pool-handlers.mjs";
import { strategy } from "./strategy.mjs";
import { tell, tellError } from "./tell.mjs";

const [kind, form] = process.argv.slice(2);
const Server = kind === "Threading" ? oscine.ThreadingOSCUDPServer : oscine.ForkingOSCUDPServer;
const own = kind === "Forking" ? { strategy } : {};
const [handlers, options] =
  form === "dispatcher" ? [dispatcher, own] : [new URL(form, import.meta.url), { ...own, namespace: dispatcher.namespace }];
const server = new Server(["127.0.0.1", 0], handlers, { ...options, onError: tellError });
dispatcher.namespace.subscribe((change) => {
  if (change.kind !== "value") return;
  const { address, value, types, time, source } = change.method;
  tell("value", [address, value, types, source?.address ?? null, Math.abs(Date.now() - time) < 60_000]);
});
await server.start();
tell("ready", server.serverAddress.port);
await once(process.stdin, "data");
await server.close();
tell("stats", server.stats());
process.stdin.destroy();
