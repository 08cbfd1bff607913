import type * as Codec from "../../src/codec/index.ts";
import { compiled } from "../suite/compiled.ts";

/** The codec as users run it. */
export const codec: typeof Codec = await compiled<typeof Codec>("codec.js");
