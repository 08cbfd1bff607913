/** Bridges: packets passed on from one transport to another, both ways. */
export { bridge } from "./bridge.ts";
export type { Bridge, BridgeOptions, BridgeStats } from "./bridge.ts";
export type { BridgeCounts } from "./counts.ts";
export type { BridgeRule } from "./rules.ts";
