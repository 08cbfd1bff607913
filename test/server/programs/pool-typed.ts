// Types that have to be taken away before this runs, here and in the workers.
import { Dispatcher, ForkingOSCUDPServer, type OscError, type OscValue, ThreadingOSCUDPServer } from "oscine";

const dispatcher: Dispatcher = new Dispatcher();
dispatcher.map("/typed", (_address: string, ...args: OscValue[]) => ["/typed", ...args] as const);
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });
const onError = ({ code, message }: OscError): void => console.log(`error ${JSON.stringify({ code, message })}`);
const strategy = process.env["FORKING_STRATEGY"] === "fork" ? "fork" : "spawn";
// Each worker loads what takes the types away: one is enough.
const server =
  process.argv[2] === "Threading"
    ? new ThreadingOSCUDPServer(["127.0.0.1", 0], dispatcher, { onError, maxThreads: 1 })
    : new ForkingOSCUDPServer(["127.0.0.1", 0], dispatcher, { onError, strategy, maxChildren: 1 });
console.log(`ready ${server.serverAddress.port}`);
server.serveForever();
void server.close();
