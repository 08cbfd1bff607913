/** Advertises a server whose thread may be blocked. Loaded as a worker by `AdvertiseThread`. */
import { once } from "node:events";
import { workerData } from "node:worker_threads";
import { advertiseServer } from "../../discovery/advertise-server.ts";
import { OscError, OscServerError } from "../../errors.ts";
import { packError } from "../pool/error-transfer.ts";
import { type AdvertiseInit, AdvertiseStatus } from "./advertise-thread.ts";

const { service, port, status: memory, channel } = workerData as AdvertiseInit;
const status = new AdvertiseStatus(memory);
const tell = (error: OscError): void => channel.postMessage(packError(error));

async function advertise(): Promise<void> {
  try {
    const { type, ...as } = service;
    const advertisement = await advertiseServer(as, { type, port, onError: tell });
    const closing = once(channel, "message");
    status.set("serving");
    await closing;
    await advertisement.close();
  } catch (error) {
    tell(error instanceof OscError ? error : new OscServerError("OSC_THREAD_FAILED", `The server can't be advertised: ${String(error)}.`));
  }
  status.set("ended");
  channel.close();
}

// Not awaited: a top-level await makes the bundler put each lazily loaded module into a file of its own.
void advertise();
