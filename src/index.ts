/** Oscine: Open Sound Control for TypeScript, in Node. Importing it opens nothing and starts nothing. */
export * from "./core.ts";
export * from "./client/index.ts";
export {
  AsyncIOOSCUDPServer,
  AsyncOSCUDPServer,
  AsyncServer,
  BlockingOSCUDPServer,
  BlockingServer,
  SyncServer,
  type AddressLike,
  type AsyncServerOptions,
  type AsyncUdpServerOptions,
  type BlockingServerOptions,
  type BlockingUdpServerOptions,
  type OverflowPolicy,
  type ServeOptions,
  type ServerOptions,
  type ServerProtocol,
  type ServerStats,
  type ServerTransport,
  type SyncServerOptions,
} from "./server/index.ts";
export type { UdpOptions } from "./transport/udp.ts";
