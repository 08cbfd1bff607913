import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { NetAddress } from "../net-address.ts";

const CHANNEL = "oscine:packet";

/**
 * Calls back with every packet that arrives at a server of this process whose sockets are in this thread, before anything is asked of it.
 *
 * @returns a function that ends it
 */
export function watchPackets(onPacket: (data: Uint8Array, client: NetAddress) => void): () => void {
  const listener = (event: unknown): void => {
    const { data, client } = event as { readonly data: Uint8Array; readonly client: NetAddress };
    onPacket(data, client);
  };
  subscribe(CHANNEL, listener);
  return () => void unsubscribe(CHANNEL, listener);
}
