/** `oscine/address`: OSC address patterns and the address space. Pure: it runs in browsers as well. */

export { AddressSpace } from "./address-space.ts";
export type { AddressSpaceCache, AddressSpaceOptions } from "./address-space.ts";
export { validateMappedAddress } from "./mapped-address.ts";
export { compilePattern, isPattern, matchAddress } from "./pattern.ts";
export type { AddressPattern } from "./pattern.ts";
export type { Found, KnownAddress } from "./slot.ts";
