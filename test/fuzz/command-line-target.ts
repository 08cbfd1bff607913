import { strictEqual } from "node:assert";
import { readMessage } from "../../src/text/arguments.ts";
import { readLine } from "../../src/text/arguments.ts";
import { escapeForTerminal } from "../../src/text/escape.ts";
import { readSendOptions } from "../../src/cli/send.ts";
import { parseUrl } from "../../src/cli/endpoint.ts";
import { UsageError } from "../../src/text/usage-error.ts";
import { shellWords } from "../../src/text/arguments.ts";
import { encode } from "../../src/codec/index.ts";
import { OscEncodeError } from "../../src/errors.ts";
import type { Target } from "./fuzzer.ts";
import type { Random } from "./random.ts";

type Words = readonly string[];

const PIECES = [
  ...'/,@"\\{}[]#:+-= \t\u0000\u001b\u009b\ufffd🎵\ud83c',
  ...'/x|,if|,[|,]|,T[s]|,b|,t|,c|,r|,m|,h|@now|@immediately|+1s|"a"|1|-1|1e99|nan|inf|0x|#ff0000|hex:|base64:|file:|true|nil'.split("|"),
  ...":9000|osc.udp://|osc.tcp://|[::1]|?framing=1.0|--|--file|--json|--bundle|--at|--numbers|--proto|--rate|--repeat|--wait|--count".split(
    "|",
  ),
  ...'{"address":"/x"|"types"|"args":[|]}|"elements":[|"timetag":|null|12:00:00.000|99999999999999999999|-9223372036854775808|\\u0000'.split(
    "|",
  ),
];

/** Words of a command line and lines of text: each gives packets, or one line that is safe for a terminal. */
export const commandLineTarget: Target<Words> = {
  name: "command-line",
  generate: (random: Random, kept) => {
    const words = kept.length > 0 && random.oneIn(2) ? [...random.pick(kept)] : random.several(6, () => word(random));
    const at = random.below(words.length + 1);
    if (random.oneIn(2)) words.splice(at, random.below(2), word(random));
    return words;
  },
  check: (words) => {
    const ways = [
      () => encode(readMessage(shellWords(words))),
      () => readPacketOf(words),
      () => readPacketOf(["/x", ...words]),
      () => encodeLine(words.join(" ")),
      () => encodeLine(words.join("")),
      () => parseUrl(words.join("")),
    ];
    return ways.map(outcome).join("|");
  },
};

function word(random: Random): string {
  return random.several(3, () => random.pick(PIECES)).join("");
}

function readPacketOf(words: Words): void {
  const { source } = readSendOptions([":9000", ...words]);
  if (source.kind === "words") encode(source.packet());
}

function encodeLine(line: string): void {
  const packet = readLine(line);
  if (packet !== null) encode(packet);
}

/** The beginning of what was said, which tells one complaint from another. */
function outcome(run: () => unknown): string {
  try {
    run();
    return "";
  } catch (error) {
    if (error instanceof OscEncodeError) return error.code;
    if (!(error instanceof UsageError)) throw error;
    strictEqual(escapeForTerminal(error.message), error.message, "a terminal would act on this");
    return error.message.replaceAll(/"[^"]*"|[^a-zA-Z ]/g, "").slice(0, 16);
  }
}
