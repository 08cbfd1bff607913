import type { OscArgument, OscBundle, OscMessage, OscValue, TimeTag } from "../codec/index.ts";
import { OscDispatchError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";

/**
 * What a handler may answer with, for the client that sent the message:
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
 * fewer, and is handed over all the same.
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
  /** What the wildcards of the mapped address matched, in their order. Empty where it has none, and for the default handler. */
  readonly captures: readonly string[];
  /** The time tag of the bundle that held the message, the innermost where bundles are nested; `null` outside any bundle. */
  readonly timeTag: TimeTag | null;
  /**
   * Sends a reply to the client at once, in every form that a handler may return. May be called any number of times, until the handler
   * has returned or its promise has settled; what a later call does depends on whether the server can still reach the client.
   *
   * Never throws: what is no reply, or cannot be sent, is reported as `OSC_BAD_REPLY`, as it is for what the handler returns.
   */
  readonly reply: (value: HandlerResult) => void;
  /** Ends the serving loop of the server that runs the handler, whatever kind of server it is. Does nothing where there is none. */
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
   * Fixed arguments: an array that is handed to the handler as one parameter, after the address and before the message's arguments; an
   * empty array, too. Default: none, and then there is no such parameter.
   */
  readonly args?: readonly unknown[] | undefined;
}

/**
 * A mapped function, as {@link Dispatcher.map} returns it and {@link Dispatcher.unmap} takes it.
 *
 * @example
 * const handler = dispatcher.map("/gain", (address, gain) => console.log(address, gain));
 * dispatcher.unmap("/gain", handler);
 */
export class Handler {
  /** The mapped address; `null` for the default handler. */
  readonly address: string | null;
  /** The function that was mapped. */
  readonly callback: HandlerCallback;
  /** The fixed arguments, or `null` where none were given. */
  readonly args: readonly unknown[] | null;
  /** True where the function's first parameter is the client's address. */
  readonly needsReplyAddress: boolean;
  /** True where the function's first parameter is a {@link HandlerContext}. */
  readonly needsContext: boolean;

  /**
   * Made by {@link Dispatcher.map}, rather than by hand.
   *
   * @throws OscDispatchError `OSC_BAD_HANDLER` where `callback` is no function or the options contradict each other
   */
  constructor(address: string | null, callback: HandlerCallback, options: MapOptions = {}) {
    const name = address ?? "the default handler";
    if (typeof callback !== "function") {
      throw new OscDispatchError("OSC_BAD_HANDLER", `A handler is a function; ${name} was given ${typeof callback}.`, address ?? "");
    }
    if (options.needsReplyAddress === true && options.needsContext === true) {
      throw new OscDispatchError(
        "OSC_BAD_HANDLER",
        `Give ${name} needsReplyAddress or needsContext, not both: the context holds the client's address.`,
        address ?? "",
      );
    }
    this.address = address;
    this.callback = callback;
    this.args = options.args === undefined ? null : [...options.args];
    this.needsReplyAddress = options.needsReplyAddress === true;
    this.needsContext = options.needsContext === true;
  }

  /** True where `callback` and `options` would make the same handler; fixed arguments are compared one by one with `Object.is`. */
  isMadeOf(callback: HandlerCallback, options: MapOptions = {}): boolean {
    return (
      this.callback === callback &&
      this.needsReplyAddress === (options.needsReplyAddress === true) &&
      this.needsContext === (options.needsContext === true) &&
      hasSameElements(this.args, options.args ?? null)
    );
  }
}

function hasSameElements(left: readonly unknown[] | null, right: readonly unknown[] | null): boolean {
  if (left === null || right === null) return left === right;
  return left.length === right.length && left.every((element, index) => Object.is(element, right[index]));
}
