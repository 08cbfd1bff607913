import { UsageError } from "./usage-error.ts";

/** One word of a command line or of a line of text. */
export interface Word {
  readonly text: string;
  /** True where it stood in double quotes, so that it is text and never a number. */
  readonly quoted: boolean;
}

/** The words of one line: parted by white space; one that begins with a double quote is a string as JSON writes it. */
export function splitWords(line: string): Word[] {
  const words: Word[] = [];
  const pattern = /\s*(?:("(?:[^"\\]|\\.)*")(?=\s|$)|(\S+))/gsy;
  for (const [, quoted, bare] of line.matchAll(pattern)) {
    words.push(quoted === undefined ? bareWord(bare ?? "") : { text: unquote(quoted), quoted: true });
  }
  return words;
}

/** The words that a shell has parted already. */
export function shellWords(words: readonly string[]): Word[] {
  return words.map((text) => ({ text, quoted: false }));
}

/** The text of a word in double quotes. */
export function unquote(quoted: string): string {
  try {
    const text: unknown = JSON.parse(quoted);
    if (typeof text === "string") return text;
  } catch {
    // Said below.
  }
  throw new UsageError(`${quoted} is not a quoted string. Inside quotes write \\" for a quote and \\\\ for a backslash.`);
}

function bareWord(text: string): Word {
  if (text.startsWith('"')) {
    throw new UsageError(
      `${text} begins with a quote that does not end before a space. Inside quotes write \\" for a quote and \\\\ for a backslash.`,
    );
  }
  return { text, quoted: false };
}
