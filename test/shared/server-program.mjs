/**
 * One program, every kind of server and every transport: only the class differs. It serves until /quit, and tells what happens on stdout:
 *
 *     node server-program.mjs KIND TRANSPORT [options as JSON]
 *
 * In the workers of threading and forking servers it runs again, up to the constructor.
 */
import * as oscine from "oscine";
import { NatsExecutor, serveNats } from "oscine/nats";
import dispatcher, { verifyRequest } from "./server-handlers.mjs";

const [kind, transport, json = "{}"] = process.argv.slice(2);
const {
  path,
  address = transport === "unix" ? { path } : ["127.0.0.1", 0],
  strictTiming = true,
  isDefaultHandled: _isDefaultHandled,
  source = "dispatcher",
  ...options
} = JSON.parse(json);

const names = { blocking: "Blocking", threading: "Threading", forking: "Forking", async: "Async", nats: "Async" };
// oxlint-disable-next-line import/namespace -- the class is what the arguments choose
const Base = oscine[`${names[kind]}OSC${{ udp: "UDP", websocket: "WebSocket" }[transport] ?? "TCP"}Server`];

class Server extends Base {
  verifyRequest(data) {
    return verifyRequest(data);
  }
}

/** What a handler threw may throw itself when it is looked at. */
function causeOf({ cause }) {
  try {
    return cause?.message;
  } catch {
    return undefined;
  }
}

function tell(word, value = null) {
  console.log(`${word} ${JSON.stringify(value)}`);
}

const mode = { "tcp-1.0": "1.0", "tcp-1.1": "1.1" }[transport];
const framing = mode === undefined || options.framing !== undefined ? {} : { mode };
/** The bytes `account?`, as the error shows them. The thread that made the server may be blocked; but it hears of errors, and then can say how the account stands. */
const ASKS_ACCOUNT = "61 63 63 6f 75 6e 74 3f";
/** `push?` and `away?`: what the thread that made the server can be asked to send. */
const ASKS_PUSH = "70 75 73 68 3f";
const ASKS_AWAY = "61 77 61 79 3f";
const onError = (error, client) => {
  if (error.reason === "not-osc" && error.message.includes(ASKS_PUSH))
    return server.send(new oscine.OscMessage("/pushed", ["first"]), client);
  if (error.reason === "not-osc" && error.message.includes(ASKS_AWAY)) {
    return server.send(new oscine.OscMessage("/lost"), { ...client, port: client.port === 1 ? 2 : 1 });
  }
  if (error.reason === "not-osc" && error.message.includes(ASKS_ACCOUNT))
    return tell("account", { ...stats(), handles: process.getActiveResourcesInfo().length });
  tell("error", {
    code: error.code,
    reason: error.reason,
    limit: error.limit,
    cause: causeOf(error),
    message: error.message,
    client,
  });
};
const { nats, ...serverOptions } = options;
const executor = kind === "nats" ? { executor: NatsExecutor.for(nats) } : {};
const fromModule = source === "module";
const server = new Server(address, fromModule ? new URL("./server-handlers.mjs", import.meta.url) : dispatcher, {
  ...framing,
  ...serverOptions,
  ...executor,
  ...(fromModule ? { strictTiming } : {}),
  onError,
});
let worker = null;

/** Of a front end with a worker behind it, as if they were one server. */
function stats() {
  const front = server.stats();
  if (worker === null) return front;
  const behind = worker.stats();
  const sum = (name) => front[name] + behind[name];
  const rejected = Object.fromEntries(Object.entries(front.rejected).map(([reason, count]) => [reason, count + behind.rejected[reason]]));
  const between = front.handled - behind.received;
  const sums = Object.fromEntries(
    ["dropped", "waiting", "handlerErrors", "faults", "socketErrors", "unsent", "unmatched"].map((name) => [name, sum(name)]),
  );
  return { ...front, ...sums, handled: behind.handled, inProgress: sum("inProgress") + between, rejected };
}

if (kind === "async") {
  const [endpoint] = await server.createServeEndpoint();
  tell("ready", server.serverAddress);
  await endpoint.closed;
} else if (kind === "nats") {
  const { native: _native, ...workerOptions } = serverOptions;
  worker = await serveNats(dispatcher, { ...workerOptions, ...nats, onError });
  const [endpoint] = await server.createServeEndpoint();
  tell("ready", server.serverAddress);
  await worker.closed;
  await endpoint.close();
} else {
  tell("ready", server.serverAddress);
  server.serveForever();
  tell("served");
  server.close();
}
tell("stats", stats());
