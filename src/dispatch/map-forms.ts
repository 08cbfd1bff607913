/**
 * The forms in which a function is mapped, by which TypeScript knows what the function is called with. Together they are
 * {@link MapOptions}, which is the type to use where the form is not known.
 */

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
