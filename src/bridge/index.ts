/** Bridges: packets passed on from one transport to another, both ways. */
export { bridge } from "./bridge.ts";
export type { Bridge } from "./bridge.ts";
export type { BridgeCounts, BridgeStats } from "./counts.ts";
export type { BridgeNatsOptions } from "./nats-options.ts";
export type { BridgeOptions } from "./options.ts";
export type { BridgeRule } from "./rules.ts";
