/** A thread of a pool whose handlers come from a module: this is what it runs. */
import { serviceOfModule } from "../pool/worker-service.ts";
import { becomeThread } from "./become-thread.ts";
import { LoopServer } from "./thread-loops.ts";

const thread = becomeThread(() => process.exit(0));
if (thread !== null && thread.init.program.kind === "module") {
  const { init, place, worker } = thread;
  serviceOfModule(thread.init.program.url, init.limits, worker)
    .then((service) => new LoopServer(service, place, init.packetsAtOnce))
    .catch((error: unknown) => {
      place.outbox.say({ type: "unusable", reason: describe(error) });
      process.exit(1);
    });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
