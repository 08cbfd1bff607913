/** `oscine/address`: OSC address patterns and the address space. Also runs in browsers. */

export { AddressSpace } from "./address-space.ts";
export type { AddressSpaceCache, AddressSpaceOptions, Found, KnownAddress } from "./address-space.ts";
export { compilePattern, isPattern, matchAddress, validateMappedAddress } from "./pattern.ts";
export type { AddressPattern } from "./pattern.ts";
