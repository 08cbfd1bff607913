/** The handlers of server-program.mjs: a dispatcher for it, and a handlers module for the workers of threading and forking servers. */
import * as oscine from "oscine";

const { strictTiming = true, isDefaultHandled = true } = JSON.parse(process.argv[4] ?? "{}");

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
const hostile = {
  null: () => null,
  undefined: () => undefined,
  "a symbol": () => Symbol("thrown"),
  "an object without prototype": () => Object.create(null),
  "a proxy whose traps throw": () => {
    const trap = () => {
      throw new Error("trap");
    };
    return new Proxy(new Error("inner"), { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap, getOwnPropertyDescriptor: trap });
  },
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  "an error whose getters throw": () => {
    const get = () => {
      throw new Error("getter");
    };
    return Object.defineProperties(new Error("inner"), { message: { get }, stack: { get }, name: { get }, code: { get }, cause: { get } });
  },
  "an object whose toString throws": () => ({
    toString() {
      throw new Error("toString");
    },
    [Symbol.toPrimitive]() {
      throw new Error("toPrimitive");
    },
  }),
  "an error that is its own cause": () => {
    const error = new Error("circle");
    return Object.assign(error, { cause: error });
  },
};
// oxlint-disable-next-line prefer-promise-reject-errors -- what a hostile handler returns
const rejection = (value) => new Promise((_resolve, reject) => reject(value));
dispatcher.map("/hostile/throw", (_address, name) => {
  throw hostile[name]();
});
dispatcher.map("/hostile/reject", (_address, name) => rejection(hostile[name]()));
dispatcher.map("/hostile/reply", (context, _address, name) => context.reply(rejection(hostile[name]())), withContext);
dispatcher.map("/hostile/thenable", (_address, name) => ({
  // oxlint-disable-next-line unicorn/no-thenable -- what a hostile handler returns
  get then() {
    throw hostile[name]();
  },
}));
dispatcher.map("/hostile/*", (address, name) => ["/after", address, name]);
const times = (count, run) => {
  for (let done = 0; done < count; done += 1) run();
};
const recurse = (depth) => recurse(depth + 1) + 1;
dispatcher.map("/recurse", () => recurse(0));
dispatcher.map("/stop", () => process.kill(process.pid, "SIGSTOP"));
dispatcher.map("/large", () => ["/large", new Uint8Array(70_000)]);
dispatcher.map(
  "/bytes",
  (context, _address, size, count = 1) => times(count, () => context.reply(["/bytes", new Uint8Array(size)])),
  withContext,
);
let kept = null;
dispatcher.map(
  "/keep",
  (context) => {
    kept = context;
    return "/kept-context";
  },
  withContext,
);
dispatcher.map("/later", (_address, word) => {
  if (kept === null) return "/not-kept";
  kept.reply(["/late", word]);
});
// Of bundles whose first message asks for it.
dispatcher.onBundle((bundle, { clientAddress, timeTag, reply }) => {
  const [first] = bundle.elements;
  if (first?.address !== "/whole") return;
  reply(["/whole-from", clientAddress.port, timeTag]);
  if (first.args[0] === "throw") throw new RangeError("thrown by a handler of bundles");
  return ["/whole", bundle.elements.length];
});
dispatcher.map("/whole", () => undefined);
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

export default dispatcher;

export function verifyRequest(data) {
  return !Buffer.from(data).includes("/forbidden");
}
