/** Holds what people read to the language of the project: plain English, short lines, short sentences. */
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MAX_LINE = 120;
const MAX_WORDS = 40;

/** Phrases that read like a translation, and what to write instead. */
const HABITS: readonly (readonly [RegExp, string])[] = [
  [
    /, for (?:it|they|there|this|that|these|those|we|you|he|nobody|nothing|most|Node)\b(?! (?:to|one|reason|purpose|case|and)\b)/,
    "because, since",
  ],
  [/(?<!\b[Tt]here )\b(?:is|are|was|were) no (?!longer\b|more\b|less\b|fewer\b|different\b|sooner\b|need\b)/, "isn't a, has no"],
  [/(?<!\b[Tt]here )\b(?:is|are|was|were) none\b/, "isn't one"],
  [/\b(?:in case|for the case|in the case) that\b/, "if"],
  [/\b(?:sent|received|arrives?|comes?|served|reached|talks?|speaks?) by (?:UDP|TCP|WebSocket)\b/, "over UDP"],
  [/\bfor ever\b/, "forever"],
  [/\bmend(?:s|ed|ing)?\b/, "fix"],
  [/\d (?:[a-z]+ )?a second\b/, "per second"],
  [/\bthere and back\b/, "round trip"],
  [/\bcommented hex/, "annotated hex dump"],
  [/\bso many (?!that\b)/, "n, that many"],
  [/\b[Ii]n doubt\b/, "if you aren't sure"],
  [/\bha(?:s|ve) time\b/, "waits"],
  [
    /(?:^|[.;:] )(?:In that case )?[Ww]here (?:it|they|there|a|an|no|nobody|nothing|one|only|Node|koffi|you|neither|both) [a-z]+[^.?]*, /,
    "if",
  ],
  [/\bwithout a word\b/, "silently"],
  [/\b(?:road|crossing|doorbell|warden|zygote|stand-in|passage)s?\b/i, "the field's own word"],
];

interface Passage {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

function* lines(file: string, text: string): Generator<Passage> {
  for (const [index, line] of text.split("\n").entries()) yield { file, line: index + 1, text: line };
}

/** The lines of a page that aren't code. */
function* prose(file: string, text: string): Generator<Passage> {
  let fence = "";
  for (const passage of lines(file, text)) {
    const mark = /^ *(```+|~~~+)/.exec(passage.text)?.[1];
    if (fence === "" && mark !== undefined) fence = mark;
    else if (fence !== "" && mark?.startsWith(fence) === true) fence = "";
    else if (fence === "" && !/^ {4}(?! *[-*\d])|^<!--/.test(passage.text)) yield passage;
  }
}

/** Paragraphs, list items and table cells, each in one piece. */
function* paragraphs(file: string, text: string): Generator<Passage> {
  let open: { readonly line: number; readonly text: string } | null = null as { readonly line: number; readonly text: string } | null;
  for (const { line, text: raw } of prose(file, text)) {
    const starts = raw.trim() === "" || /^ *(?:[-*+>|#]|\d+\.) ?/.test(raw);
    if (open !== null && starts) {
      yield { file, ...open };
      open = null;
    }
    if (raw.startsWith("|")) for (const cell of raw.split("|")) yield { file, line, text: cell };
    else if (raw.trim() !== "") open = { line: open?.line ?? line, text: `${open?.text ?? ""} ${raw.trim()}`.trim() };
  }
  if (open !== null) yield { file, ...open };
}

/** What was released stays as it was written. */
function unreleased(file: string, text: string): string {
  return file === "CHANGELOG.md" ? (text.split(/^## (?!Unreleased)/m)[0] ?? "") : text;
}

function filesIn(folder: string, name: RegExp, { deep = true } = {}): { file: string; text: string }[] {
  return readdirSync(ROOT + folder, { recursive: deep, encoding: "utf8" })
    .map((file) => (folder === "." ? file : `${folder}/${file}`))
    .filter((file) => name.test(file))
    .toSorted()
    .map((file) => ({ file, text: readFileSync(ROOT + file, "utf8") }));
}

const PAGES = [...filesIn(".", /\.md$/, { deep: false }), ...filesIn("docs", /\.md$/), ...filesIn("examples", /\.md$/)].map(
  ({ file, text }) => ({
    file,
    text: unreleased(file, text),
  }),
);
const SOURCES = [...filesIn("src", /\.(?:ts|html)$/), ...filesIn("examples", /\.(?:ts|js|mjs)$/)];
const TITLES = filesIn("test", /\.test\.ts$|\/shared\/.*\.ts$/).map(({ file, text }) => ({
  file,
  text: text.replaceAll(/^(?!\s*(?:test|it|describe)\b).*$/gm, ""),
}));

function habits(passages: Iterable<Passage>): string[] {
  const found: string[] = [];
  for (const { file, line, text } of passages) {
    const words = text.replaceAll(/`[^`]*`/g, "`code`");
    for (const [pattern, better] of HABITS) {
      const match = pattern.exec(words);
      if (match !== null) found.push(`${file}:${line}: “${match[0].trim()}” — write: ${better}`);
    }
  }
  return found;
}

test("pages and the changelog avoid phrases that read like a translation", () => {
  expect(habits(PAGES.flatMap(({ file, text }) => [...paragraphs(file, text)]))).toEqual([]);
});

test("comments and messages avoid phrases that read like a translation", () => {
  expect(habits(SOURCES.flatMap(({ file, text }) => [...lines(file, text)]))).toEqual([]);
});

test("titles of tests avoid phrases that read like a translation", () => {
  expect(habits(TITLES.flatMap(({ file, text }) => [...lines(file, text)]))).toEqual([]);
});

test("lines of pages fit into 120 columns", () => {
  const long = PAGES.flatMap(({ file, text }) => [...prose(file, text)])
    .filter(({ text }) => [...text].length > MAX_LINE && !/^ *\||^!?\[[^\]]*\]\(\S+\)$/.test(text))
    .map(({ file, line }) => `${file}:${line}`);
  expect(long).toEqual([]);
});

test("sentences of README and guides have at most 40 words", () => {
  const long: string[] = [];
  for (const { file, text } of PAGES.filter(({ file }) => file === "README.md" || file.startsWith("docs/"))) {
    for (const { line, text: paragraph } of paragraphs(file, text)) {
      const plain = paragraph.replaceAll(/`[^`]*`/g, "code").replaceAll(/\]\([^)]*\)/g, "]");
      for (const sentence of plain.split(/[.?!:;](?= |$)/)) {
        const words = sentence.split(/\s+/).filter((word) => /\w/.test(word)).length;
        if (words > MAX_WORDS) long.push(`${file}:${line}: ${words} words: ${sentence.trim().slice(0, 60)}…`);
      }
    }
  }
  expect(long).toEqual([]);
});

test("the phrases are recognised", () => {
  const bad = [
    "A copy, for it would be kept",
    "That is no packet",
    "it is none",
    "sent by UDP",
    "for ever",
    "20 messages a second",
    "Where there is a worker, it runs",
    "so many bytes",
  ];
  expect(bad.filter((text) => habits([{ file: "", line: 0, text }]).length === 0)).toEqual([]);
  const good = [
    "There is no server",
    "it is no longer there",
    "so many that it fails",
    "Where it listens.",
    "Wait for it, for that reason",
  ];
  expect(habits(good.map((text) => ({ file: "", line: 0, text })))).toEqual([]);
});
