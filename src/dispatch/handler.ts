import type { OscArgument, OscBundle, OscMessage, OscValue, TimeTag } from "../codec/index.ts";
import { OscDispatchError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { bad, boolean, type CheckedOptions, checkString, describe, type OptionChecks, optionError, readOptions } from "../options.ts";

/**
 * A handler's reply to the client that sent the message:
 *
 * - an address, for a message without arguments: `"/done"`;
 * - an address and its arguments: `["/volume", 0.5]`. Each element after the address is one argument, so a nested array is an OSC array:
 *   `["/point", [1, 2]]` has one argument, `["/point", 1, 2]` has two;
 * - a whole message or bundle.
 */
export type OscReply = string | readonly [address: string, ...args: OscArgument[]] | OscMessage | OscBundle;

/** A handler's return value: a reply, or nothing. */
export type HandlerResult = OscReply | null | undefined | void;

/**
 * The arguments that a handler expects. The types aren't checked: a message from the network may have other or fewer arguments, and is
 * passed on anyway.
 */
export type HandlerArguments = readonly (OscValue | undefined)[];

/** A handler mapped without options: called with the message's address, then its arguments. */
export type MessageHandler<Args extends readonly unknown[] = readonly OscValue[]> = (
  address: string,
  ...args: Args
) => HandlerResult | PromiseLike<HandlerResult>;

/** A handler mapped with `needsReplyAddress`: called with the sender's address, then like {@link MessageHandler}. */
export type ReplyAddressHandler<Args extends readonly unknown[] = readonly OscValue[]> = (
  clientAddress: NetAddress,
  address: string,
  ...args: Args
) => HandlerResult | PromiseLike<HandlerResult>;

/** A handler mapped with `needsContext`: called with the context of the call, then like {@link MessageHandler}. */
export type ContextHandler<Args extends readonly unknown[] = readonly OscValue[]> = (
  context: HandlerContext,
  address: string,
  ...args: Args
) => HandlerResult | PromiseLike<HandlerResult>;

/** Any function that can be mapped, whatever its parameters are. */
export type HandlerCallback = (...parameters: never[]) => unknown;

/** The context passed to a handler mapped with `needsContext`. */
export interface HandlerContext {
  /** The sender of the message, and the destination of replies. */
  readonly clientAddress: NetAddress;
  /** The message, with its type tag string and the faults found by the decoder. */
  readonly message: OscMessage;
  /** What the wildcards of the mapped address matched, in order. Empty if it has none, and for the default handler. */
  readonly captures: readonly string[];
  /** The time tag of the innermost bundle that contained the message; `null` outside any bundle. */
  readonly timeTag: TimeTag | null;
  /**
   * Sends a reply to the client immediately, in any form that a handler may return. May be called any number of times, even after the
   * handler has returned, as long as the server runs and the client is connected. A process of a forking server ends with its packet, so it
   * can't reply later.
   *
   * Never throws: an invalid reply, or one that can't be sent, is reported as `OSC_BAD_REPLY`, as for return values.
   */
  readonly reply: (value: HandlerResult) => void;
  /** Ends the serving loop of the server that runs the handler. Does nothing without a server. */
  readonly shutdown: () => void;
}

/** Selects the first parameter of a handler. At most one of the two may be true. */
export interface HandlerOptions {
  /** True: the handler's first parameter is the client's address. Default false. */
  readonly needsReplyAddress?: boolean | undefined;
  /** True: the handler's first parameter is a {@link HandlerContext}. Default false. */
  readonly needsContext?: boolean | undefined;
}

/** How a function is mapped. */
export interface MapOptions extends HandlerOptions {
  /**
   * Fixed arguments: an array (possibly empty) passed to the handler as one parameter, between the address and the message's arguments.
   * Default: no such parameter.
   */
  readonly args?: readonly unknown[] | undefined;
}

/** Fixed arguments of a handler. The first form makes TypeScript infer `["left", 3]` as a pair. */
export type FixedArguments = readonly [unknown, ...unknown[]] | readonly unknown[];

/** Options of a handler whose first parameter is the address. */
export interface AddressFirst {
  /** Not set, or false. */
  readonly needsReplyAddress?: false | undefined;
  /** Not set, or false. */
  readonly needsContext?: false | undefined;
}

/** Options of a handler whose first parameter is the client's address. */
export interface ReplyAddressFirst {
  /** The handler's first parameter is the client's address. */
  readonly needsReplyAddress: true;
  /** Not set, or false. */
  readonly needsContext?: false | undefined;
}

/** Options of a handler whose first parameter is its context. */
export interface ContextFirst {
  /** Not set, or false. */
  readonly needsReplyAddress?: false | undefined;
  /** The handler's first parameter is a {@link HandlerContext}. */
  readonly needsContext: true;
}

/** Options of a handler without fixed arguments. */
export interface WithoutArguments {
  /** Not set. */
  readonly args?: undefined;
}

/** Options of a handler with fixed arguments. */
export interface WithArguments<Fixed> {
  /** The fixed arguments, passed to the handler as one parameter after the address. */
  readonly args: Fixed;
}

const HANDLER_CHECKS = { needsReplyAddress: boolean(false), needsContext: boolean(false) } satisfies OptionChecks<HandlerOptions>;
const MAP_CHECKS = /* @__PURE__ */ (() => ({ ...HANDLER_CHECKS, args: fixedArguments }) satisfies OptionChecks<MapOptions>)();

/** Copied, so that later changes by the caller don't affect the handler. */
function fixedArguments(value: unknown, name: string): readonly unknown[] | undefined {
  if (value === undefined || Array.isArray(value)) return value?.slice();
  throw bad(name, "an array", value);
}

/** Checks the arguments of a message before calling a described handler. */
export type ArgumentCheck = (message: OscMessage, client: NetAddress) => readonly OscValue[];

/**
 * A mapped function, as returned by {@link Dispatcher.map} and accepted by {@link Dispatcher.unmap}.
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
  /** For a described method: returns the arguments to call it with, or throws an OscRejectedError. @internal */
  check: ArgumentCheck | null;

  /**
   * Created by {@link Dispatcher.map}; not meant to be called directly.
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

  /** Moves the handler after its method was renamed. @internal */
  moveTo(address: string, check: ArgumentCheck): void {
    this.#address = address;
    this.check = check;
  }

  /**
   * Whether `callback` and `options` would create the same handler. Fixed arguments are compared one by one with `Object.is`.
   *
   * @throws OscDispatchError and OscServerError like {@link Dispatcher.map}
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
  // python-osc accepts fixed arguments as further parameters, and they must not be ignored silently.
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
