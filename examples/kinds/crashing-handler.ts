/**
 * A handler that may crash, hang or use up memory, perhaps through a library that you can't fix: processes. What it does costs its own
 * packet, which is reported, and nothing else. Send `/convert good`, `/convert bad` or `/convert endless`; `/quit` ends the server.
 */
import { Dispatcher, ForkingOSCUDPServer } from "oscine";

function convert(input: string): string {
  if (input === "bad") process.abort();
  if (input === "endless") for (;;);
  return input.toUpperCase();
}

const dispatcher = new Dispatcher();
dispatcher.map("/convert", (_address: string, input: string) => ["/converted", convert(input)]);
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });

const server = new ForkingOSCUDPServer(["127.0.0.1", Number(process.argv[2] ?? 1337)], dispatcher, {
  childTimeout: 2000,
  childMemory: 100,
  onError: (error, client) => console.log(`${error.code} (${client?.address ?? "no client"}): ${error.message}`),
});
console.log(`Listening on port ${server.serverAddress.port}`);
server.serveForever();
