/**
 * For heavy handlers: processes. While a handler computes, the server and all other handlers continue. Send `/primes 5000000`; `/quit` stops
 * the server.
 */
import { Dispatcher, ForkingOSCUDPServer } from "oscine";

function countPrimes(below: number): number {
  const composite = new Uint8Array(below);
  let count = 0;
  for (let number = 2; number < below; number++) {
    if (composite[number] === 1) continue;
    count++;
    for (let multiple = number * number; multiple < below; multiple += number) composite[multiple] = 1;
  }
  return count;
}

const dispatcher = new Dispatcher();
dispatcher.map("/primes", (_address: string, below: number) => ["/primes", below, countPrimes(below)]);
dispatcher.map("/ping", () => "/pong");
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });

const server = new ForkingOSCUDPServer(["127.0.0.1", Number(process.argv[2] ?? 1337)], dispatcher, { maxChildren: 8 });
console.log(`Listening on port ${server.serverAddress.port}`);
server.serveForever();
