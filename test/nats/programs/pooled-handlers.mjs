/** Handlers of a worker with threads or processes. */
import { Dispatcher, workerRole } from "oscine";

const dispatcher = new Dispatcher();
dispatcher.map("/role", () => ["/role", workerRole()]);
dispatcher.map("/die", () => process.exit(3));
dispatcher.map("/hang", () => {
  for (;;);
});
dispatcher.map("/kept", async () => "/kept");
dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });
export default dispatcher;
