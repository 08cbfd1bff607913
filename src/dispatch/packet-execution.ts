import type { KnownAddress } from "../address/index.ts";
import { OscBundle, type OscMessage, type OscPacket, type TimeTag } from "../codec/index.ts";
import { OscDispatchError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { isLater } from "./due-time.ts";
import { handlerFailed, tooMuchWork } from "./execution-errors.ts";
import type { Handler, HandlerContext } from "./handler.ts";
import { badReply, toReplyPacket } from "./reply.ts";

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
  /**
   * As `match`, for a message whose address is known by the bytes with which it begins; undefined where it is not, and then `match` has to be
   * asked. Missing where no address is ever known so.
   */
  matchBytes?(message: Uint8Array): KnownAddress<Handler> | undefined;
  /** Told the address of a message that was not known by its bytes and is well formed, so that it may be next time. */
  learn?(address: string, message: Uint8Array): void;
  /** How much work all calls of `match` have been. Missing where it is not known; then nothing is bounded. */
  readonly work?: number;
  /** How much work one packet may be before the messages that are left of it are dropped: searches, and 1 for each call of a handler. */
  readonly maxWork?: number;
}

/** Where the packet came from, how its handlers are run, and where what comes of it goes. */
export interface ExecutionContext {
  /** The client that sent the packet. */
  readonly clientAddress: NetAddress;
  /**
   * The time at which the packet is handled, in milliseconds since 1970-01-01 UTC: nested bundles that are dated later are left out.
   * `Infinity` leaves none out.
   */
  readonly asOf: number;
  /** `"async"`: a promise that a handler returns is awaited before the next handler runs. `"sync"`: it is an error. */
  readonly mode: "sync" | "async";
  /** Takes what went wrong in a packet of which the rest is handled. Must not throw. */
  error(error: OscError): void;
  /** Ends the serving loop of the server that handles the packet. */
  shutdown(): void;
}

/**
 * One packet's way through the handlers: its messages in their order, for each message its handlers in theirs. It holds its place, so
 * that it can go on after a promise; where no handler returns one, none is made.
 */
export class PacketExecution<Context extends ExecutionContext = ExecutionContext> {
  readonly #handlers: HandlerLookup;
  readonly #context: Context;
  readonly #deliver: (packet: OscPacket, context: Context) => void;
  /** The message at hand, and the time tag of the bundle that holds it; `undefined` when there is no more. */
  #message: OscMessage | undefined = undefined;
  #timeTag: TimeTag | null = null;
  /** The handlers of the message at hand, once they have been looked for, and which of them is next. */
  #matches: readonly HandlerMatch[] | undefined;
  #matchIndex = 0;
  #work = 0;
  /** The messages after the one at hand, the last first. A message on its own, the usual packet, needs no list. */
  readonly #rest: TimedMessage[] | undefined;

  /**
   * @param deliver takes the replies; what it throws is reported as `OSC_BAD_REPLY`
   * @param matches the handlers of a packet that is one message, where they are known already
   */
  constructor(
    handlers: HandlerLookup,
    packet: OscPacket,
    context: Context,
    deliver: (packet: OscPacket, context: Context) => void,
    matches?: readonly HandlerMatch[],
  ) {
    this.#handlers = handlers;
    this.#matches = matches;
    this.#context = context;
    this.#deliver = deliver;
    if (packet instanceof OscBundle) {
      const messages: TimedMessage[] = [];
      collectMessages(packet, context, messages);
      this.#rest = messages.toReversed();
      this.#advance();
    } else {
      reportAll(packet.errors, context);
      if (isDispatched(packet)) this.#message = packet;
    }
  }

  /** Calls every handler. The promise, where there is one, is fulfilled when the last has been called and awaited; it is never rejected. */
  run(): undefined | Promise<undefined> {
    const pending = this.#runUntilPromise();
    return pending === undefined ? undefined : this.#runAfter(pending);
  }

  async #runAfter(first: Promise<void>): Promise<undefined> {
    for (let pending: Promise<void> | undefined = first; pending !== undefined; pending = this.#runUntilPromise()) await pending;
    return undefined;
  }

