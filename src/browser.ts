/** Oscine for browsers: all of it that needs no socket of Node, and a client over the browser's WebSocket. */
export * from "./core.ts";
export { ConnectionClient } from "./client/connection-client.ts";
export type { ConnectionStats, ConnectOptions, StateListener } from "./client/connection-client.ts";
export type { ConnectionOptions, ReconnectOptions } from "./client/connection-options.ts";
export type { ReceivedMessage } from "./client/inbox.ts";
export type { ClientErrorListener, PacketClientOptions, ReceiveOptions } from "./client/options.ts";
export { PacketClient } from "./client/packet-client.ts";
export type { ClientStats } from "./client/packet-client.ts";
export type { ReplyFilter } from "./client/pending-requests.ts";
export type { ConnectionState } from "./client/reconnecting-keeper.ts";
export type { RequestOptions } from "./client/request.ts";
export type { ClientOverflowPolicy } from "./client/unsent-queue.ts";
export { WebSocketClient } from "./client/websocket-client.ts";
export type { WebSocketClientOptions } from "./client/websocket-client.ts";
export type { WebSocketLike } from "./client/websocket-link.ts";
