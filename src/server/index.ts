export type { ErrorListener } from "../dispatch/index.ts";
export { AsyncServer } from "./async-server.ts";
export type { AsyncServerOptions, PacketSender, ServeOptions, ServerProtocol, ServerTransport } from "./async-server.ts";
export { BlockingServer } from "./blocking-server.ts";
export type { BlockingServerOptions } from "./blocking-server.ts";
export type { ChildPoolOptions, ForkingStrategy } from "./pool/pool-options.ts";
export type { Executor, ExecutorContext, ExecutorEvents, ExecutorFactory, Packet } from "./executor.ts";
export type { Backend, ServerStats } from "./stats.ts";
export type { AddressLike, FarAheadPolicy, Limits, OverflowPolicy, ServerOptions } from "./options.ts";
export { ForkingServer, PooledServer, ThreadingServer } from "./pooled-server.ts";
export type { ForkingServerOptions, ThreadingServerOptions } from "./pooled-server.ts";
export { Publisher } from "./publisher.ts";
export type { PublisherOptions, PublisherServer, PublisherStats } from "./publisher.ts";
export type { HandlersSource } from "./pool/handlers-source.ts";
export { SyncServer } from "./sync-server.ts";
export type { SyncServerOptions } from "./sync-server.ts";
export { AsyncOSCTCPServer, BlockingOSCTCPServer, ForkingOSCTCPServer, ThreadingOSCTCPServer } from "./tcp-servers.ts";
export type { AsyncTcpServerOptions, BlockingTcpServerOptions, ForkingTcpServerOptions, ThreadingTcpServerOptions } from "./tcp-servers.ts";
export type { StreamAddress, TcpServerOptions } from "./transports.ts";
export type { ThreadPoolOptions, WorkerPoolOptions } from "./pool/pool-options.ts";
export {
  AsyncOSCUDPServer,
  AsyncOSCUDPServer as AsyncIOOSCUDPServer,
  BlockingOSCUDPServer,
  ForkingOSCUDPServer,
  ThreadingOSCUDPServer,
} from "./udp-servers.ts";
export type { AsyncUdpServerOptions, BlockingUdpServerOptions, ForkingUdpServerOptions, ThreadingUdpServerOptions } from "./udp-servers.ts";
export { workerRole } from "./pool/worker-role.ts";
export type { WorkerRole } from "./pool/worker-role.ts";
export { AsyncOSCWebSocketServer } from "./websocket-server.ts";
export type { AsyncWebSocketServerOptions, WebSocketAddress, WebSocketClientHandle } from "./websocket-server.ts";
export { AsyncOSCStreamServer } from "./stream-server.ts";
export type { AsyncStreamServerOptions } from "./stream-server.ts";
