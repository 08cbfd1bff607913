/** Oscine: Open Sound Control for TypeScript, in Node. Importing it opens nothing and starts nothing. */
export * from "./core.ts";
export {
  AsyncIOOSCUDPServer,
  AsyncOSCUDPServer,
  AsyncServer,
  type AddressLike,
  type AsyncServerOptions,
  type AsyncUdpServerOptions,
  type OverflowPolicy,
  type ServeOptions,
  type ServerOptions,
  type ServerProtocol,
  type ServerStats,
  type ServerTransport,
} from "./server/index.ts";
export type { UdpOptions } from "./transport/udp.ts";
