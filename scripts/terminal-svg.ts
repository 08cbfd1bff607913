// Draws what a program has written to a terminal, with its SGR codes, as SVG.

/** A terminal: its title, and its lines as they were written. */
export interface Terminal {
  readonly title: string;
  readonly lines: readonly string[];
}

interface Run {
  readonly text: string;
  /** Where it begins, in characters from the left. */
  readonly column: number;
  readonly codes: ReadonlySet<number>;
}

const FONT_SIZE = 14;
const COLUMN = FONT_SIZE * 0.6;
const LINE = 21;
const MARGIN = 18;
const BAR = 30;
const GAP = 14;
const BACKGROUND = "#0d1117";
const BAR_COLOR = "#1c232d";
const PLAIN = "#d6dde6";
/** By SGR code. */
const COLORS: Readonly<Record<number, string>> = { 2: "#8b97a5", 31: "#ff7b72", 32: "#56d364", 33: "#e3b341", 36: "#39c5cf" };
const BOLD = 1;

/** One picture of several terminals, one below the other, as wide as their longest line. */
export function drawTerminals(terminals: readonly Terminal[], description: string): string {
  const columns = Math.max(...terminals.flatMap(({ lines }) => lines.map((line) => widthOf(runsOf(line)))));
  const width = Math.ceil(columns * COLUMN) + 2 * MARGIN;
  let top = 0;
  const drawn = terminals.map((terminal) => {
    const at = top;
    top += heightOf(terminal) + GAP;
    return drawTerminal(terminal, at, width);
  });
  const height = top - GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(description)}</title>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT_SIZE}" fill="${PLAIN}">`,
    ...drawn,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function heightOf({ lines }: Terminal): number {
  return BAR + 2 * MARGIN + LINE * lines.length - (LINE - FONT_SIZE);
}

function drawTerminal(terminal: Terminal, top: number, width: number): string {
  const { title, lines } = terminal;
  const height = heightOf(terminal);
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (color, index) => `<circle cx="${18 + index * 18}" cy="${top + BAR / 2}" r="5.5" fill="${color}"/>`,
  );
  return [
    `<rect y="${top}" width="${width}" height="${height}" rx="10" fill="${BACKGROUND}"/>`,
    `<path d="M0 ${top + BAR}v${10 - BAR}a10 10 0 0 1 10-10h${width - 20}a10 10 0 0 1 10 10v${BAR - 10}z" fill="${BAR_COLOR}"/>`,
    ...dots,
    `<text x="${width / 2}" y="${top + 20}" text-anchor="middle" fill="${COLORS[2]}" font-size="12">${escaped(title)}</text>`,
    ...lines.map((line, index) => drawLine(line, top + BAR + MARGIN + FONT_SIZE - 3 + index * LINE)),
  ].join("\n");
}

/** Each run has its own place and length, so that columns are straight whatever font there is. */
function drawLine(line: string, y: number): string {
  return runsOf(line)
    .map(({ text, column, codes }) => {
      const color = [...codes].map((code) => COLORS[code]).find((found) => found !== undefined);
      const look = `${color === undefined ? "" : ` fill="${color}"`}${codes.has(BOLD) ? ' font-weight="bold"' : ""}`;
      const place = `x="${(MARGIN + column * COLUMN).toFixed(1)}" y="${y}" textLength="${(text.length * COLUMN).toFixed(1)}"`;
      return `<text ${place}${look}>${escaped(text)}</text>`;
    })
    .join("");
}

/** The parts of a line that look alike, without the spaces around them and without several in a row, which SVG would make one. */
function runsOf(line: string): Run[] {
  const runs: Run[] = [];
  let codes = new Set<number>();
  let column = 0;
  // oxlint-disable-next-line no-control-regex -- with ESC begins what changes the look
  for (const [index, part] of line.split(/\u001b\[([\d;]*)m/).entries()) {
    if (index % 2 === 1) {
      const changes = part.split(";").map(Number);
      codes = changes.includes(0) ? new Set() : new Set([...codes, ...changes]);
    } else if (part !== "") {
      for (const { 0: text, index: at } of part.matchAll(/\S+(?: \S+)*/g)) runs.push({ text, column: column + at, codes });
      column += part.length;
    }
  }
  return runs;
}

function widthOf(runs: readonly Run[]): number {
  const last = runs.at(-1);
  return last === undefined ? 0 : last.column + last.text.length;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
