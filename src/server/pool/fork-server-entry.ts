/** Turns this process into a fork server before any code of the program runs. */
import { ForkServer } from "./fork-server.ts";
import { CANNOT_FORK, encodeRecord } from "./records.ts";
import { becomeWorker } from "./worker-role.ts";
import { writeFully } from "./worker-channel.ts";
import { type ForkServerInit, RESULTS_FD, workerInit } from "./worker-init.ts";

const init = workerInit();
if (init?.forkServer) {
  const { program, limits } = init;
  const forkServer = startOrEnd(init.forkServer);
  becomeWorker({
    role: "process",
    program,
    limits,
    loading: true,
    awaits: false,
    asyncAdvice:
      "this process was forked for one packet and ends with it. Make the handler synchronous, " +
      'or use strategy: "spawn" with a handlers module: its handlers may be asynchronous.',
    serve: (service) => forkServer.serve(service),
    serveInEventLoop: (service) => forkServer.serve(service),
    send: (record) => forkServer.send(record),
  });
}

function startOrEnd(forkServerInit: ForkServerInit): ForkServer {
  try {
    return new ForkServer(forkServerInit);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "MODULE_NOT_FOUND" ? "the optional package koffi isn't installed" : message;
    writeFully(RESULTS_FD, encodeRecord(CANNOT_FORK, 0, Buffer.from(reason)));
    process.exit(1);
  }
}
