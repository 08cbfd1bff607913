import { deepStrictEqual, strictEqual } from "node:assert";
import { AddressSpace, compilePattern, isPattern } from "../../src/address/index.ts";
import { OscDispatchError } from "../../src/errors.ts";
import { naiveCapture, naiveMatch } from "../address/reference.ts";
import { vectors } from "../codec/support.ts";
import type { Target } from "./fuzzer.ts";
import type { Random } from "./random.ts";

interface AddressInput {
  readonly pattern: string;
  readonly mapped: readonly string[];
}

const PIECES = [..."abc/*?[]{}!-, 🎵", "//", "**", "[a-c]", "[!b]", "{a,b}", "{ab,a,}", "{,}", "/a", "/b", "\ud83c", "*/", "[", "{"];
const LITERALS = [..."abc/🎵-]} ", "/a", "/b", "/ab"];
const seeds = vectors<{ pattern: string; address: string }>("patterns").filter(
  ({ pattern, address }) => pattern.length + address.length < 24,
);
/** The plain reading tries everything, so only short ones can be read plainly. */
const LONGEST = 14;
const MOST_WILDCARDS = 5;

/** Patterns of messages and mapped addresses, against the plain reading of the rules. */
export const addressTarget: Target<AddressInput> = { name: "address", generate, check };

function generate(random: Random, kept: readonly AddressInput[]): AddressInput {
  if (kept.length > 0 && random.oneIn(4)) {
    const { pattern, mapped } = random.pick(kept);
    return random.oneIn(2)
      ? { pattern: changed(random, pattern), mapped }
      : { pattern, mapped: mapped.map((text) => changed(random, text)) };
  }
  const seed = random.pick(seeds);
  const pattern = random.oneIn(3) ? seed.pattern : anyText(random, PIECES);
  const literals = random.several(3, () => anyText(random, LITERALS));
  const wildcards = random.several(3, () => (random.oneIn(3) ? pattern : anyText(random, PIECES)));
  return { pattern, mapped: [...literals, ...wildcards, random.oneIn(2) ? seed.address : changed(random, pattern)] };
}

function anyText(random: Random, pieces: readonly string[]): string {
  const text = random.several(9, () => random.pick(pieces)).join("");
  return random.oneIn(20) ? text : `/${text}`;
}

function changed(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const taken = random.below(3);
  return text.slice(0, at) + (random.oneIn(3) ? "" : random.pick(PIECES)) + text.slice(at + taken);
}

function check({ pattern, mapped }: AddressInput): string {
  const compiled = compilePattern(pattern);
  const space = new AddressSpace<number>();
  const good = mapped.filter((address, index) => add(space, address, index));
  const found = space.find(pattern);
  deepStrictEqual(space.find(pattern), found, "the second time something else was found");
  for (const address of mapped) compareMatch(compiled.problem !== undefined, pattern, address);
  if (isPlain(pattern) && mapped.every(isPlain)) {
    const expected = mapped.flatMap((address, value) => {
      const captures = good.includes(address) ? expectedCaptures(pattern, address, compiled.problem !== undefined) : undefined;
      return captures === undefined ? [] : [{ value, captures }];
    });
    deepStrictEqual(
      found.map(({ value, captures }) => ({ value, captures })),
      expected,
      "the address space finds something else",
    );
  }
  return `${compiled.problem?.replaceAll(/\d+/g, "")} ${isPattern(pattern)} ${found.length} ${pattern.replaceAll(/[^*?[{\]},/!-]+/g, "a").slice(0, 6)}`;
}

function add(space: AddressSpace<number>, address: string, value: number): boolean {
  try {
    space.add(address, value);
    return true;
  } catch (error) {
    if (error instanceof OscDispatchError && error.code === "OSC_BAD_MAPPED_ADDRESS") return false;
    throw error;
  }
}

function compareMatch(isMalformed: boolean, pattern: string, address: string): void {
  const matches = compilePattern(pattern).matches(address);
  if (isMalformed) strictEqual(matches, false, "a malformed pattern matches");
  else if (isPlain(pattern) && isPlain(address) && address.startsWith("/"))
    strictEqual(matches, naiveMatch(pattern, address), `${pattern} on ${address}`);
}

/** What a mapped address captures of a message's text; undefined where it does not see it. */
function expectedCaptures(pattern: string, mapped: string, isMalformed: boolean): string[] | undefined {
  const isLiteral = !/[*?[{]/.test(mapped);
  const asText = mapped === pattern || (mapped.startsWith("/") && isPattern(pattern) && !isMalformed && naiveMatch(pattern, mapped));
  if (isLiteral) return asText ? [] : undefined;
  return naiveCapture(mapped, pattern) ?? (asText ? (naiveCapture(mapped, mapped) ?? wildcardsOf(mapped)) : undefined);
}

function wildcardsOf(mapped: string): string[] {
  return mapped.match(/\*+|\?|\[[^\]]*\]|\{[^}]*\}/g) ?? [];
}

/** Whether the plain reading can be asked: short, and no half of a character, on which it says nothing. */
function isPlain(text: string): boolean {
  return text.length <= LONGEST && (text.match(/[*?[{]|\/\//g) ?? []).length <= MOST_WILDCARDS && !/\p{Surrogate}/u.test(text);
}
