import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A block of a document. What stands in the comment right above it says what is done with it. */
export interface Block {
  /** As `README.md:12`. */
  readonly name: string;
  readonly language: string;
  readonly code: string;
  /** `<!-- run -->`: a program that ends by itself, or serves until it is ended; the `text` block that follows is what it prints. */
  readonly runs: boolean;
  /** `<!-- file examples/name.ts -->`: that file, but for the comment at its top. */
  readonly file: string | null;
  /** What the program is to print; null where the document does not say. */
  readonly prints: string | null;
}

/** The blocks of code of a page, whose path begins at the root of the project. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), "utf8").replaceAll("\r\n", "\n");
  const fence = /(?:<!-- ([^>]*) -->\n+)?^```(\w*)\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?/gms;
  return [...text.matchAll(fence)].map((match) => {
    const [, mark = "", language = "", code = "", prints] = match;
    const line = text.slice(0, match.index).split("\n").length;
    const file = /^file (\S+)$/.exec(mark)?.[1] ?? null;
    return { name: `${page}:${line}`, language, code, runs: mark === "run", file, prints: prints ?? null };
  });
}
