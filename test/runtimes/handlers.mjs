import { Dispatcher } from "oscine";

const dispatcher = new Dispatcher();
dispatcher.map("/echo", async (_address, ...args) => ["/echoed", ...args]);
export default dispatcher;
