// Four servers in one program; the workers of the last two do not bind the others, and know where those that bind at once listen.
import { AsyncOSCUDPServer, BlockingOSCUDPServer, Dispatcher, ForkingOSCUDPServer, ThreadingOSCUDPServer } from "oscine";
import { strategy } from "./strategy.mjs";
import { tell, tellError } from "./tell.mjs";

const options = { onError: tellError };
const unserved = new BlockingOSCUDPServer(["127.0.0.1", 0], new Dispatcher(), options);

const concurrent = new AsyncOSCUDPServer(["127.0.0.1", 0], new Dispatcher(), options);
await concurrent.createServeEndpoint();

const first = new Dispatcher();
first.map("/who", () => ["/threads", unserved.serverAddress.port]);
const threading = new ThreadingOSCUDPServer(["127.0.0.1", 0], first, options);
await threading.start();

const second = new Dispatcher();
second.map("/who", () => ["/processes", unserved.serverAddress.port, threading.serverAddress.port, concurrent.serverAddress.port]);
second.map("/quit", (context) => context.shutdown(), { needsContext: true });
const forking = new ForkingOSCUDPServer(["127.0.0.1", 0], second, { ...options, strategy });
tell("ready", forking.serverAddress.port);
tell("others", [unserved.serverAddress.port, threading.serverAddress.port]);
forking.serveForever();
await forking.close();
unserved.close();
await threading.close();
await concurrent.close();
tell("stats", forking.stats());
