import type { OscArgument, OscBundle, OscMessage, OscValue, TimeTag } from "../codec/index.ts";
import { OscDispatchError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { bad, boolean, type CheckedOptions, checkString, describe, type OptionChecks, optionError, readOptions } from "../options.ts";

/**
 * What a handler may reply with, to the client that sent the message:
 *
 * - an address, for a message without arguments: `"/done"`;
 * - an address and its arguments: `["/volume", 0.5]`. Every further element is one argument, so an array among them is an
 *   OSC array: `["/point", [1, 2]]` has one argument, `["/point", 1, 2]` has two;
 * - a whole message or bundle.
 */
export type OscReply = string | readonly [address: string, ...args: OscArgument[]] | OscMessage | OscBundle;

/** What a handler returns: a reply, or nothing. */
export type HandlerResult = OscReply | null | undefined | void;

/**
 * The arguments that a handler may expect. The types are the handler's own statement: a message from the network may hold others, or
 * fewer, and is passed on all the same.
 */
export type HandlerArguments = readonly (OscValue | undefined)[];

/** A handler as `map` takes it without further options: the message's own address, then its arguments. */
export type MessageHandler<Args extends readonly unknown[] = readonly OscValue[]> = (
  address: string,
  ...args: Args
) => HandlerResult | PromiseLike<HandlerResult>;

/** A handler mapped with `needsReplyAddress`: where the message came from, then as {@link MessageHandler}. */
export type ReplyAddressHandler<Args extends readonly unknown[] = readonly OscValue[]> = (
  clientAddress: NetAddress,
  address: string,
  ...args: Args
) => HandlerResult | PromiseLike<HandlerResult>;

/** A handler mapped with `needsContext`: all that is known about the call, then as {@link MessageHandler}. */
export type ContextHandler<Args extends readonly unknown[] = readonly OscValue[]> = (
  context: HandlerContext,
  address: string,
  ...args: Args
) => HandlerResult | PromiseLike<HandlerResult>;

/** Any function that can be mapped, whatever its parameters are. */
export type HandlerCallback = (...parameters: never[]) => unknown;

/** What a handler mapped with `needsContext` is told and can do. */
export interface HandlerContext {
  /** Where the message came from, and where replies go. */
  readonly clientAddress: NetAddress;
  /** The message, with its type tag string and what the decoder found wrong with it. */
  readonly message: OscMessage;
  /** What the wildcards of the mapped address matched, in their order. Empty if it has none, and for the default handler. */
  readonly captures: readonly string[];
  /** The time tag of the bundle that held the message, the innermost of nested ones; `null` outside any bundle. */
  readonly timeTag: TimeTag | null;
  /**
   * Sends a reply to the client at once, in every form that a handler may return. May be called any number of times, also after the handler
   * has returned, as long as the server runs and the client is connected. A process of a forking server ends with its packet, and so can't
   * reply later.
   *
   * Never throws: what isn't a reply, or can't be sent, is reported as `OSC_BAD_REPLY`, like what the handler returns.
   */
  readonly reply: (value: HandlerResult) => void;
  /** Ends the serving loop of the server that runs the handler, whatever kind of server it is. Does nothing without one. */
  readonly shutdown: () => void;
}

/** Which first parameter a handler is called with. At most one of the two may be true. */
export interface HandlerOptions {
  /** True: the handler's first parameter is the client's address. Default false. */
  readonly needsReplyAddress?: boolean | undefined;
  /** True: the handler's first parameter is a {@link HandlerContext}. Default false. */
  readonly needsContext?: boolean | undefined;
}

/** How a function is mapped. */
export interface MapOptions extends HandlerOptions {
  /**
   * Fixed arguments: an array, even an empty one, that is passed to the handler as one parameter, after the address and before the message's
   * arguments. Default: none, and then there is no such parameter.
   */
  readonly args?: readonly unknown[] | undefined;
}

/** Fixed arguments of a handler. The first form makes TypeScript see `["left", 3]` as a pair. */
export type FixedArguments = readonly [unknown, ...unknown[]] | readonly unknown[];

/** The options of a handler that is called with the address first. */
export interface AddressFirst {
  /** Not set, or false. */
  readonly needsReplyAddress?: false | undefined;
  /** Not set, or false. */
  readonly needsContext?: false | undefined;
}

/** The options of a handler that is called with the client's address first. */
export interface ReplyAddressFirst {
  /** The handler's first parameter is the client's address. */
  readonly needsReplyAddress: true;
  /** Not set, or false. */
  readonly needsContext?: false | undefined;
}

/** The options of a handler that is called with its context first. */
export interface ContextFirst {
  /** Not set, or false. */
  readonly needsReplyAddress?: false | undefined;
  /** The handler's first parameter is a {@link HandlerContext}. */
  readonly needsContext: true;
}

/** The options of a handler without fixed arguments. */
export interface WithoutArguments {
  /** Not set. */
  readonly args?: undefined;
}

/** The options of a handler with fixed arguments. */
export interface WithArguments<Fixed> {
  /** The fixed arguments, which the handler gets as one parameter after the address. */
  readonly args: Fixed;
}

const HANDLER_CHECKS = { needsReplyAddress: boolean(false), needsContext: boolean(false) } satisfies OptionChecks<HandlerOptions>;
const MAP_CHECKS = /* @__PURE__ */ (() => ({ ...HANDLER_CHECKS, args: fixedArguments }) satisfies OptionChecks<MapOptions>)();

/** A copy, so that the caller's later changes don't reach the handler. */
function fixedArguments(value: unknown, name: string): readonly unknown[] | undefined {
  if (value === undefined || Array.isArray(value)) return value?.slice();
  throw bad(name, "an array", value);
}

/** Checks the arguments of a message before a handler with a description is called. */
export type ArgumentCheck = (message: OscMessage, client: NetAddress) => readonly OscValue[];

/**
 * A mapped function, as {@link Dispatcher.map} returns it and {@link Dispatcher.unmap} takes it.
 *
 * @example
 * const handler = dispatcher.map("/gain", (address, gain) => console.log(address, gain));
 * dispatcher.unmap("/gain", handler);
 */
export class Handler {
  #address: string | null;
  /** The function that was mapped. */
  readonly callback: HandlerCallback;
  /** The fixed arguments, or `null` if none were given. */
  readonly args: readonly unknown[] | null;
  /** True if the function's first parameter is the client's address. */
  readonly needsReplyAddress: boolean;
  /** True if the function's first parameter is a {@link HandlerContext}. */
  readonly needsContext: boolean;
  /** For a method with a description: gives the arguments to call it with, or throws an OscRejectedError. @internal */
  check: ArgumentCheck | null;

  /**
   * Made by {@link Dispatcher.map}, rather than by hand.
   *
   * @throws OscDispatchError `OSC_BAD_HANDLER` if `callback` isn't a function or the options contradict each other; OscServerError
   * `OSC_OPTION` for options that aren't {@link MapOptions}
   */
  constructor(address: string | null, callback: HandlerCallback, options?: MapOptions, check: ArgumentCheck | null = null) {
    if (address !== null) checkString("A mapped address", address);
    if (check !== null && typeof check !== "function") throw bad("check", "a function or null", check);
    if (typeof callback !== "function") {
      const name = address === null ? "The default handler" : `The handler of ${JSON.stringify(address)}`;
      throw new OscDispatchError("OSC_BAD_HANDLER", `${name} must be a function; got ${describe(callback)}.`, address ?? "");
    }
    const { args, needsReplyAddress, needsContext } = readMapOptions(address, options);
    if (needsReplyAddress && needsContext) {
      throw new OscDispatchError(
        "OSC_BAD_HANDLER",
        `Set needsReplyAddress or needsContext for ${address ?? "the default handler"}, not both: the context has the client's address.`,
        address ?? "",
      );
    }
    this.#address = address;
    this.callback = callback;
    this.args = args ?? null;
    this.needsReplyAddress = needsReplyAddress;
    this.needsContext = needsContext;
    this.check = check;
  }

  /** The mapped address; `null` for the default handler. */
  get address(): string | null {
    return this.#address;
  }

  /** Its method was renamed. @internal */
  moveTo(address: string, check: ArgumentCheck): void {
    this.#address = address;
    this.check = check;
  }

  /**
   * Whether `callback` and `options` would make the same handler. Fixed arguments are compared one by one with `Object.is`.
   *
   * @throws OscDispatchError and OscServerError as {@link Dispatcher.map}
   */
  isMadeOf(callback: HandlerCallback, options?: MapOptions): boolean {
    const other = new Handler(this.address, callback, options);
    return (
      this.callback === callback &&
      this.needsReplyAddress === other.needsReplyAddress &&
      this.needsContext === other.needsContext &&
      hasSameElements(this.args, other.args)
    );
  }
}

const NO_OPTIONS: CheckedOptions<typeof MAP_CHECKS> = { needsReplyAddress: false, needsContext: false, args: undefined };

function readMapOptions(address: string | null, options: unknown): CheckedOptions<typeof MAP_CHECKS> {
  if (options === undefined) return NO_OPTIONS;
  if (address === null) return { ...readOptions("setDefaultHandler", options, HANDLER_CHECKS), args: undefined };
  // python-osc takes fixed arguments as further parameters, and what is passed like that must not vanish.
  if (options !== undefined && (typeof options !== "object" || options === null || Array.isArray(options))) {
    const shown = typeof options === "string" ? JSON.stringify(options) : "value";
    throw optionError(`The options of map must be an object; got ${describe(options)}. Pass fixed arguments as { args: [${shown}] }.`);
  }
  return readOptions("map", options, MAP_CHECKS);
}

function hasSameElements(left: readonly unknown[] | null, right: readonly unknown[] | null): boolean {
  if (left === null || right === null) return left === right;
  return left.length === right.length && left.every((element, index) => Object.is(element, right[index]));
}
