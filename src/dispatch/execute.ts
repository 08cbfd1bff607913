import type { KnownAddress } from "../address/index.ts";
import { decodeMessage, decodePacket } from "../codec/decode.ts";
import { type DecodeOptions, OscBundle, OscMessage, type OscPacket, type TimeTag, type OscValue } from "../codec/index.ts";
import { OscDecodeError, OscDispatchError, OscDroppedError, type OscError, OscRejectedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { thrownText } from "../options.ts";
import { handled, type PacketHandled, type PacketRejected, rejected } from "../packet-result.ts";
import { leaveOutStackTraces } from "../stack-traces.ts";
import { type BundleContext, BUNDLE_NAME, type MappedBundleHandler, withoutLater } from "./bundle-handlers.ts";
import { isLater } from "./bundle-time.ts";
import type { ArgumentCheck, Handler, HandlerContext, OscReply } from "./handler.ts";
import { badReply, ignoreRejections, isReply, notReply } from "./reply.ts";

const SLASH = 0x2f;

/** A handler that a message's address invokes. */
export interface HandlerMatch {
  /** The handler. */
  readonly value: Handler;
  /** What the wildcards of the handler's mapped address matched. */
  readonly captures: readonly string[];
}

/** Finds the handlers of a message. */
export interface HandlerLookup {
  match(address: string): readonly HandlerMatch[];
  /** Like `match`, for a message whose address is cached by its bytes; `undefined` if it isn't. */
  matchBytes?(message: Uint8Array): KnownAddress<Handler> | undefined;
  /** Called with the address of a well-formed message that `matchBytes` didn't know. */
  cacheAddress?(address: string, message: Uint8Array): void;
  /** Called with each bundle of the outermost level, before its messages. */
  readonly bundleHandlers?: readonly MappedBundleHandler[];
  /** The work of all calls of `match` so far. If undefined, the work of a packet is unlimited. */
  readonly work?: number;
  /** Maximum work per packet: searches, plus 1 for each handler call. Remaining messages are dropped. */
  readonly maxWork?: number;
}

/** How packets are handled: the same for all packets of a server or client. */
export interface PacketHandling extends DecodeOptions {
  /** `"async"`: a promise returned by a handler is awaited before the next handler runs. `"sync"`: it is an error. */
  readonly mode: "sync" | "async";
  /** True: a message whose address doesn't begin with `/` is handled without a report. Default: it is only reported. */
  readonly allowOddAddresses?: boolean;
  /** Ends the serving loop of the server that handles the packets. */
  shutdown(): void;
}

/** One packet: its sender, how it is handled, and the callbacks for its replies and errors. */
export interface PacketContext {
  /** How it is handled. */
  readonly handling: PacketHandling;
  /** The client that sent the packet. */
  readonly clientAddress: NetAddress;
  /** Nested bundles dated later than this, in milliseconds since 1970-01-01 UTC, are skipped. `Infinity` skips none. */
  readonly asOf: number;
  /** Sends a reply to the client. If it throws, the error is reported as `OSC_BAD_REPLY`. */
  reply(reply: OscReply): void;
  /** Called with errors that don't stop the handling of the packet. Must not throw. */
  error(error: OscError): void;
}

/** The result of executing a packet: its handlers have run, or it can't be decoded. */
export type ExecutionResult = PacketHandled | PacketRejected;

/**
 * Handles one packet: decodes it, finds the handlers of its messages, and calls them. Event loop, blocked thread, worker thread and child
 * process all run this.
 *
 * The messages of a bundle are handled together and in order. Nested bundles dated later than `context.asOf` are skipped; the caller finds
 * them with `laterElements`. Faults in a part of the packet and errors of handlers go to `context.error`; the rest is handled.
 *
 * @returns the result; a promise, which never rejects, if a handler returned one in mode `"async"`
 */
export function handlePacket(
  handlers: HandlerLookup,
  data: Uint8Array,
  context: PacketContext,
): ExecutionResult | Promise<ExecutionResult> {
  const known = data[0] === SLASH ? handlers.matchBytes?.(data) : undefined;
  const packet = tryDecode(data, context.handling, known);
  if (packet instanceof OscDecodeError) return malformed(packet);
  // The listener that gets the packet's faults may map other handlers.
  const matches = packet.errors.length === 0 ? known?.found : undefined;
  const execution = new PacketExecution(handlers, packet, context, matches);
  if (packet instanceof OscBundle) execution.callFirst(packet, handlers.bundleHandlers);
  const result = execution.run();
  if (known === undefined && packet instanceof OscMessage && packet.errors.length === 0) handlers.cacheAddress?.(packet.address, data);
  return result;
}

/** Like {@link handlePacket}, for a decoded packet. Doesn't call bundle handlers. */
export function handleDecoded(
  handlers: HandlerLookup,
  packet: OscPacket,
  context: PacketContext,
): ExecutionResult | Promise<ExecutionResult> {
  return new PacketExecution(handlers, packet, context).run();
}

/**
 * Decodes bytes from a peer. Errors have no stack trace, which would be costly and show only Oscine's internals.
 *
 * @param known the address of the message, if already known
 * @returns the packet, or why it is unreadable
 */
export function tryDecode(
  data: Uint8Array,
  options?: DecodeOptions,
  known?: Pick<KnownAddress<unknown>, "address" | "size">,
): OscPacket | OscDecodeError {
  const before = leaveOutStackTraces(true);
  try {
    return known === undefined ? decodePacket(data, options) : decodeMessage(data, known.address, known.size, options);
  } catch (error) {
    if (error instanceof OscDecodeError) return error;
    throw error;
  } finally {
    leaveOutStackTraces(before);
  }
}

function malformed(cause: OscDecodeError): PacketRejected {
  return rejected("malformed", () => new OscRejectedError("malformed", `The packet cannot be decoded: ${cause.message}`, { cause }));
}

/**
 * Executes one packet: its messages in order, and the handlers of each message in order. It keeps its position so that it can resume after
 * a promise. It creates no promise unless a handler returns one.
 */
class PacketExecution {
  readonly #handlers: HandlerLookup;
  readonly #context: PacketContext;
  /** The current message, and the time tag of its bundle; `undefined` at the end. */
  #message: OscMessage | undefined = undefined;
  #timeTag: TimeTag | null = null;
  /** The handlers of the current message, once looked up, and the index of the next one. */
  #matches: readonly HandlerMatch[] | undefined;
  #matchIndex = 0;
  #work = 0;
  #unmatched = 0;
  /** Number of handlers that have run, or rejected the arguments of their message. */
  #calls = 0;
  /** The last rejection, until it is known whether the whole packet is rejected. */
  #refusal: OscRejectedError | null = null;
  #refusals = 0;
  /** The remaining messages, in reverse order. A packet with a single message, the usual case, needs no list. */
  readonly #rest: TimedMessage[] | undefined;
  /** The whole bundle, until its handlers have run, and the index of the next one. */
  #bundle: OscBundle | undefined = undefined;
  #bundleHandlers: readonly MappedBundleHandler[] | undefined = undefined;
  #bundleHandlerIndex = 0;

  /** @param matches the handlers of a single-message packet, if already known */
  constructor(handlers: HandlerLookup, packet: OscPacket, context: PacketContext, matches?: readonly HandlerMatch[]) {
    this.#handlers = handlers;
    this.#matches = matches;
    this.#context = context;
    if (packet instanceof OscBundle) {
      const messages: TimedMessage[] = [];
      collectMessages(packet, context, messages);
      this.#rest = messages.toReversed();
      this.#advance();
    } else {
      if (packet.errors.length > 0) reportAll(packet.errors, context);
      if (isDispatched(packet, context)) this.#message = packet;
    }
  }

  /** Passes the whole bundle to its handlers before, or instead of, its messages. Call it before {@link run}. */
  callFirst(bundle: OscBundle, handlers: readonly MappedBundleHandler[] | undefined): void {
    if (handlers === undefined || handlers.length === 0) return;
    this.#bundle = withoutLater(bundle, this.#context.asOf);
    this.#bundleHandlers = handlers;
    if (handlers.some(({ only }) => only)) this.#message = undefined;
  }

  run(): ExecutionResult | Promise<ExecutionResult> {
    const pending = this.#runUntilPromise();
    return pending === undefined ? this.#result() : this.#runAfter(pending);
  }

  async #runAfter(first: Promise<void>): Promise<ExecutionResult> {
    for (let pending: Promise<void> | undefined = first; pending !== undefined; pending = this.#runUntilPromise()) await pending;
    return this.#result();
  }

  /** A packet is rejected if every handler rejected its arguments. */
  #result(): ExecutionResult {
    const refusal = this.#refusal;
    if (refusal === null) return handled(this.#unmatched);
    if (this.#refusals === this.#calls && this.#unmatched === 0) return rejected(refusal.reason, () => refusal);
    this.#context.error(refusal);
    return handled(this.#unmatched);
  }

  #refuse(refusal: OscRejectedError): void {
    if (this.#refusal !== null) this.#context.error(this.#refusal);
    this.#refusal = refusal;
    this.#refusals += 1;
  }

  #runUntilPromise(): Promise<void> | undefined {
    const pendingBundle = this.#bundle === undefined ? undefined : this.#callBundleHandlers(this.#bundle);
    if (pendingBundle !== undefined) return pendingBundle;
    while (this.#message !== undefined) {
      // Not earlier, because handlers of the previous message may have mapped others.
      this.#matches ??= this.#rest === undefined ? this.#handlers.match(this.#message.address) : this.#countedMatch(this.#message.address);
      if (this.#matches.length === 0) this.#unmatched += 1;
      // Never reads beyond the end of the list, which is slow in V8.
      const match = this.#matchIndex < this.#matches.length ? this.#matches[this.#matchIndex] : undefined;
      this.#matchIndex += 1;
      if (match === undefined) {
        this.#advance();
      } else {
        const pending = this.#call(match, this.#message);
        if (pending !== undefined) return pending;
      }
    }
    return undefined;
  }

  /** Like `match`, but counts the work. */
  #countedMatch(address: string): readonly HandlerMatch[] {
    const before = this.#handlers.work ?? 0;
    const matches = this.#handlers.match(address);
    this.#work += (this.#handlers.work ?? 0) - before + matches.length;
    return matches;
  }

  /** Advances to the next message, or to the end if the packet exceeds the maximum work. */
  #advance(): void {
    const { maxWork = Infinity } = this.#handlers;
    if (this.#work >= maxWork && this.#rest !== undefined && this.#rest.length > 0) {
      this.#context.error(tooMuchWork(this.#rest.length, maxWork));
      this.#rest.length = 0;
    }
    const next = this.#rest?.pop();
    this.#message = next?.message;
    this.#timeTag = next?.timeTag ?? null;
    this.#matches = undefined;
    this.#matchIndex = 0;
  }

  /** Calls one handler and delivers its reply. Returns a promise only if the reply must be awaited. */
  #call(match: HandlerMatch, message: OscMessage): Promise<void> | undefined {
    const { address } = message;
    let result: unknown;
    this.#calls += 1;
    const args = match.value.check === null ? message.args : this.#check(match.value.check, message);
    if (args === null) return undefined;
    try {
      result = this.#invoke(match, message, args);
    } catch (cause) {
      this.#context.error(handlerFailed(address, cause));
      return undefined;
    }
    return result === undefined ? undefined : this.#takeResult(result, address);
  }

  #callBundleHandlers(bundle: OscBundle): Promise<void> | undefined {
    const { clientAddress } = this.#context;
    const context: BundleContext = {
      clientAddress,
      timeTag: bundle.timeTag,
      reply: (value) => this.#reply(value, BUNDLE_NAME),
      shutdown: () => this.#context.handling.shutdown(),
    };
    const handlers = this.#bundleHandlers ?? [];
    while (this.#bundleHandlerIndex < handlers.length) {
      const { callback } = handlers[this.#bundleHandlerIndex++]!;
      this.#calls += 1;
      try {
        const pending = this.#takeResult(callback(bundle, context), BUNDLE_NAME);
        if (pending !== undefined) return pending;
      } catch (cause) {
        this.#context.error(handlerFailed(BUNDLE_NAME, cause));
      }
    }
    this.#bundle = undefined;
    return undefined;
  }

  /** Delivers a handler's return value. Returns a promise only if the reply must be awaited. */
  #takeResult(result: unknown, address: string): Promise<void> | undefined {
    let isPromise: boolean;
    try {
      isPromise = typeof result === "object" && result !== null && "then" in result && typeof result.then === "function";
    } catch (cause) {
      this.#context.error(handlerFailed(address, cause));
      return undefined;
    }
    if (isPromise && this.#context.handling.mode === "async") return this.#awaitReply(result, address);
    if (isPromise) this.#refusePromise(result, address);
    else this.#reply(result, address);
    return undefined;
  }

  /** The arguments for a described handler; null if its description doesn't allow them. */
  #check(check: ArgumentCheck, message: OscMessage): readonly OscValue[] | null {
    try {
      return check(message, this.#context.clientAddress);
    } catch (cause) {
      if (isRefusal(cause)) this.#refuse(cause);
      else this.#context.error(handlerFailed(message.address, cause));
      return null;
    }
  }

  #invoke({ value: handler, captures }: HandlerMatch, message: OscMessage, args: readonly OscValue[]): unknown {
    const call = handler.callback as (...parameters: unknown[]) => unknown;
    const { address } = message;
    if (handler.needsContext || handler.needsReplyAddress) {
      const first = handler.needsContext ? this.#handlerContext(message, captures) : this.#context.clientAddress;
      return handler.args === null ? call(first, address, ...args) : call(first, address, handler.args, ...args);
    }
    // Most messages have one argument, and a spread call is slow.
    if (handler.args === null) return args.length === 1 ? call(address, args[0]) : call(address, ...args);
    return call(address, handler.args, ...args);
  }

  #handlerContext(message: OscMessage, captures: readonly string[]): HandlerContext {
    return {
      clientAddress: this.#context.clientAddress,
      message,
      captures,
      timeTag: this.#timeTag,
      reply: (value) => this.#reply(value, message.address),
      shutdown: () => this.#context.handling.shutdown(),
    };
  }

  #reply(value: unknown, address: string): void {
    try {
      if (value === undefined || value === null) return;
      if (!isReply(value)) throw notReply(address, value);
      this.#context.reply(value);
    } catch (cause) {
      ignoreRejections(value);
      this.#context.error(cause instanceof OscDispatchError ? cause : badReply(address, cause));
    }
  }

  async #awaitReply(result: unknown, address: string): Promise<void> {
    let value: unknown;
    try {
      value = await result;
    } catch (cause) {
      this.#context.error(handlerFailed(address, cause));
      return;
    }
    this.#reply(value, address);
  }

  #refusePromise(result: unknown, address: string): void {
    ignoreRejections(result);
    const message =
      `A handler of ${address} returned a promise, but handlers run synchronously here. ` +
      "Async handlers are awaited by async servers, by threading and forking servers with a handlers module, and by asyncCallHandlersForPacket.";
    this.#context.error(new OscDispatchError("OSC_ASYNC_HANDLER", message, address));
  }
}

