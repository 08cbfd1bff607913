import { OscBundle, type OscPacket, type TimeTag } from "../codec/index.ts";
import { trustedBundle } from "../codec/packet.ts";
import { OscDispatchError } from "../errors.ts";
import { boolean, describe, type OptionChecks, readOptions } from "../options.ts";
import { isLater } from "./bundle-time.ts";
import type { HandlerContext, HandlerResult } from "./handler.ts";

/** The context of a bundle handler. */
export interface BundleContext extends Pick<HandlerContext, "clientAddress" | "reply" | "shutdown"> {
  /** The time tag of the bundle. */
  readonly timeTag: TimeTag;
}

/** A handler of whole bundles. Its return value is sent to the client, as with other handlers. */
export type BundleHandler = (bundle: OscBundle, context: BundleContext) => HandlerResult | PromiseLike<HandlerResult>;

/** Options of {@link Dispatcher.onBundle}. */
export interface BundleOptions {
  /** True: the bundle's messages don't invoke their own handlers. Default false. */
  readonly only?: boolean | undefined;
}

/** A bundle handler with its options. */
export interface MappedBundleHandler {
  readonly callback: BundleHandler;
  readonly only: boolean;
}

/** Stands for the address in errors. */
export const BUNDLE_NAME = "#bundle";

export const NO_BUNDLE_HANDLERS: readonly MappedBundleHandler[] = /* @__PURE__ */ Object.freeze([]);

const CHECKS = { only: boolean(false) } satisfies OptionChecks<BundleOptions>;

/**
 * @throws OscDispatchError `OSC_BAD_HANDLER` if `callback` isn't a function; OscServerError `OSC_OPTION` for bad options
 */
export function mappedBundleHandler(callback: BundleHandler, options: BundleOptions | undefined): MappedBundleHandler {
  if (typeof callback !== "function") {
    throw new OscDispatchError("OSC_BAD_HANDLER", `The handler of bundles must be a function; got ${describe(callback)}.`, BUNDLE_NAME);
  }
  return { callback, only: readOptions("onBundle", options, CHECKS).only };
}

/**
 * The bundle without nested bundles that are due later, which are handled separately at their time. Returns the same bundle if there are
 * none.
 */
export function withoutLater(bundle: OscBundle, asOf: number): OscBundle {
  const due: OscPacket[] = [];
  let isSame = true;
  for (const element of bundle.elements) {
    if (element instanceof OscBundle && isLater(element.timeTag, asOf)) {
      isSame = false;
      continue;
    }
    const kept = element instanceof OscBundle ? withoutLater(element, asOf) : element;
    isSame &&= kept === element;
    due.push(kept);
  }
  return isSame ? bundle : trustedBundle(due, bundle.timeTag, bundle.errors, undefined);
}
