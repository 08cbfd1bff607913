/** What a thread or process of a pool runs whose handlers come from a module. */
import { currentWorker, serveModule } from "./run-as-worker.ts";

const worker = currentWorker();
if (worker?.program.kind === "module") void serveModule(worker, worker.program.url);
