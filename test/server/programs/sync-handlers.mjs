// Handlers none of which is an async function.
import { Dispatcher } from "oscine";

const dispatcher = new Dispatcher();
dispatcher.map("/echo", (_address, ...args) => ["/echoed", ...args]);
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });

export default dispatcher;
