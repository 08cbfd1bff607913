import { addressTarget } from "./address-target.ts";
import { commandLineTarget } from "./command-line-target.ts";
import { decodeTarget } from "./decode-target.ts";
import { framingTarget } from "./framing-target.ts";
import type { Target } from "./fuzzer.ts";
import { recordingTarget } from "./recording-target.ts";
import { replyTarget } from "./reply-target.ts";

/** Everything that is fuzzed. Each takes back the inputs that it made. */
export const targets: readonly Target<unknown>[] = [
  decodeTarget,
  framingTarget,
  addressTarget,
  commandLineTarget,
  recordingTarget,
  replyTarget,
] as Target<unknown>[];
