import { OscBundle, type OscMessage, type OscPacket, type TimeTag } from "../codec/index.ts";
import { OscDispatchError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { describeValue } from "./describe-value.ts";
import { isLater } from "./due-time.ts";
import type { Handler, HandlerContext } from "./handler.ts";
import { badReply, toReplyPacket } from "./reply.ts";

const SLASH = 0x2f;

/** A handler that a message's address invokes. */
export interface HandlerMatch {
  readonly value: Handler;
  /** What the wildcards of the handler's mapped address matched. */
  readonly captures: readonly string[];
}

/** Finds the handlers of a message. */
export interface HandlerLookup {
  match(address: string): readonly HandlerMatch[];
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
export class PacketExecution {
  readonly #handlers: HandlerLookup;
  readonly #context: ExecutionContext;
  readonly #deliver: (packet: OscPacket) => void;
  readonly #messages: OscMessage[] = [];
  /** The time tag of the bundle that holds the message of the same index. */
  readonly #timeTags: (TimeTag | null)[] = [];
  #messageIndex = 0;
  /** The handlers of the message at hand, once they have been looked for. */
  #matches: readonly HandlerMatch[] | null = null;
  #matchIndex = 0;

  /** @param deliver takes the replies; what it throws is reported as `OSC_BAD_REPLY` */
  constructor(handlers: HandlerLookup, packet: OscPacket, context: ExecutionContext, deliver: (packet: OscPacket) => void) {
    this.#handlers = handlers;
    this.#context = context;
    this.#deliver = deliver;
    this.#collect(packet, null);
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

  /** Flattens the packet into the messages that are to be handled, and reports what the decoder found wrong on the way. */
  #collect(packet: OscPacket, timeTag: TimeTag | null): void {
    for (const error of packet.errors) this.#context.error(error);
    if (packet instanceof OscBundle) {
      for (const element of packet.elements) {
        if (element instanceof OscBundle && isLater(element.timeTag, this.#context.asOf)) continue;
        this.#collect(element, packet.timeTag);
      }
    } else if (packet.address.charCodeAt(0) === SLASH) {
      this.#messages.push(packet);
      this.#timeTags.push(timeTag);
    }
  }

  #runUntilPromise(): Promise<void> | undefined {
    for (;;) {
      const message = this.#messages[this.#messageIndex];
      if (message === undefined) return undefined;
      // Found only now, for the handlers of the message before may have mapped others.
      this.#matches ??= this.#handlers.match(message.address);
      const match = this.#matches[this.#matchIndex];
      if (match === undefined) {
        this.#messageIndex += 1;
        this.#matchIndex = 0;
        this.#matches = null;
        continue;
      }
      this.#matchIndex += 1;
      const pending = this.#call(match, message);
      if (pending !== undefined) return pending;
    }
  }

  /** Calls one handler and sees to its answer. Returns a promise only where the answer has to be awaited. */
  #call(match: HandlerMatch, message: OscMessage): Promise<void> | undefined {
    const { address } = message;
    let promise: PromiseLike<unknown>;
    try {
      const result = this.#invoke(match, message);
      if (result === undefined) return undefined;
      if (!isThenable(result)) {
        this.#reply(result, address);
        return undefined;
      }
      promise = result;
    } catch (cause) {
      this.#context.error(handlerError(address, cause));
      return undefined;
    }
    if (this.#context.mode === "async") return this.#awaitReply(promise, address);
    this.#refusePromise(promise, address);
    return undefined;
  }

  #invoke({ value: handler, captures }: HandlerMatch, message: OscMessage): unknown {
    const call = handler.callback as (...parameters: unknown[]) => unknown;
    const { address, args } = message;
    if (handler.needsContext || handler.needsReplyAddress) {
      const first = handler.needsContext ? this.#handlerContext(message, captures) : this.#context.clientAddress;
      return handler.args === null ? call(first, address, ...args) : call(first, address, handler.args, ...args);
    }
    return handler.args === null ? call(address, ...args) : call(address, handler.args, ...args);
  }

  #handlerContext(message: OscMessage, captures: readonly string[]): HandlerContext {
    return {
      clientAddress: this.#context.clientAddress,
      message,
      captures,
      timeTag: this.#timeTags[this.#messageIndex] ?? null,
      reply: (value) => this.#reply(value, message.address),
      shutdown: () => this.#context.shutdown(),
    };
  }

  /** @throws OscDispatchError `OSC_BAD_REPLY` */
  #reply(value: unknown, address: string): void {
    const packet = toReplyPacket(value, address);
    if (packet === undefined) return;
    try {
      this.#deliver(packet);
    } catch (cause) {
      throw badReply(address, cause);
    }
  }

  async #awaitReply(result: PromiseLike<unknown>, address: string): Promise<void> {
    try {
      this.#reply(await result, address);
    } catch (cause) {
      this.#context.error(handlerError(address, cause));
    }
  }

  #refusePromise(result: PromiseLike<unknown>, address: string): void {
    // Nobody waits for it, so nobody would see it fail; without this a rejection would end the process.
    Promise.resolve(result).then(undefined, () => undefined);
    const message =
      `A handler of ${address} returned a promise, and nothing here can wait for it: the thread runs one handler after another. ` +
      "Async handlers are awaited by the async servers, by threading and forking servers that are given a handlers module, and by asyncCallHandlersForPacket.";
    this.#context.error(new OscDispatchError("OSC_ASYNC_HANDLER", message, address));
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** What a handler threw, as the error that is reported. A reply that could not be made says so itself. */
function handlerError(address: string, cause: unknown): OscDispatchError {
  if (cause instanceof OscDispatchError && cause.code === "OSC_BAD_REPLY") return cause;
  return new OscDispatchError("OSC_HANDLER_FAILED", `A handler of ${address} failed: ${describeValue(cause)}`, address, { cause });
}
