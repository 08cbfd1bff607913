/** Discovers and advertises OSC and OSCQuery services on the network: DNS-SD over multicast DNS. */
export { advertise } from "./advertise.ts";
export type { AdvertiseOptions, Advertisement } from "./advertise.ts";
export type { AdvertiseOption, AdvertisedAs } from "./advertise-server.ts";
export { browse } from "./browse.ts";
export type { BrowseOptions, Service, ServiceChange } from "./browse.ts";
export type { ServiceType } from "./service.ts";
