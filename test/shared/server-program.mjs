/**
 * One program, every kind of server and every transport: only the class differs. It serves until /quit, and tells what happens on stdout:
 *
 *     node server-program.mjs KIND TRANSPORT [options as JSON]
 *
 * In the workers of threading and forking servers it runs again, up to the constructor.
 */
import * as oscine from "oscine";
import { NatsExecutor, serveNats } from "oscine/nats";

const [kind, transport, json = "{}"] = process.argv.slice(2);
const {
  path,
  address = transport === "unix" ? { path } : ["127.0.0.1", 0],
  strictTiming = true,
  isDefaultHandled = true,
  ...options
} = JSON.parse(json);

const dispatcher = new oscine.Dispatcher({ strictTiming });
const withContext = { needsContext: true };

dispatcher.map("/echo", ({ message }, _address, ...args) => new oscine.OscMessage("/echoed", args, message.types), withContext);
dispatcher.map("/twice", (_address, ...args) => ["/first", ...args]);
dispatcher.map("/twice", (_address, ...args) => ["/second", ...args]);
dispatcher.map("/fixed", (_address, fixed, ...args) => ["/fixed", ...fixed, ...args], { args: ["a", 1] });
dispatcher.map("/wild/*/card", (context, received) => ["/wildcard", received, ...context.captures], withContext);
dispatcher.map("/client", (client) => ["/client", client.address, client.port], { needsReplyAddress: true });
dispatcher.map("/bundle", () => new oscine.OscBundle([new oscine.OscMessage("/one"), new oscine.OscMessage("/two")]));
dispatcher.map("/several", (context) => void [1, 2, 3].map((n) => context.reply(["/part", n])), withContext);
dispatcher.map("/when", (_address, ...args) =>
  ["/at", Date.now(), ...args].map((value) => (typeof value === "number" && value > 1e9 ? oscine.double(value) : value)),
);
dispatcher.map("/throw", () => {
  throw new RangeError("thrown on purpose");
});
dispatcher.map("/throw", () => ["/after-throw"]);
dispatcher.map("/promise", async () => ["/kept"]);
dispatcher.map("/bad-reply", () => ({ not: "a reply" }));
const recurse = (depth) => recurse(depth + 1) + 1;
dispatcher.map("/recurse", () => recurse(0));
dispatcher.map("/stop", () => process.kill(process.pid, "SIGSTOP"));
dispatcher.map("/large", () => ["/large", new Uint8Array(70_000)]);
dispatcher.map("/quiet", () => undefined);
dispatcher.map("/exit", (_address, code) => process.exit(code));
dispatcher.map("/print", (_address, text) => {
  console.log("printed", text);
  return "/printed";
});
dispatcher.map("/block", (_address, milliseconds) => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  return ["/blocked", milliseconds];
});
dispatcher.map("/size", (_address, blob) => ["/size", blob.length, blob]);
dispatcher.map(
  "/quit",
  (context) => {
    context.shutdown();
    return "/bye";
  },
  withContext,
);
if (isDefaultHandled) dispatcher.setDefaultHandler((received, ...args) => ["/default", received, ...args]);

const names = { blocking: "Blocking", threading: "Threading", forking: "Forking", async: "Async", nats: "Async" };
// oxlint-disable-next-line import/namespace -- the class is what the arguments choose
const Base = oscine[`${names[kind]}OSC${{ udp: "UDP", websocket: "WebSocket" }[transport] ?? "TCP"}Server`];

class Server extends Base {
  verifyRequest(data) {
    return !Buffer.from(data).includes("/forbidden");
  }
}

function tell(word, value = null) {
  console.log(`${word} ${JSON.stringify(value)}`);
}

const mode = { "tcp-1.0": "1.0", "tcp-1.1": "1.1" }[transport];
const framing = mode === undefined || options.framing !== undefined ? {} : { mode };
/** The bytes `account?`, as the error shows them. The thread that made the server may be blocked; but it hears of errors, and then can say how the account stands. */
const ASKS_ACCOUNT = "61 63 63 6f 75 6e 74 3f";
const onError = (error, client) => {
  if (error.reason === "not-osc" && error.message.includes(ASKS_ACCOUNT))
    return tell("account", { ...stats(), handles: process.getActiveResourcesInfo().length });
  tell("error", {
    code: error.code,
    reason: error.reason,
    limit: error.limit,
    cause: error.cause?.message,
    message: error.message,
    client,
  });
};
const { nats, ...serverOptions } = options;
const executor = kind === "nats" ? { executor: NatsExecutor.for(nats) } : {};
const server = new Server(address, dispatcher, {
  ...framing,
  ...serverOptions,
  ...executor,
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