  #runUntilPromise(): Promise<void> | undefined {
    while (this.#message !== undefined) {
      // Looked for only now, for the handlers of the message before may have mapped others.
      this.#matches ??= this.#rest === undefined ? this.#handlers.match(this.#message.address) : this.#matchOfBundle(this.#message.address);
      // Not beyond the end of the list: the engine would read it in a slow way ever after.
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

  /** As the handlers' `match`, and counts the work. */
  #matchOfBundle(address: string): readonly HandlerMatch[] {
    const before = this.#handlers.work ?? 0;
    const matches = this.#handlers.match(address);
    this.#work += (this.#handlers.work ?? 0) - before + matches.length;
    return matches;
  }

  /** Goes to the next message. Where the packet has been too much work, there is none. */
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

  /** Calls one handler and sees to its answer. Returns a promise only where the answer has to be awaited. */
  #call(match: HandlerMatch, message: OscMessage): Promise<void> | undefined {
    const { address } = message;
    let result: unknown;
    let isPromise: boolean;
    try {
      result = this.#invoke(match, message);
      if (result === undefined) return undefined;
      isPromise = isThenable(result);
    } catch (cause) {
      this.#context.error(handlerFailed(address, cause));
      return undefined;
    }
    if (isPromise && this.#context.mode === "async") return this.#awaitReply(result, address);
    if (isPromise) this.#refusePromise(result, address);
    else this.#reply(result, address);
    return undefined;
  }

  #invoke({ value: handler, captures }: HandlerMatch, message: OscMessage): unknown {
    const call = handler.callback as (...parameters: unknown[]) => unknown;
    const { address, args } = message;
    if (handler.needsContext || handler.needsReplyAddress) {
      const first = handler.needsContext ? this.#handlerContext(message, captures) : this.#context.clientAddress;
      return handler.args === null ? call(first, address, ...args) : call(first, address, handler.args, ...args);
    }
    // By far the most messages have one argument, and a spread is a slow call.
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
      shutdown: () => this.#context.shutdown(),
    };
  }

  #reply(value: unknown, address: string): void {
    try {
      const packet = toReplyPacket(value, address);
      if (packet !== undefined) this.#deliver(packet, this.#context);
    } catch (cause) {
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
    // Nobody waits for it, so nobody would see it fail; without this a rejection would end the process.
    Promise.resolve(result).then(undefined, () => undefined);
    const message =
      `A handler of ${address} returned a promise, and nothing here can wait for it: the thread runs one handler after another. ` +
      "Async handlers are awaited by the async servers, by threading and forking servers that are given a handlers module, and by asyncCallHandlersForPacket.";
    this.#context.error(new OscDispatchError("OSC_ASYNC_HANDLER", message, address));
  }
}

/** A message of a bundle, with the time tag of the bundle. */
interface TimedMessage {
  readonly message: OscMessage;
  readonly timeTag: TimeTag;
}

/** Flattens a bundle into the messages that are to be handled now, and reports what the decoder found wrong on the way. */
function collectMessages(bundle: OscBundle, context: ExecutionContext, messages: TimedMessage[]): void {
  reportAll(bundle.errors, context);
  for (const element of bundle.elements) {
    if (element instanceof OscBundle) {
      if (!isLater(element.timeTag, context.asOf)) collectMessages(element, context, messages);
      continue;
    }
    reportAll(element.errors, context);
    if (isDispatched(element)) messages.push({ message: element, timeTag: bundle.timeTag });
  }
}

/** Not by `for…of`, which makes two objects also where there are no errors, for their list is frozen (bench/latency). */
function reportAll(errors: readonly OscError[], context: ExecutionContext): void {
  for (let i = 0; i < errors.length; i++) context.error(errors[i]!);
}

/** The decoder lets an address without its slash pass, and reports it; it is no address that could be mapped. */
function isDispatched(message: OscMessage): boolean {
  return message.address.charCodeAt(0) === SLASH;
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
