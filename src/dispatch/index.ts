/** From packets to handlers to replies, and the scheduler for what is dated later. Pure: runs wherever JavaScript does. */
export { systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export { decodeReceived } from "./decode-received.ts";
export { Dispatcher } from "./dispatcher.ts";
export type { CallOptions, DispatcherOptions } from "./dispatcher.ts";
export { bundleTime, laterElements } from "./due-time.ts";
export { reportToConsole } from "./error-report.ts";
export type { ErrorListener } from "./error-report.ts";
export { handlePacket } from "./handle-packet.ts";
export type { PacketContext } from "./handle-packet.ts";
export { Handler } from "./handler.ts";
export type {
  ContextHandler,
  HandlerArguments,
  HandlerCallback,
  HandlerContext,
  HandlerOptions,
  HandlerResult,
  MapOptions,
  MessageHandler,
  OscReply,
  ReplyAddressHandler,
} from "./handler.ts";
export type { AddressFirst, ContextFirst, FixedArguments, ReplyAddressFirst, WithArguments, WithoutArguments } from "./map-forms.ts";
export type { HandlerMatch } from "./packet-execution.ts";
export { Reporter, tellListener } from "./reporter.ts";
export { Scheduler } from "./scheduler.ts";
export type { SchedulerLimits, SchedulerOptions, ScheduleResult } from "./scheduler.ts";
