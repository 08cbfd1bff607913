/**
 * The rules of address patterns written down as plainly as they can be, for tests to compare with. It tries everything and may take
 * exponential time: only for small inputs, and only for well-formed patterns.
 */

/** Whether an address pattern matches an address. */
export function naiveMatch(pattern: string, address: string): boolean {
  if (pattern === "") return address === "";
  if (pattern.startsWith("//")) {
    const rest = pattern.replace(/^\/+/, "");
    return (
      address.startsWith("/") &&
      address.split("").some((character, index) => character === "/" && naiveMatch(rest, address.slice(index + 1)))
    );
  }
  const { head, rest } = cut(pattern);
  return naiveTexts(head, address, false).some((text) => naiveMatch(rest, address.slice(text.length)));
}

/** Every way in which a mapped address matches a text: what each wildcard takes. */
export function naiveCaptures(mapped: string, text: string): string[][] {
  if (mapped === "") return text === "" ? [[]] : [];
  const { head, rest } = cut(mapped);
  return naiveTexts(head, text, true).flatMap((taken) =>
    naiveCaptures(rest, text.slice(taken.length)).map((captures) => (/^[*?[{]/.test(head) ? [taken, ...captures] : captures)),
  );
}

/** The way in which the first wildcard takes as little as possible, then the second, and so on. */
export function shortest(ways: readonly string[][]): string[] | undefined {
  return ways.toSorted((a, b) => {
    const index = a.findIndex((text, at) => text.length !== b[at]!.length);
    return index < 0 ? 0 : a[index]!.length - b[index]!.length;
  })[0];
}

/** A pattern's first element, and what follows it. */
function cut(pattern: string): { head: string; rest: string } {
  const head = /^(?:\*+|\[[^\]]*\]|\{[^}]*\}|[^])/u.exec(pattern)![0];
  return { head, rest: pattern.slice(head.length) };
}

/** The texts at the beginning of `text` that one element can take. */
function naiveTexts(head: string, text: string, starTakesSlash: boolean): string[] {
  const beginnings = Array.from({ length: Array.from(text).length + 1 }, (_, count) => Array.from(text).slice(0, count).join(""));
  return beginnings.filter((beginning) => {
    if (head.startsWith("*")) return starTakesSlash || !beginning.includes("/");
    if (head.startsWith("{")) return head.slice(1, -1).split(",").includes(beginning);
    if (Array.from(beginning).length !== 1) return false;
    if (head === "?") return beginning !== "/";
    if (head.startsWith("[!")) return beginning !== "/" && !members(head.slice(2, -1)).has(beginning);
    if (head.startsWith("[")) return beginning !== "/" && members(head.slice(1, -1)).has(beginning);
    return beginning === head;
  });
}

/** The characters that the text between `[` (or `[!`) and `]` stands for. */
export function members(body: string): Set<string> {
  const characters = Array.from(body);
  const result = new Set<string>();
  for (let index = 0; index < characters.length; index += 1) {
    if (characters[index + 1] === "-" && index + 2 < characters.length) {
      for (let code = characters[index]!.codePointAt(0)!; code <= characters[index + 2]!.codePointAt(0)!; code += 1)
        result.add(String.fromCodePoint(code));
      index += 2;
    } else {
      result.add(characters[index]!);
    }
  }
  return result;
}
