/**
 * For light handlers and many packets: threads. The handlers of all threads share one block of memory, passed as `workerData`.
 * Send `/fader 3 0.5` or `/sum`; `/quit` stops the server.
 */
import { workerData } from "node:worker_threads";
import { Dispatcher, ThreadingOSCUDPServer, workerRole } from "oscine";

const CHANNELS = 16;
// The main program allocates the memory; its threads receive it.
const memory: SharedArrayBuffer = workerRole() === "main" ? new SharedArrayBuffer(CHANNELS * 4) : (workerData as SharedArrayBuffer);
/** In thousandths, because `Atomics` supports only integers. */
const faders = new Int32Array(memory);

const dispatcher = new Dispatcher();
dispatcher.map("/fader", (_address: string, channel: number, level: number) => {
  Atomics.store(faders, channel, Math.round(level * 1000));
});
dispatcher.map("/sum", () => ["/sum", faders.reduce((sum, level) => sum + level, 0) / 1000]);
// The variable `server` is never set in a thread; the context works everywhere.
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });

const server = new ThreadingOSCUDPServer(["127.0.0.1", Number(process.argv[2] ?? 1337)], dispatcher, { workerData: memory });
console.log(`Listening on port ${server.serverAddress.port}`);
server.serveForever();
