/**
 * Everything that a terminal or a log would act on, or that can't be seen: control characters (C0, C1, so escape sequences too), line and
 * paragraph separators, bidirectional controls, zero-width and tag characters, lone surrogates. Not the two variation selectors of emoji.
 */
const UNSAFE = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** How many characters {@link escapeForTerminal} shows unless it is told otherwise. */
const MAX_SHOWN = 1000;

/**
 * Makes text safe for a terminal or a log. Everything that came from the network passes through here before it is printed.
 *
 * Characters that aren't safe become `\u` escapes, which inside JSON leave it the same JSON. A longer text is cut, with its length at the end.
 *
 * @param maxLength how many characters are shown at most; default 1,000, `Infinity` for all
 */
export function escapeForTerminal(text: string, maxLength: number = MAX_SHOWN): string {
  if (text.length <= maxLength) return text.replace(UNSAFE, escapeCharacter);
  return `${text.slice(0, maxLength).replace(UNSAFE, escapeCharacter)}… (${text.length} characters)`;
}

/** Text in double quotes, with the escapes of JSON: safe to show on a terminal, read back by `splitWords`. */
export function quote(text: string): string {
  return escapeForTerminal(JSON.stringify(text), Infinity);
}

/** The UTF-16 units of a character as escapes: those of a character beyond U+FFFF are two. */
function escapeCharacter(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
}
