/** Clients: one socket that sends packets to one place and receives what is sent back. */
export { DispatchClient } from "./dispatch-client.ts";
export type { DispatchClientOptions } from "./dispatch-client.ts";
export type { ReceivedMessage } from "./inbox.ts";
export type { ClientErrorListener, PacketClientOptions, ReceiveOptions } from "./options.ts";
export { PacketClient } from "./packet-client.ts";
export type { ClientStats } from "./packet-client.ts";
export type { ReplyFilter } from "./pending-requests.ts";
export type { RequestOptions } from "./request.ts";
export type { ConnectionState } from "./reconnecting-keeper.ts";
export { SimpleTCPClient, TCPClient, TCPDispatchClient } from "./tcp-client.ts";
export type { ConnectOptions, StateListener, TCPClientStats, TCPDispatchClientOptions } from "./tcp-client.ts";
export type { ReconnectOptions, TCPClientArguments, TCPClientOptions } from "./tcp-options.ts";
export { SimpleUDPClient, UDPClient } from "./udp-client.ts";
export type { UDPClientOptions } from "./udp-client.ts";
export type { ClientOverflowPolicy } from "./unsent-queue.ts";
