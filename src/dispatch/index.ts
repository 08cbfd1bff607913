/** From packets to handlers to replies, and the scheduler for later bundles. Also runs in browsers. */
export type { BundleContext, BundleHandler, BundleOptions } from "./bundle-handlers.ts";
export { bundleTime, clockDoubt, isEmptyBundle, laterElements } from "./bundle-time.ts";
export { clockOption, systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export { checkDispatcher, Dispatcher, isDispatcher } from "./dispatcher.ts";
export type { CallOptions, DispatcherOptions } from "./dispatcher.ts";
export { handleDecoded, handlePacket, tryDecode } from "./execute.ts";
export type { ExecutionResult, HandlerMatch, PacketContext, PacketHandling } from "./execute.ts";
export { Handler } from "./handler.ts";
export type {
  AddressFirst,
  ContextFirst,
  ContextHandler,
  FixedArguments,
  HandlerArguments,
  HandlerCallback,
  HandlerContext,
  HandlerOptions,
  HandlerResult,
  MapOptions,
  MessageHandler,
  OscReply,
  ReplyAddressFirst,
  ReplyAddressHandler,
  WithArguments,
  WithoutArguments,
} from "./handler.ts";
export { encodeReply, packetOf } from "./reply.ts";
export { Reporter, reportToConsole, tellListener } from "./reporter.ts";
export type { ErrorListener } from "./reporter.ts";
export { Scheduler } from "./scheduler.ts";
export type { ItemOptions, SchedulerLimits, SchedulerOptions, ScheduleResult } from "./scheduler.ts";
