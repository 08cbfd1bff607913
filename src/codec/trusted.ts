import type { OscDecodeError } from "../errors.ts";

/** Says to a constructor that its arguments come from the decoder, which has checked them. */
export const TRUSTED: unique symbol = /* @__PURE__ */ Symbol("trusted");

/** The errors of everything that has none. */
export const NO_ERRORS: readonly OscDecodeError[] = /* @__PURE__ */ Object.freeze([]);
