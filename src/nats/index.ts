/**
 * Runs handlers on other machines through NATS: front ends publish packets, workers handle them. Requires the packages `@nats-io/transport-node` and,
 * for at-least-once, `@nats-io/jetstream`, which are loaded on connecting.
 */
export { NatsLink } from "./connection.ts";
export type { NatsLinkEvents, NatsListener, NatsMessage } from "./connection.ts";
export { NatsExecutor } from "./executor.ts";
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
} from "./headers.ts";
export type { PacketHeaders } from "./headers.ts";
export type {
  Delivery,
  DeliveryOrder,
  NatsConnectionOptions,
  NatsDeliveryOptions,
  NatsExecutorOptions,
  NatsStreamOptions,
  NatsTlsOptions,
  ServeNatsOptions,
  WorkerHandlers,
  WorkerKind,
} from "./options.ts";
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
export { serveNats } from "./worker.ts";
export type { NatsWorker } from "./worker.ts";
