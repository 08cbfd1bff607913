import { AddressSpace, type KnownAddress } from "../address/index.ts";
import type { OscPacket, OscValue } from "../codec/index.ts";
import { OscDecodeError, OscDispatchError, OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { type ErrorListener, reportToConsole } from "./error-report.ts";
import { executePacket } from "./handle-packet.ts";
import {
  type ContextHandler,
  Handler,
  type HandlerArguments,
  type HandlerCallback,
  type HandlerOptions,
  type MapOptions,
  type MessageHandler,
  type ReplyAddressHandler,
} from "./handler.ts";
import type { AddressFirst, ContextFirst, FixedArguments, ReplyAddressFirst, WithArguments, WithoutArguments } from "./map-forms.ts";
import type { HandlerMatch } from "./packet-execution.ts";

/** Options of a {@link Dispatcher}. */
export interface DispatcherOptions {
  /**
   * True: the servers hold a bundle that is dated in the future until its time. False: they handle it as soon as it arrives, which helps
   * where the clocks of senders are wrong. Default true.
   */
  readonly strictTiming?: boolean | undefined;
  /**
   * How much work one packet may be, so that no packet holds up all others. A comparison of an address with a pattern counts 1, and so does
   * each call of a handler; what a pattern finds when it is seen for the first time counts 20 more. When a packet has been as much, the messages
   * that are left of it are dropped and reported. A message on its own is always handled. Default 100,000: some milliseconds.
   */
  readonly maxWork?: number | undefined;
}

/** How {@link Dispatcher.callHandlersForPacket} tells what went wrong. */
export interface CallOptions {
  /** Takes the errors: of the decoder, of handlers that throw, of replies that are none. Default: prints to stderr. */
  readonly onError?: ErrorListener | undefined;
}

const NO_CAPTURES: readonly string[] = /* @__PURE__ */ Object.freeze([]);
const NO_MATCHES: readonly HandlerMatch[] = /* @__PURE__ */ Object.freeze([]);

/**
 * Maps OSC addresses to functions, and calls them with the messages that arrive.
 *
 * A mapped address may hold wildcards: `*` matches any run of characters, `/` included, so that `"/some/address*"` sees everything that
 * starts with `/some/address`; `?`, `[…]` and `{…}` are those of OSC 1.0, "OSC Address Patterns". The addresses of messages are patterns,
 * too, and in those `*` ends at a `/`. A message invokes every handler that matches, in the order in which they were mapped.
 *
 * ```ts
 * const dispatcher = new Dispatcher();
 * dispatcher.map("/mixer/*", (address: string, gain: number) => console.log(address, gain));
 * ```
 */
export class Dispatcher {
  /** See {@link DispatcherOptions}. */
  readonly strictTiming: boolean;
  /** See {@link DispatcherOptions}. */
  readonly maxWork: number;
  readonly #addresses = new AddressSpace<Handler>();
  #defaultMatches: readonly HandlerMatch[] = NO_MATCHES;
  #frozenBecause: string | null = null;

  /** @throws OscServerError `OSC_OPTION` where `maxWork` is no number above 0 */
  constructor(options: DispatcherOptions = {}) {
    this.strictTiming = options.strictTiming ?? true;
    this.maxWork = options.maxWork ?? 100_000;
    if (!(this.maxWork > 0)) throw new OscServerError("OSC_OPTION", `maxWork is a number above 0; got ${String(this.maxWork)}.`);
  }

  /**
   * Maps an address to a function. The function is called with the address of the message and the message's arguments; fixed arguments,
   * where `options` give some, come between the two, as one array. The first parameter may be the client's address or a context instead,
   * followed by these.
   *
   * What it returns is sent to the client: see {@link OscReply}. It may return a promise where the server awaits it.
   *
   * @param address an address, or one with wildcards, beginning with `/`
   * @returns the mapping, for {@link unmap}
   * @throws OscDispatchError `OSC_BAD_MAPPED_ADDRESS` for an address that nothing can match, `OSC_BAD_HANDLER` where `fn` is no function,
   * `OSC_DISPATCHER_FROZEN` once a server has taken the dispatcher to other threads or processes
   */
  map<Args extends HandlerArguments = readonly OscValue[]>(
    address: string,
    fn: MessageHandler<Args>,
    options?: AddressFirst & WithoutArguments,
  ): Handler;
  map<Fixed extends FixedArguments, Args extends HandlerArguments = readonly OscValue[]>(
    address: string,
    fn: MessageHandler<[fixedArgs: Fixed, ...oscArgs: Args]>,
    options: AddressFirst & WithArguments<Fixed>,
  ): Handler;
  map<Args extends HandlerArguments = readonly OscValue[]>(
    address: string,
    fn: ReplyAddressHandler<Args>,
    options: ReplyAddressFirst & WithoutArguments,
  ): Handler;
  map<Fixed extends FixedArguments, Args extends HandlerArguments = readonly OscValue[]>(
    address: string,
    fn: ReplyAddressHandler<[fixedArgs: Fixed, ...oscArgs: Args]>,
    options: ReplyAddressFirst & WithArguments<Fixed>,
  ): Handler;
  map<Args extends HandlerArguments = readonly OscValue[]>(
    address: string,
    fn: ContextHandler<Args>,
    options: ContextFirst & WithoutArguments,
  ): Handler;
  map<Fixed extends FixedArguments, Args extends HandlerArguments = readonly OscValue[]>(
    address: string,
    fn: ContextHandler<[fixedArgs: Fixed, ...oscArgs: Args]>,
    options: ContextFirst & WithArguments<Fixed>,
  ): Handler;
  map(address: string, fn: HandlerCallback, options: MapOptions = {}): Handler {
    this.#refuseIfFrozen(address);
    const handler = new Handler(address, fn, options);
    this.#addresses.add(address, handler);
    return handler;
  }

  /**
   * Undoes a mapping: the one that {@link map} returned as `handler`; or the earliest one of this address that was made of the same
   * function and options, where fixed arguments are compared one by one with `Object.is`.
   *
   * @throws OscDispatchError `OSC_NOT_MAPPED` where there is none, `OSC_DISPATCHER_FROZEN` as {@link map}
   */
  unmap(address: string, handler: Handler): void;
  unmap(address: string, fn: HandlerCallback, options?: MapOptions): void;
  unmap(address: string, handlerOrFn: Handler | HandlerCallback, options: MapOptions = {}): void {
    this.#refuseIfFrozen(address);
    const handler =
      handlerOrFn instanceof Handler ? handlerOrFn : this.#addresses.at(address).find((mapped) => mapped.isMadeOf(handlerOrFn, options));
    if (handler === undefined || !this.#addresses.remove(address, handler)) {
      throw new OscDispatchError(
        "OSC_NOT_MAPPED",
        `Nothing is mapped so at ${address}; unmap takes what map returned, or the function with the options it was mapped with.`,
        address,
      );
    }
  }

  /**
   * Sets the function that is called for every message that no mapped address matches, in place of the one before; `null` for none.
   *
   * @throws OscDispatchError `OSC_BAD_HANDLER` where `fn` is neither, `OSC_DISPATCHER_FROZEN` as {@link map}
   */
  setDefaultHandler<Args extends HandlerArguments = readonly OscValue[]>(fn: MessageHandler<Args> | null, options?: AddressFirst): void;
  setDefaultHandler<Args extends HandlerArguments = readonly OscValue[]>(
    fn: ReplyAddressHandler<Args> | null,
    options: ReplyAddressFirst,
  ): void;
  setDefaultHandler<Args extends HandlerArguments = readonly OscValue[]>(fn: ContextHandler<Args> | null, options: ContextFirst): void;
  setDefaultHandler(fn: HandlerCallback | null, options: HandlerOptions = {}): void {
    this.#refuseIfFrozen("");
    const { needsReplyAddress, needsContext } = options;
    this.#defaultMatches =
      fn === null
        ? NO_MATCHES
        : Object.freeze([{ value: new Handler(null, fn, { needsReplyAddress, needsContext }), captures: NO_CAPTURES }]);
  }

  /**
   * The handlers that a message with this address invokes, in their order; the default handler, where one is set, if nothing matches.
   *
   * @param pattern the address of a message: an OSC address pattern
   */
  handlersForAddress(pattern: string): readonly Handler[] {
    return this.match(pattern).map((match) => match.value);
  }

  /** How much work it has been, so far, to find handlers; see `maxWork` of {@link DispatcherOptions}. */
  get work(): number {
    return this.#addresses.work;
  }

  /** As {@link handlersForAddress}, with what the wildcards of each mapped address matched. The array is frozen. */
  match(pattern: string): readonly HandlerMatch[] {
    const found = this.#addresses.find(pattern);
    return found.length > 0 ? found : this.#defaultMatches;
  }

  /** As {@link match}, for a message whose address is known by its bytes; undefined where {@link match} has to be asked. */
  matchBytes(message: Uint8Array): KnownAddress<Handler> | undefined {
    return this.#addresses.findBytes(message);
  }

  /** Lets {@link matchBytes} know the address of a message by its bytes, where it is mapped; they have to be well formed. */
  learn(address: string, message: Uint8Array): void {
    this.#addresses.learn(address, message);
  }

  /**
   * Calls the handlers of every message of a packet, now, and returns their replies. Time tags are not waited for: holding a bundle until
   * its time is the work of the servers, whose thread goes on meanwhile.
   *
   * A handler that returns a promise is reported as `OSC_ASYNC_HANDLER`; see {@link asyncCallHandlersForPacket}.
   *
   * @param client where the packet came from
   * @throws nothing but what `onError` throws
   */
  callHandlersForPacket(data: Uint8Array, client: NetAddress, options: CallOptions = {}): OscPacket[] {
    const replies: OscPacket[] = [];
    void this.#callHandlers(data, client, "sync", options, replies);
    return replies;
  }

  /** As {@link callHandlersForPacket}, and awaits handlers that return a promise, one after another. */
  async asyncCallHandlersForPacket(data: Uint8Array, client: NetAddress, options: CallOptions = {}): Promise<OscPacket[]> {
    const replies: OscPacket[] = [];
    await this.#callHandlers(data, client, "async", options, replies);
    return replies;
  }

  /** True once {@link freeze} was called. */
  get frozen(): boolean {
    return this.#frozenBecause !== null;
  }

  /**
   * Makes every later `map`, `unmap` and `setDefaultHandler` throw `OSC_DISPATCHER_FROZEN`. A server does it whose handlers run in threads
   * or processes of their own, which a change made here would not reach. Once frozen it stays so, for the first reason given.
   *
   * @param reason a sentence that says why, for the error's message
   */
  freeze(reason: string): void {
    this.#frozenBecause ??= reason;
  }

  #refuseIfFrozen(address: string): void {
    if (this.#frozenBecause === null) return;
    throw new OscDispatchError("OSC_DISPATCHER_FROZEN", `The dispatcher can no longer be changed. ${this.#frozenBecause}`, address);
  }

  #callHandlers(
    data: Uint8Array,
    clientAddress: NetAddress,
    mode: "sync" | "async",
    options: CallOptions,
    replies: OscPacket[],
  ): undefined | Promise<undefined> {
    const onError = options.onError ?? reportToConsole;
    const context = {
      clientAddress,
      asOf: Infinity,
      mode,
      error: (error: Parameters<ErrorListener>[0]) => onError(error, clientAddress),
      shutdown: () => undefined,
    };
    const result = executePacket(this, data, context, (reply) => replies.push(reply));
    if (!(result instanceof OscDecodeError)) return result;
    onError(result, clientAddress);
    return undefined;
  }
}
