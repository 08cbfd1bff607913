/** Oscine: Open Sound Control for TypeScript, in Node. Importing it has no side effects. */
export * from "./core.ts";
export * from "./bridge/index.ts";
export * from "./client/index.ts";
export {
  AsyncIOOSCUDPServer,
  AsyncOSCStreamServer,
  AsyncOSCTCPServer,
  AsyncOSCUDPServer,
  AsyncOSCWebSocketServer,
  AsyncServer,
  BlockingOSCTCPServer,
  BlockingOSCUDPServer,
  BlockingServer,
  ForkingOSCTCPServer,
  ForkingOSCUDPServer,
  ForkingServer,
  PooledServer,
  Publisher,
  SyncServer,
  ThreadingOSCTCPServer,
  ThreadingOSCUDPServer,
  ThreadingServer,
  workerRole,
  type AddressLike,
  type AsyncServerOptions,
  type AsyncStreamServerOptions,
  type AsyncTcpServerOptions,
  type AsyncUdpServerOptions,
  type AsyncWebSocketServerOptions,
  type Backend,
  type BlockingServerOptions,
  type BlockingTcpServerOptions,
  type BlockingUdpServerOptions,
  type ChildPoolOptions,
  type Executor,
  type ExecutorContext,
  type ExecutorEvents,
  type ExecutorFactory,
  type ForkingServerOptions,
  type ForkingStrategy,
  type ForkingTcpServerOptions,
  type ForkingUdpServerOptions,
  type HandlersSource,
  type Limits,
  type FarAheadPolicy,
  type OverflowPolicy,
  type PacketSender,
  type Packet,
  type ServeOptions,
  type ServerOptions,
  type ServerProtocol,
  type PublisherOptions,
  type PublisherServer,
  type PublisherStats,
  type ServerStats,
  type ServerTransport,
  type StreamAddress,
  type SyncServerOptions,
  type ThreadPoolOptions,
  type WorkerPoolOptions,
  type ThreadingServerOptions,
  type TcpServerOptions,
  type ThreadingTcpServerOptions,
  type ThreadingUdpServerOptions,
  type WebSocketAddress,
  type WebSocketClientHandle,
  type WorkerRole,
} from "./server/index.ts";
export type { PacketDropped, PacketHandled, PacketRejected, PacketResult, PacketWaiting } from "./packet-result.ts";
export type { Peer } from "./transport/transport.ts";
export type { TcpOptions } from "./transport/tcp.ts";
export type { UdpOptions } from "./transport/udp.ts";
export type { WebSocketOptions } from "./transport/websocket.ts";
export type { SlowClientPolicy } from "./transport/websocket-connection.ts";
export * from "./recording/index.ts";
export { createRecording, type CreateRecordingOptions, openRecording, RecordingFile, type RecordingStats } from "./recording/file.ts";
export * from "./discovery/index.ts";
export * from "./oscquery/index.ts";
