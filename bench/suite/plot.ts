import type { Plot } from "./report.ts";

const WIDTH = 640;
const HEIGHT = 380;
const LEFT = 70;
const RIGHT = 130;
const TOP = 40;
const BOTTOM = 50;
/** Colours that people who see fewer of them can tell apart (Okabe and Ito). */
const COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"];
const DECADES = ["1", "10", "100", "1k", "10k", "100k", "1M", "10M", "100M", "1G"];

/** A plot with two logarithmic axes, as SVG. */
export function drawPlot({ title, x, y, lines }: Plot): string {
  const points = lines.flatMap((line) => line.points);
  const across = scale(
    points.map(([at]) => at),
    LEFT,
    WIDTH - RIGHT,
  );
  const up = scale(
    points.map(([, cost]) => cost),
    HEIGHT - BOTTOM,
    TOP,
  );
  const text = (left: number, top: number, content: string, more = ""): string =>
    `<text x="${left.toFixed(1)}" y="${top.toFixed(1)}" ${more}>${content.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;
  const vertical = across.decades.map((decade) => {
    const at = across.place(10 ** decade).toFixed(1);
    return `<path d="M${at} ${TOP}V${HEIGHT - BOTTOM}" stroke="#ddd"/>${text(Number(at), HEIGHT - BOTTOM + 18, DECADES[decade] ?? "", 'text-anchor="middle"')}`;
  });
  const horizontal = up.decades.map((decade) => {
    const at = up.place(10 ** decade).toFixed(1);
    return `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#ddd"/>${text(LEFT - 8, Number(at) + 4, DECADES[decade] ?? "", 'text-anchor="end"')}`;
  });
  const ends = spread(lines.map((line) => up.place(line.points.at(-1)?.[1] ?? 1)));
  const drawn = lines.map(({ name, points: own }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? "black";
    const path = own.map(([at, cost], i) => `${i === 0 ? "M" : "L"}${across.place(at).toFixed(1)} ${up.place(cost).toFixed(1)}`).join("");
    const strength = name.startsWith("oscine") ? 3 : 1.5;
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${strength}"/>${text(WIDTH - RIGHT + 8, (ends[index] ?? 0) + 4, name, `fill="${colour}"`)}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${title}: ${y} over ${x}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(LEFT, 22, title, 'font-size="14" font-weight="bold"'),
    ...vertical,
    ...horizontal,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x, 'text-anchor="middle"'),
    text(20, (TOP + HEIGHT - BOTTOM) / 2, y, 'text-anchor="middle"'),
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

interface Scale {
  readonly decades: readonly number[];
  place(value: number): number;
}

/** Whole powers of ten around the values, from `first` to `last`. */
function scale(values: readonly number[], first: number, last: number): Scale {
  const least = Math.floor(Math.log10(Math.min(...values)));
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    decades: Array.from({ length: most - least + 1 }, (_, index) => least + index),
    place: (value) => first + ((Math.log10(value) - least) / (most - least)) * (last - first),
  };
}

/** Moves names that would lie over each other apart. */
function spread(places: readonly number[]): number[] {
  const ordered = [...places.entries()].toSorted(([, a], [, b]) => a - b);
  const moved = [...places];
  let above = -Infinity;
  for (const [index, place] of ordered) {
    above = Math.max(place, above + 14);
    moved[index] = above;
  }
  return moved;
}
