/**
 * For handlers that may crash, hang or use up memory, perhaps in a library that you can't fix: processes. Only the handler's own packet is
 * lost, and reported. Send `/convert good`, `/convert bad` or `/convert endless`; `/quit` stops the server.
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
