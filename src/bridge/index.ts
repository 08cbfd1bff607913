/** Bridges: packets forwarded from one transport to another, both ways. */
export { bridge } from "./bridge.ts";
export type { Bridge, BridgeCounts, BridgeStats } from "./relay.ts";
export type { BridgeNatsOptions, BridgeOptions } from "./options.ts";
export type { BridgeRule } from "./rule.ts";
