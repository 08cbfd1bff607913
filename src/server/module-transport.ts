import { OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";

/** A transport that this folder knows nothing of, as plain data, so that it can go to another thread. */
export interface ModuleSpec {
  readonly transport: "module";
  /** As the server's, until the transport has opened. */
  readonly address: NetAddress;
  /** The URL of a module that exports `createTransport(options, events)`. */
  readonly url: string;
  readonly options: unknown;
}

interface TransportModule {
  readonly createTransport?: (options: unknown, events: TransportEvents) => Transport;
}

/** Loads the module, and makes its transport. */
export async function loadModuleTransport({ url, options }: ModuleSpec, events: TransportEvents): Promise<Transport> {
  const { createTransport } = (await import(url)) as TransportModule;
  if (createTransport === undefined) throw new OscServerError("OSC_OPTION", `The module ${url} exports no function createTransport.`);
  return createTransport(options, events);
}
