/**
 * Handlers on other machines, by way of NATS: front ends that publish packets, workers that handle them. Needs the packages
 * `@nats-io/transport-node` and, for at-least-once, `@nats-io/jetstream`, which are loaded when a connection is made.
 */
export type { Delivery, DeliveryOrder, NatsDeliveryOptions, NatsStreamOptions } from "./delivery-options.ts";
export { NatsExecutor } from "./nats-executor.ts";
export type { NatsExecutorOptions } from "./nats-executor.ts";
export { NatsLink } from "./nats-link.ts";
export type { NatsLinkEvents, NatsListener } from "./nats-link.ts";
export type { NatsMessage } from "./nats-message.ts";
export type { NatsConnectionOptions, NatsTlsOptions } from "./nats-options.ts";
export {
  AS_OF_HEADER,
  CLIENT_HEADER,
  DELIVERIES_HEADER,
  ID_HEADER,
  REASON_HEADER,
  REPLY_HEADER,
  TRANSPORT_HEADER,
  VIA_HEADER,
  clientHeader,
  clientOf,
  hasPassed,
  viaHeader,
} from "./packet-headers.ts";
export type { PacketHeaders } from "./packet-headers.ts";
export { serveNats } from "./serve-nats.ts";
export type { NatsWorker } from "./serve-nats.ts";
export {
  DEFAULT_PREFIX,
  addressToSubject,
  checkPrefix,
  deadPrefix,
  packetSubject,
  partitionOf,
  patternToSubject,
  replyPrefix,
  subjectToAddress,
  subjectToAddressBytes,
} from "./subject.ts";
export type { ServeNatsOptions, WorkerHandlers, WorkerKind } from "./worker-options.ts";
