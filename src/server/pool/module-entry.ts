/** Entry of worker threads and processes whose handlers come from a module. */
import { serveModule } from "./worker-loop.ts";
import { currentWorker } from "./worker-role.ts";

const worker = currentWorker();
if (worker?.program.kind === "module") void serveModule(worker, worker.program.url);
