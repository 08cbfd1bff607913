export type { ErrorListener } from "../dispatch/index.ts";
export { AsyncServer } from "./async-server.ts";
export type { AsyncServerOptions, ServeOptions, ServerProtocol, ServerTransport } from "./async-server.ts";
export type { ServerStats } from "./counters.ts";
export type { AddressLike, OverflowPolicy, ServerOptions } from "./options.ts";
export { AsyncOSCUDPServer, AsyncOSCUDPServer as AsyncIOOSCUDPServer } from "./udp-servers.ts";
export type { AsyncUdpServerOptions } from "./udp-servers.ts";
