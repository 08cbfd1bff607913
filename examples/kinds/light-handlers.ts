/**
 * Light handlers, and many packets: threads. The handlers of all threads share one piece of memory, which they are given as `workerData`.
 * Send `/fader 3 0.5` or `/sum`; `/quit` ends the server.
 */
import { workerData } from "node:worker_threads";
import { Dispatcher, ThreadingOSCUDPServer, workerRole } from "oscine";

const CHANNELS = 16;
// In the program itself the memory is made, in its threads it is there.
const memory: SharedArrayBuffer = workerRole() === "main" ? new SharedArrayBuffer(CHANNELS * 4) : (workerData as SharedArrayBuffer);
/** In thousandths: `Atomics` counts in whole numbers only. */
const faders = new Int32Array(memory);

const dispatcher = new Dispatcher();
dispatcher.map("/fader", (_address: string, channel: number, level: number) => {
  Atomics.store(faders, channel, Math.round(level * 1000));
});
dispatcher.map("/sum", () => ["/sum", faders.reduce((sum, level) => sum + level, 0) / 1000]);
// The variable `server` has no value in a thread; the context reaches the server from everywhere.
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });

const server = new ThreadingOSCUDPServer(["127.0.0.1", Number(process.argv[2] ?? 1337)], dispatcher, { workerData: memory });
console.log(`Listening on port ${server.serverAddress.port}`);
server.serveForever();
