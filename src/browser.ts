/** Oscine for browsers: everything that needs no socket of Node, and a client over the browser's WebSocket. */
export * from "./core.ts";
export type { ConnectionState } from "./client/connection.ts";
export { ConnectionClient } from "./client/connection-client.ts";
export type { ConnectionStats, ConnectOptions, StateListener } from "./client/connection-client.ts";
export { fitPacket } from "./client/fit-packet.ts";
export type { FitOptions } from "./client/fit-packet.ts";
export type { ReceivedMessage } from "./client/inbox.ts";
export type { ConnectionOptions, PacketClientOptions, ReceiveOptions, ReconnectOptions } from "./client/options.ts";
export { PacketClient } from "./client/packet-client.ts";
export type { ClientStats } from "./client/packet-client.ts";
export { RECEIVERS } from "./client/receivers.ts";
export type { ReceiverName, ReceiverProfile } from "./client/receivers.ts";
export type { ReplyFilter, RequestOptions } from "./client/requests.ts";
export type { ClientOverflowPolicy } from "./client/send-queue.ts";
export { WebSocketClient } from "./client/websocket-client.ts";
export type { WebSocketClientOptions } from "./client/websocket-client.ts";
export type { OpenedWebSocket, OpenWebSocket, WebSocketLike } from "./client/websocket-link.ts";
