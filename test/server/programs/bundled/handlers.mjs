// A handlers module that tests bundle together with oscine.
import { Dispatcher, OscBundle, OscMessage, double } from "oscine";

const dispatcher = new Dispatcher();
dispatcher.map("/echo", (_address, ...args) => ["/echoed", ...args]);
dispatcher.map("/message", () => new OscMessage("/message", [double(1.5)]));
dispatcher.map("/bundle", () => new OscBundle([new OscMessage("/one"), new OscMessage("/two")]));
dispatcher.map("/context", (context) => context.reply(new OscMessage("/replied")), { needsContext: true });
dispatcher.map("/gain", { types: "f", range: [{ min: 0, max: 1 }] }, (_address, gain) => ["/gain", gain]);
dispatcher.map("/throw", () => {
  throw new Error("thrown on purpose");
});
dispatcher.map("/bad-reply", () => ({ not: "a reply" }));

export default dispatcher;

export function verifyRequest(data) {
  return !Buffer.from(data).includes("/forbidden");
}
