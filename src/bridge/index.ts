/** Bridges: forward packets between transports in both directions. */
export { bridge } from "./bridge.ts";
export type { Bridge, BridgeCounts, BridgeStats } from "./relay.ts";
export type { BridgeNatsOptions, BridgeOptions } from "./options.ts";
export type { BridgeRule } from "./rule.ts";
