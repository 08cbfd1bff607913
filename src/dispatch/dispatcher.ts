import { AddressSpace, type KnownAddress } from "../address/index.ts";
import type { OscPacket, OscValue } from "../codec/index.ts";
import { OscDecodeError, OscDispatchError } from "../errors.ts";
import { type ArgumentsOf, type MethodDescription, Namespace } from "../namespace/index.ts";
import type { NetAddress } from "../net-address.ts";
import { bad, boolean, callback, checkString, describe, nearest, type OptionChecks, optionError, readOptions } from "../options.ts";
import {
  type BundleHandler,
  type BundleOptions,
  BUNDLE_NAME,
  type MappedBundleHandler,
  mappedBundleHandler,
  NO_BUNDLE_HANDLERS,
} from "./bundle-handlers.ts";
import { handlePacket, type ExecutionResult, type HandlerMatch } from "./execute.ts";
import { encodeReply, packetOf } from "./reply.ts";
import {
  type AddressFirst,
  type ArgumentCheck,
  type ContextFirst,
  type ContextHandler,
  type FixedArguments,
  Handler,
  type HandlerArguments,
  type HandlerCallback,
  type HandlerContext,
  type HandlerOptions,
  type HandlerResult,
  type MapOptions,
  type MessageHandler,
  type ReplyAddressFirst,
  type ReplyAddressHandler,
  type WithArguments,
  type WithoutArguments,
} from "./handler.ts";
import { type ErrorListener, reportToConsole } from "./reporter.ts";

/** Options of a {@link Dispatcher}. */
export interface DispatcherOptions {
  /**
   * True: servers hold a bundle dated in the future until its time. False: they handle it on arrival, which helps if senders' clocks are
   * wrong. Default true.
   */
  readonly strictTiming?: boolean | undefined;
  /**
   * Maximum work per packet, so that no packet holds up all others. Comparing an address with a pattern counts 1, and so does each handler
   * call; each match of a new pattern counts 20 more. When a packet reaches the limit, its remaining messages are dropped and reported. A
   * single message is always handled. Default 100,000: a few milliseconds.
   */
  readonly maxWork?: number | undefined;
}

/** Options of {@link Dispatcher.callHandlersForPacket}. */
export interface CallOptions {
  /** Called with every error: decoder faults, handlers that throw, bad replies. Default: prints to stderr. */
  readonly onError?: ErrorListener | undefined;
}

const CHECKS = { strictTiming: boolean(true), maxWork: positiveNumber } satisfies OptionChecks<DispatcherOptions>;
const CALL_CHECKS = { onError: callback<ErrorListener>() } satisfies OptionChecks<CallOptions>;

/** Not necessarily an integer: `Infinity` turns the limit off. */
function positiveNumber(value: unknown, name: string): number {
  if (value === undefined) return 100_000;
  if (typeof value === "number" && value > 0) return value;
  throw bad(name, "a number above 0", value);
}

/** The arguments of a described handler: the validator's output, or as given by its type tags. */
type DescribedArguments<Types extends string, Checked extends readonly unknown[]> =
  // Not NoInfer, which hides from the compiler that the arguments are a tuple: handlers couldn't omit trailing arguments.
  [Checked] extends [infer Given extends readonly unknown[]] ? (readonly unknown[] extends Given ? ArgumentsOf<Types> : Given) : never;

/** What handles packets. */
interface PacketFunctions {
  readonly handlePacket: typeof handlePacket;
  readonly encodeReply: typeof encodeReply;
}

const FUNCTIONS: PacketFunctions = { handlePacket, encodeReply };
const NO_CAPTURES: readonly string[] = /* @__PURE__ */ Object.freeze([]);
const NO_MATCHES: readonly HandlerMatch[] = /* @__PURE__ */ Object.freeze([]);

