// Types that have to be taken away before this runs, here and in the workers; in CommonJS. The server serves beside the event loop.
import type * as Oscine from "../../../../src/index.ts" with { "resolution-mode": "import" };

const { Dispatcher, ForkingOSCUDPServer, OscMessage, ThreadingOSCUDPServer } = require("../../../../dist/index.js") as typeof Oscine;

const dispatcher: Oscine.Dispatcher = new Dispatcher();
dispatcher.map("/typed", (_address: string, ...args: Oscine.OscValue[]) => new OscMessage("/typed", args));
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });
const onError = ({ code, message }: Oscine.OscError): void => console.log(`error ${JSON.stringify({ code, message })}`);
const handlers = process.argv[3] === "module" ? `${__dirname}/pool-typed-handlers.ts` : dispatcher;
const strategy = process.env["FORKING_STRATEGY"] === "fork" ? "fork" : "spawn";
// Each worker loads what takes the types away: one is enough.
const server =
  process.argv[2] === "Threading"
    ? new ThreadingOSCUDPServer(["127.0.0.1", 0], handlers, { onError, maxThreads: 1 })
    : new ForkingOSCUDPServer(["127.0.0.1", 0], handlers, { onError, strategy, maxChildren: 1 });
console.log(`ready ${server.serverAddress.port}`);
void server.start();
