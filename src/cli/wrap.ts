/** Style codes, which have no width. */
// oxlint-disable-next-line no-control-regex -- they begin with ESC
const STYLE = /\u001B\[\d+m/g;

/** Minimum width for an option's explanation beside it. */
const LEAST_BESIDE = 24;

/**
 * Wraps lines at spaces. Words that are too long stay whole.
 *
 * @param width in columns
 * @param indent of continuation lines, in columns
 */
export function wrapWords(text: string, width: number, indent: number = 2): string {
  return text
    .split("\n")
    .map((line) => wrapLine(line, width, indent))
    .join("\n");
}

function wrapLine(text: string, width: number, indent: number): string {
  if (lengthOf(text) <= width) return text;
  const [begin = ""] = /^ */.exec(text) ?? [];
  const lines: string[] = [];
  let line = "";
  // Multiple spaces separate table columns, which stay together.
  for (const [part, space = "", word = ""] of text.slice(begin.length).matchAll(/( *)([^ ]+)/g)) {
    if (line === "") line = lines.length === 0 ? begin + part : " ".repeat(begin.length + indent) + word;
    else if (lengthOf(line) + lengthOf(part) <= width) line += space + word;
    else {
      lines.push(line);
      line = " ".repeat(begin.length + indent) + word;
    }
  }
  return [...lines, line].join("\n");
}

function lengthOf(text: string): number {
  return text.replaceAll(STYLE, "").length;
}

/** A table row: the term, and the explanation with its column. */
const ROW = /^( {2,}\S+(?: \S+)*? {2,})(\S.*)$/;

/**
 * Wraps a help text written for 80 columns: its paragraphs, and its rows with an option and an explanation. Usage and examples stay unchanged, because
 * people copy them.
 */
export function wrapHelp(text: string, width: number): string {
  if (text.split("\n").every((line) => line.length <= width)) return text;
  const [, explained = text, examples = ""] = /^(.*?)(\n(?:Examples|Try it in two terminals):\n.*)?$/s.exec(text) ?? [];
  return (
    joinLines(explained.split("\n"))
      .map((line) => wrapHelpLine(line, width))
      .join("\n") + examples
  );
}

/** Joins the lines of each paragraph and each row. */
function joinLines(lines: readonly string[]): string[] {
  const joined: string[] = [];
  let column = 0;
  for (const line of lines) {
    const indent = line.search(/\S/);
    const last = joined.at(-1) ?? "";
    if (/^ *[{"]/.test(line)) column = -1;
    const isMore = indent === column && last !== "" && !/^Usage:|:$/.test(last) && !/^(?:Usage:| +oscine )/.test(line);
    if (isMore && (indent === 0 || indent > 6)) joined[joined.length - 1] = `${last} ${line.trim()}`;
    else {
      joined.push(line);
      const [, head] = ROW.exec(line) ?? [];
      column = head === undefined ? Math.max(0, indent) : head.length;
      // The explanation of an option too long for its column is below it.
      if (/^ {2}-/.test(line) && head === undefined) column = -1;
    }
  }
  return joined;
}

function wrapHelpLine(line: string, width: number): string {
  if (line.startsWith("Usage:") || /^ {7}oscine /.test(line)) return line;
  if (/^ *[{"]/.test(line) || line.length <= width) return line;
  const cells = line.trim().split(/ {2,}/);
  if (cells.length > 2) return cells.map((cell) => `  ${cell}`).join("\n");
  const [, head, explanation = ""] = ROW.exec(line) ?? [];
  if (head === undefined) return wrapWords(line, width, 0);
  if (width - head.length >= LEAST_BESIDE) return wrapWords(line, width, head.length - line.search(/\S/));
  return `${head.trimEnd()}\n${wrapWords(" ".repeat(6) + explanation, width, 0)}`;
}
