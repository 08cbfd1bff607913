/**
 * The rules of address patterns written down as plainly as they can be, for tests to compare with: for small, well-formed patterns. It tries
 * everything, but nothing twice, so that its time is bounded.
 */

/** Whether an address pattern matches an address. */
export function naiveMatch(pattern: string, address: string, failed: Set<string> = new Set<string>()): boolean {
  if (pattern === "") return address === "";
  const key = `${pattern.length} ${address.length}`;
  if (failed.has(key)) return false;
  const matches = matchesFirst(pattern, address, failed);
  if (!matches) failed.add(key);
  return matches;
}

function matchesFirst(pattern: string, address: string, failed: Set<string>): boolean {
  if (pattern.startsWith("//")) {
    const rest = pattern.replace(/^\/+/, "");
    return (
      address.startsWith("/") &&
      address.split("").some((character, index) => character === "/" && naiveMatch(rest, address.slice(index + 1), failed))
    );
  }
  const { head, rest } = cut(pattern);
  return naiveTexts(head, address, false).some((text) => naiveMatch(rest, address.slice(text.length), failed));
}

/**
 * What each wildcard of a mapped address takes of a text, the first as little as possible, then the second, and so on; undefined if it
 * doesn't match.
 */
export function naiveCapture(mapped: string, text: string, failed: Set<string> = new Set<string>()): string[] | undefined {
  if (mapped === "") return text === "" ? [] : undefined;
  const key = `${mapped.length} ${text.length}`;
  if (failed.has(key)) return undefined;
  const { head, rest } = cut(mapped);
  // From the shortest to the longest.
  for (const taken of naiveTexts(head, text, true)) {
    const captures = naiveCapture(rest, text.slice(taken.length), failed);
    if (captures !== undefined) return /^[*?[{]/.test(head) ? [taken, ...captures] : captures;
  }
  failed.add(key);
  return undefined;
}

/** A pattern's first element, and what follows it. */
function cut(pattern: string): { head: string; rest: string } {
  const head = /^(?:\*+|\[[^\]]*\]|\{[^}]*\}|[^])/u.exec(pattern)![0];
  return { head, rest: pattern.slice(head.length) };
}

/** The texts at the beginning of `text` that one element can take. */
function naiveTexts(head: string, text: string, starTakesSlash: boolean): string[] {
  const beginnings = [""];
  for (const character of text) beginnings.push((beginnings.at(-1) ?? "") + character);
  return beginnings.filter((beginning) => {
    if (head.startsWith("*")) return starTakesSlash || !beginning.includes("/");
    if (head.startsWith("{")) return head.slice(1, -1).split(",").includes(beginning);
    if (Array.from(beginning).length !== 1) return false;
    if (head === "?") return beginning !== "/";
    if (head.startsWith("[!")) return beginning !== "/" && !isIn(head.slice(2, -1), beginning);
    if (head.startsWith("[")) return beginning !== "/" && isIn(head.slice(1, -1), beginning);
    return beginning === head;
  });
}

/** The ranges of code points that the text between `[` (or `[!`) and `]` stands for. */
export function ranges(body: string): [first: number, last: number][] {
  const codes = Array.from(body, (character) => character.codePointAt(0)!);
  const result: [number, number][] = [];
  for (let index = 0; index < codes.length; index += 1) {
    const isRange = codes[index + 1] === "-".charCodeAt(0) && index + 2 < codes.length;
    result.push([codes[index]!, codes[isRange ? index + 2 : index]!]);
    if (isRange) index += 2;
  }
  return result.filter(([first, last]) => first <= last);
}

function isIn(body: string, character: string): boolean {
  const code = character.codePointAt(0)!;
  return ranges(body).some(([first, last]) => first <= code && code <= last);
}