/**
 * Maps OSC addresses to functions, and calls them with the messages that arrive.
 *
 * A mapped address may contain wildcards: `*` matches any run of characters, `/` included, so `"/some/address*"` matches everything that
 * starts with `/some/address`; `?`, `[…]` and `{…}` work as in OSC 1.0, "OSC Address Patterns". The addresses of messages are patterns too,
 * but there `*` stops at a `/`. A message invokes every matching handler, in the order in which they were mapped.
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
  #bundleHandlers = NO_BUNDLE_HANDLERS;
  #frozenBecause: string | null = null;
  #namespace: Namespace | null = null;

  /** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name */
  constructor(options?: DispatcherOptions) {
    const { strictTiming, maxWork } = readOptions("Dispatcher", options, CHECKS);
    this.strictTiming = strictTiming;
    this.maxWork = maxWork;
  }

  /**
   * Maps an address to a function. The function is called with the address of the message and its arguments. Fixed arguments from `options`
   * are passed between the two, as one array. The client's address or a context is passed first, if `options` asks for it.
   *
   * The function's return value is sent to the client: see {@link OscReply}. It may return a promise if the server awaits handlers.
   *
   * @param address an address, or one with wildcards, beginning with `/`
   * @returns the mapping, for {@link unmap}
   * @throws OscDispatchError `OSC_BAD_MAPPED_ADDRESS` for an address that nothing can match, `OSC_BAD_HANDLER` if `fn` isn't a function,
   * `OSC_DISPATCHER_FROZEN` once a server runs the handlers in other threads or processes; OscServerError `OSC_OPTION` for options that
   * aren't {@link MapOptions}
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
  /**
   * Maps an address to a function with a description: the types and ranges of its arguments, its purpose. The types of the function's
   * parameters are inferred from the description. A message with other arguments is rejected (`stats().rejected.arguments`) for this
   * function only; other handlers are still called. The last arguments become the method's value in {@link namespace}.
   *
   * @throws the same errors as without a description; `OSC_BAD_MAPPED_ADDRESS` also for an address with wildcards; OscServerError
   *   `OSC_OPTION` for a bad description
   *
   * @example
   * dispatcher.map("/gain", { types: "f", range: [{ min: 0, max: 1, clip: "both" }], unit: "gain.linear" }, (address, gain) => {
   *   console.log(gain.toFixed(2)); // gain is a number
   * });
   */
  map<const Types extends string = string, const Checked extends readonly unknown[] = ArgumentsOf<Types>>(
    address: string,
    description: MethodDescription<Types, Checked>,
    fn: (address: string, ...args: DescribedArguments<Types, Checked>) => HandlerResult | PromiseLike<HandlerResult>,
    options?: AddressFirst & WithoutArguments,
  ): Handler;
  map<const Types extends string = string, const Checked extends readonly unknown[] = ArgumentsOf<Types>>(
    address: string,
    description: MethodDescription<Types, Checked>,
    fn: (client: NetAddress, address: string, ...args: DescribedArguments<Types, Checked>) => HandlerResult | PromiseLike<HandlerResult>,
    options: ReplyAddressFirst & WithoutArguments,
  ): Handler;
  map<const Types extends string = string, const Checked extends readonly unknown[] = ArgumentsOf<Types>>(
    address: string,
    description: MethodDescription<Types, Checked>,
    fn: (
      context: HandlerContext,
      address: string,
      ...args: DescribedArguments<Types, Checked>
    ) => HandlerResult | PromiseLike<HandlerResult>,
    options: ContextFirst & WithoutArguments,
  ): Handler;
  map(address: string, second: HandlerCallback | MethodDescription, third?: MapOptions | HandlerCallback, options?: MapOptions): Handler {
    this.#refuseIfFrozen(address);
    const isDescribed = typeof second === "object" && second !== null && typeof third === "function";
    if (!isDescribed && options !== undefined) {
      throw optionError(`map accepts an address, a function and options; got ${describe(options)} as another argument.`);
    }
    const handler = isDescribed
      ? new Handler(address, third, options, this.#describe(address, second))
      : new Handler(address, second as HandlerCallback, third as MapOptions | undefined);
    this.#addresses.add(address, handler);
    return handler;
  }

  /**
   * The methods mapped with a description, with their last values. Methods may also be added without a handler. Removing or renaming a
   * method here removes or renames its handlers.
   */
  get namespace(): Namespace {
    this.#namespace ??= new Namespace((change) => {
      if (change.kind === "removed") this.#move(change.address, null);
      else if (change.kind === "renamed") this.#move(change.from, change.address);
    });
    return this.#namespace;
  }

  /**
   * Removes a mapping: the one that {@link map} returned as `handler`, or the earliest one of this address with the same function and
   * options. Fixed arguments are compared one by one with `Object.is`.
   *
   * @throws OscDispatchError `OSC_NOT_MAPPED` if there is none, `OSC_BAD_HANDLER` for neither a handler nor a function,
   * `OSC_DISPATCHER_FROZEN` as for {@link map}; OscServerError `OSC_OPTION` for options that aren't {@link MapOptions}
   */
  unmap(address: string, handler: Handler): void;
  unmap(address: string, fn: HandlerCallback, options?: MapOptions): void;
  unmap(address: string, handlerOrFn: Handler | HandlerCallback, options?: MapOptions): void {
    this.#refuseIfFrozen(address);
    const handler = handlerOrFn instanceof Handler ? handlerOrFn : this.#handlerOf(address, handlerOrFn, options);
    if (handler === undefined || !this.#addresses.remove(address, handler)) {
      throw new OscDispatchError(
        "OSC_NOT_MAPPED",
        `No such handler is mapped at ${describe(address)}. Pass what map returned, or the function and options that map was called with.`,
        address,
      );
    }
    if (handler.check !== null && !this.#addresses.at(address).some(({ check }) => check !== null)) this.namespace.remove(address);
  }

  /**
   * Sets the function to call for every message that no mapped address matches, replacing the previous one; `null` for none.
   *
   * @throws OscDispatchError `OSC_BAD_HANDLER` if `fn` is neither, `OSC_DISPATCHER_FROZEN` as for {@link map}; OscServerError `OSC_OPTION`
   * for options that aren't {@link HandlerOptions}
   */
  setDefaultHandler<Args extends HandlerArguments = readonly OscValue[]>(fn: MessageHandler<Args> | null, options?: AddressFirst): void;
  setDefaultHandler<Args extends HandlerArguments = readonly OscValue[]>(
    fn: ReplyAddressHandler<Args> | null,
    options: ReplyAddressFirst,
  ): void;
  setDefaultHandler<Args extends HandlerArguments = readonly OscValue[]>(fn: ContextHandler<Args> | null, options: ContextFirst): void;
  setDefaultHandler(fn: HandlerCallback | null, options?: HandlerOptions): void {
    this.#refuseIfFrozen("");
    this.#defaultMatches = fn === null ? NO_MATCHES : Object.freeze([{ value: new Handler(null, fn, options), captures: NO_CAPTURES }]);
  }

  /**
   * Calls a function with each bundle that arrives, before the handlers of its messages or, with `only`, instead of them. Nested bundles
   * are passed as part of the outer one, except those dated later, which a server passes separately when they are due. The function's
   * return value is sent to the client.
   *
   * A client's dispatcher receives messages one by one, and so never calls it.
   *
   * @throws OscDispatchError `OSC_BAD_HANDLER` if `fn` isn't a function, `OSC_DISPATCHER_FROZEN` as for {@link map}; OscServerError
   * `OSC_OPTION` for options that aren't {@link BundleOptions}
   *
   * @example
   * dispatcher.onBundle((bundle) => console.log(`${bundle.elements.length} messages at ${bundle.timeTag}`));
   */
  onBundle(fn: BundleHandler, options?: BundleOptions): void {
    this.#refuseIfFrozen(BUNDLE_NAME);
    this.#bundleHandlers = Object.freeze([...this.#bundleHandlers, mappedBundleHandler(fn, options)]);
  }

  /**
   * Undoes the earliest call of {@link onBundle} with this function.
   *
   * @throws OscDispatchError `OSC_NOT_MAPPED` if there is none, `OSC_BAD_HANDLER` and `OSC_DISPATCHER_FROZEN` as for {@link onBundle}
   */
  offBundle(fn: BundleHandler): void {
    this.#refuseIfFrozen(BUNDLE_NAME);
    const { callback } = mappedBundleHandler(fn, undefined);
    const index = this.#bundleHandlers.findIndex((mapped) => mapped.callback === callback);
    if (index === -1) {
      throw new OscDispatchError(
        "OSC_NOT_MAPPED",
        "No such handler of bundles. Pass the function that onBundle was called with.",
        BUNDLE_NAME,
      );
    }
    this.#bundleHandlers = Object.freeze(this.#bundleHandlers.toSpliced(index, 1));
  }

  /** The handlers passed to {@link onBundle}. @internal */
  get bundleHandlers(): readonly MappedBundleHandler[] {
    return this.#bundleHandlers;
  }

  /**
   * The handlers that a message with this address invokes, in order; the default handler if nothing matches.
   *
   * @param pattern the address of a message: an OSC address pattern
   */
  handlersForAddress(pattern: string): readonly Handler[] {
    return this.match(pattern).map((match) => match.value);
  }

  /**
   * The most similar mapped address, as a hint if a message has no handler: a typo away, or another spelling. Compares with every mapped
   * address, so don't call it for every message.
   *
   * @example
   * dispatcher.map("/filter", () => null);
   * dispatcher.nearestAddress("/fliter"); // "/filter"
   */
  nearestAddress(address: string): string | undefined {
    checkString("An address", address);
    return nearest(address, this.#addresses.addresses());
  }

  /** Total work of finding handlers so far; see `maxWork` of {@link DispatcherOptions}. */
  get work(): number {
    return this.#addresses.work;
  }

  /** Like {@link handlersForAddress}, with what the wildcards of each mapped address matched. The array is frozen. */
  match(pattern: string): readonly HandlerMatch[] {
    const found = this.#addresses.find(pattern);
    return found.length > 0 ? found : this.#defaultMatches;
  }

  /** Like {@link match}, for a message whose address is cached by its bytes; `undefined` if it isn't: then use {@link match}. */
  matchBytes(message: Uint8Array): KnownAddress<Handler> | undefined {
    return this.#addresses.findBytes(message);
  }

  /** Caches the bytes of a well-formed message's address for {@link matchBytes}, if the address is mapped. */
  cacheAddress(address: string, message: Uint8Array): void {
    this.#addresses.cacheAddress(address, message);
  }

  /**
   * Calls the handlers of every message of a packet immediately, and returns their replies. Ignores time tags, which only servers schedule.
   *
   * A handler that returns a promise is reported as `OSC_ASYNC_HANDLER`; see {@link asyncCallHandlersForPacket}.
   *
   * @param client the sender of the packet
   * @throws OscServerError `OSC_OPTION` for bad arguments; otherwise only what `onError` throws
   */
  callHandlersForPacket(data: Uint8Array, client: NetAddress, options?: CallOptions): OscPacket[] {
    const replies: OscPacket[] = [];
    void this.#callHandlers(data, client, "sync", options, replies);
    return replies;
  }

  /**
   * Like {@link callHandlersForPacket}, but awaits handlers that return a promise, one after another.
   *
   * @throws (rejects) like {@link callHandlersForPacket}
   */
  async asyncCallHandlersForPacket(data: Uint8Array, client: NetAddress, options?: CallOptions): Promise<OscPacket[]> {
    const replies: OscPacket[] = [];
    await this.#callHandlers(data, client, "async", options, replies);
    return replies;
  }

  /** True once {@link freeze} was called. */
  get frozen(): boolean {
    return this.#frozenBecause !== null;
  }

  /**
   * Makes further calls of `map`, `unmap`, `setDefaultHandler`, `onBundle` and `offBundle` throw `OSC_DISPATCHER_FROZEN`. A server does
   * this if its handlers run in other threads or processes, which wouldn't see changes made here. It can't be undone, and the first reason
   * is kept.
   *
   * @param reason a sentence that says why, for the error's message
   */
  freeze(reason: string): void {
    checkString("The reason", reason);
    this.#frozenBecause ??= reason;
  }

  #describe(address: string, description: MethodDescription): ArgumentCheck {
    this.namespace.add(address, description);
    return this.namespace.receiver(address);
  }

  /** Moves the described handlers of an address with their method. Handlers in other threads and processes can't follow. */
  #move(from: string, to: string | null): void {
    if (this.frozen) return;
    for (const handler of this.#addresses.at(from).filter(({ check }) => check !== null)) {
      this.#addresses.remove(from, handler);
      if (to === null) continue;
      handler.moveTo(to, this.namespace.receiver(to));
      this.#addresses.add(to, handler);
    }
  }

  #handlerOf(address: string, fn: HandlerCallback, options: MapOptions | undefined): Handler | undefined {
    // Created first, so that bad arguments throw even if nothing is mapped there.
    const { callback } = new Handler(address, fn, options);
    return this.#addresses.at(address).find((mapped) => mapped.isMadeOf(callback, options));
  }

  /** Those that know the classes that the handlers use: a program may hold ours twice, if a handlers module is bundled. @internal */
  get functions(): PacketFunctions {
    return FUNCTIONS;
  }

  #refuseIfFrozen(address: string): void {
    if (this.#frozenBecause === null) return;
    throw new OscDispatchError("OSC_DISPATCHER_FROZEN", `The dispatcher can no longer be changed. ${this.#frozenBecause}`, address);
  }

  #callHandlers(
    data: Uint8Array,
    clientAddress: NetAddress,
    mode: "sync" | "async",
    options: CallOptions | undefined,
    replies: OscPacket[],
  ): ExecutionResult | Promise<ExecutionResult> {
    const { onError = reportToConsole } = options === undefined ? {} : readOptions("callHandlersForPacket", options, CALL_CHECKS);
    if (!(data instanceof Uint8Array)) throw optionError(`A packet must be a Uint8Array; got ${describe(data)}.`);
    if (typeof clientAddress?.address !== "string") {
      throw optionError(`The client must be a NetAddress, { address, port, family }; got ${describe(clientAddress)}.`);
    }
    const result = handlePacket(this, data, {
      handling: { mode, shutdown: () => undefined },
      clientAddress,
      asOf: Infinity,
      reply: (reply) => void replies.push(packetOf(reply)),
      error: (error) => onError(error, clientAddress),
    });
    if (!(result instanceof Promise) && result.kind === "rejected") {
      const error = result.explain();
      onError(error.cause instanceof OscDecodeError ? error.cause : error, clientAddress);
    }
    return result;
  }
}

/**
 * Checks that a server or client was given a dispatcher.
 *
 * @param owner the class or function that needs it, for the message
 * @throws OscServerError `OSC_OPTION`
 */
export function checkDispatcher(owner: string, value: unknown): asserts value is Dispatcher {
  if (isDispatcher(value)) return;
  throw optionError(`${owner} needs a Dispatcher: const dispatcher = new Dispatcher(); got ${describe(value)}.`);
}

/** By duck typing, because our classes may be loaded twice: for `import` and for `require`. */
export function isDispatcher(value: unknown): value is Dispatcher {
  if (typeof value !== "object" || value === null) return false;
  const { match, strictTiming } = value as Partial<Dispatcher>;
  return typeof match === "function" && typeof strictTiming === "boolean";
}