/** A namespace listener may throw anything, even a value that can't be inspected. */
function isRefusal(cause: unknown): cause is OscRejectedError {
  try {
    return cause instanceof OscRejectedError;
  } catch {
    return false;
  }
}

/** A message of a bundle, with the time tag of the bundle. */
interface TimedMessage {
  readonly message: OscMessage;
  readonly timeTag: TimeTag;
}

/** Flattens a bundle into the messages to handle now, and reports the decoder's faults on the way. */
function collectMessages(bundle: OscBundle, context: PacketContext, messages: TimedMessage[]): void {
  reportAll(bundle.errors, context);
  for (const element of bundle.elements) {
    if (element instanceof OscBundle) {
      if (!isLater(element.timeTag, context.asOf)) collectMessages(element, context, messages);
      continue;
    }
    reportAll(element.errors, context);
    if (isDispatched(element, context)) messages.push({ message: element, timeTag: bundle.timeTag });
  }
}

/** A `for…of` would allocate even for an empty frozen list (bench/latency). */
function reportAll(errors: readonly OscError[], context: PacketContext): void {
  for (let i = 0; i < errors.length; i++) {
    if (context.handling.allowOddAddresses !== true || errors[i]!.code !== "OSC_BAD_ADDRESS") context.error(errors[i]!);
  }
}

/** The decoder accepts an address without a leading slash, and reports it. */
function isDispatched(message: OscMessage, context: PacketContext): boolean {
  return message.address.charCodeAt(0) === SLASH || context.handling.allowOddAddresses === true;
}

/** The error for a handler that threw, or whose promise rejected. */
function handlerFailed(address: string, cause: unknown): OscDispatchError {
  return new OscDispatchError("OSC_HANDLER_FAILED", `A handler of ${address} failed: ${thrownText(cause)}`, address, { cause });
}

function tooMuchWork(left: number, maxWork: number): OscDroppedError {
  const what = `The last ${left} messages of a bundle were dropped, because finding the handlers of the others took too much work`;
  return new OscDroppedError("maxWork", `${what}. Send fewer patterns at once, or raise the dispatcher's maxWork (${maxWork}).`);
}
