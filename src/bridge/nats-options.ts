import type { NatsConnectionOptions } from "../nats/options.ts";

/** How a bridge connects to NATS; its servers stand in the URL. */
export type BridgeNatsOptions = Omit<NatsConnectionOptions, "servers">;
