/** Mapped addresses: the addresses, with or without wildcards, under which a program maps its handlers. */

import { OscDispatchError } from "../errors.ts";
import { opensWildcard, tokenize } from "./token.ts";
import type { Token } from "./token.ts";
import { TokenSequence } from "./token-sequence.ts";

/**
 * Reads an address to be mapped; undefined for a literal one, which is just its text.
 *
 * In it `*` matches any run of characters, `/` included; `?`, `[…]` and `{…}` do what they do in an address pattern. `//` is two slashes
 * and nothing more (`*` reaches further already). Spaces, `+`, `#`, `,` and stray `]` or `}` are themselves, since real programs send them.
 * To mean one of `*`, `?`, `[` and `{` itself, write it in brackets: `[*]`, `[?]`, `[[]`, `[{]`.
 *
 * @throws {OscDispatchError} `OSC_BAD_MAPPED_ADDRESS` for an address under which no message can ever arrive: one that begins with neither `/`
 * nor `*`, holds a NUL, has a `[` or `{` that is not closed before the next `/`, a set without characters, nested braces, or more than 8
 * braces with an empty alternative.
 */
export function parseMappedAddress(address: string): TokenSequence | undefined {
  if (typeof address !== "string")
    throw refused(String(address), `it is not a string but of type ${typeof address}`, "Pass a string such as /mixer/1/gain.");
  if (!address.startsWith("/") && !address.startsWith("*")) {
    throw refused(address, "it begins with neither / nor *", address === "" ? "Use /* to see every message." : `Write /${address}.`);
  }
  if (address.includes("\0")) throw refused(address, "it holds a NUL, which ends a string in OSC", "Take the NUL out.");
  if (isLiteral(address)) return undefined;
  const { tokens, problem } = tokenize(address);
  if (tokens === undefined) throw refused(address, problem, "Correct it, or write [[] or [{] where the character itself is meant.");
  const hopeless = tokens.find(isHopeless);
  if (hopeless !== undefined)
    throw refused(
      address,
      `${hopeless.source} holds no character, so nothing can match`,
      "Name a character, or a range from the lower to the higher one.",
    );
  return new TokenSequence(tokens);
}

/**
 * Checks an address to be mapped, as `map` and `add` do.
 *
 * @throws {OscDispatchError} `OSC_BAD_MAPPED_ADDRESS` for an address under which no message can ever arrive; the message says why, and what to
 * write instead
 *
 * @example
 * validateMappedAddress("/mixer/*");
 * validateMappedAddress("/mixer/["); // throws OscDispatchError, OSC_BAD_MAPPED_ADDRESS
 */
export function validateMappedAddress(address: string): void {
  parseMappedAddress(address);
}

function isLiteral(address: string): boolean {
  for (let index = 0; index < address.length; index += 1) if (opensWildcard(address.charCodeAt(index))) return false;
  return true;
}

function isHopeless(token: Token): token is Extract<Token, { kind: "set" }> {
  return token.kind === "set" && !token.negated && token.ranges.length === 0;
}

function refused(address: string, reason: string, cure: string): OscDispatchError {
  return new OscDispatchError("OSC_BAD_MAPPED_ADDRESS", `Cannot map ${JSON.stringify(address)}: ${reason}. ${cure}`, address);
}
