/**
 * Characters that a terminal or log would interpret, or that are invisible: control characters (C0 and C1, hence escape sequences), line
 * and paragraph separators, bidirectional controls, zero-width and tag characters, lone surrogates. Excludes the two variation selectors of
 * emoji.
 */
const UNSAFE = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Default maximum length for {@link escapeForTerminal}. */
const MAX_SHOWN = 1000;

/**
 * Makes text safe for a terminal or a log. All text from the network passes through here before it is printed.
 *
 * Unsafe characters become `\u` escapes, which don't change the meaning of JSON. Longer text is truncated, with its length appended.
 *
 * @param maxLength maximum number of characters to show; default 1,000, `Infinity` for all
 */
export function escapeForTerminal(text: string, maxLength: number = MAX_SHOWN): string {
  if (text.length <= maxLength) return text.replace(UNSAFE, escapeCharacter);
  return `${text.slice(0, maxLength).replace(UNSAFE, escapeCharacter)}… (${text.length} characters)`;
}

/** Quotes text with JSON escapes: safe to show on a terminal, and parsed back by `splitWords`. */
export function quote(text: string): string {
  return escapeForTerminal(JSON.stringify(text), Infinity);
}

/** Escapes each UTF-16 unit of a character; a character beyond U+FFFF has two. */
function escapeCharacter(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
}
