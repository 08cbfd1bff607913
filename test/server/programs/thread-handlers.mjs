// Handlers of which most are quick, so that the threads that run them are given packets in batches.
import { workerData } from "node:worker_threads";
import { Dispatcher } from "oscine";

const dispatcher = new Dispatcher();
const nobody = new Int32Array(new SharedArrayBuffer(4));
const gate = new Int32Array(workerData);
const withContext = { needsContext: true };

dispatcher.map("/quick", (_address, number) => ["/quick", number]);
dispatcher.map("/silent", () => undefined);
dispatcher.map("/block", (_address, milliseconds) => {
  Atomics.wait(nobody, 0, 0, milliseconds);
  return "/over";
});
// These two last until /open.
dispatcher.map("/blocked", () => {
  Atomics.wait(gate, 0, 0);
  return "/blocked";
});
dispatcher.map("/awaiting", async () => {
  while (Atomics.load(gate, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  return "/awaiting";
});
dispatcher.map("/open", () => {
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
});
dispatcher.map("/exit", () => process.exit(7));
dispatcher.map("/size", (_address, blob) => ["/size", blob.length, blob]);
dispatcher.map(
  "/several",
  (context, _address, number, size) => {
    for (let part = 0; part < 4; part++) context.reply(["/part", number, part, new Uint8Array(part % 2 === 0 ? 4 : size)]);
  },
  withContext,
);

export default dispatcher;
