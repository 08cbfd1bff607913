// Makes the PNG of a screenshot small: at most 256 colours, which is what a page of plain areas and text needs, and the best compression.
import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE_BYTES = 8;
const MAX_COLORS = 256;
const COLOR_TYPE = { rgb: 2, palette: 3 } as const;

interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each pixel, as one number. */
  readonly pixels: Uint32Array;
}

/** @param png with 8 bits for each of red, green and blue, as browsers make it */
export function smallPng(png: Uint8Array): Uint8Array {
  const { width, height, pixels } = readPng(Buffer.from(png));
  const { palette, indexes } = reduceColors(pixels);
  const rows = Buffer.alloc(height * (width + 1));
  for (let row = 0; row < height; row += 1) rows.set(indexes.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, COLOR_TYPE.palette, 0, 0, 0], 8);
  const colors = Buffer.from(palette.flatMap((color) => [color >> 16, (color >> 8) & 0xff, color & 0xff]));
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    chunk("IHDR", header),
    chunk("PLTE", colors),
    chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The most frequent colours; each other one becomes the nearest of them. */
function reduceColors(pixels: Uint32Array): { palette: readonly number[]; indexes: Uint8Array } {
  const counts = new Map<number, number>();
  for (const color of pixels) counts.set(color, (counts.get(color) ?? 0) + 1);
  const palette = [...counts.keys()].toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0)).slice(0, MAX_COLORS);
  const places = new Map([...counts.keys()].map((color) => [color, nearest(palette, color)]));
  return { palette, indexes: Uint8Array.from(pixels, (color) => places.get(color) ?? 0) };
}

function nearest(palette: readonly number[], color: number): number {
  let best = 0;
  let least = Infinity;
  for (const [index, other] of palette.entries()) {
    const [red, green, blue] = [16, 8, 0].map((shift) => ((color >> shift) & 0xff) - ((other >> shift) & 0xff)) as [number, number, number];
    const distance = red * red + green * green + blue * blue;
    if (distance >= least) continue;
    best = index;
    least = distance;
  }
  return best;
}

function readPng(png: Buffer): Picture {
  let width = 0;
  let height = 0;
  const compressed: Buffer[] = [];
  for (let at = SIGNATURE_BYTES; at < png.length;) {
    const size = png.readUInt32BE(at);
    const kind = png.toString("latin1", at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + size);
    if (kind === "IHDR") {
      width = data.readUInt32BE(0);
      height = data.readUInt32BE(4);
      if (data[8] !== 8 || data[9] !== COLOR_TYPE.rgb) throw new Error("Only PNGs of 8-bit RGB are read.");
    } else if (kind === "IDAT") compressed.push(data);
    at += size + 12;
  }
  return { width, height, pixels: unfilter(inflateSync(Buffer.concat(compressed)), width, height) };
}

/** Undoes the filters of PNG, section 9 of its specification. */
function unfilter(rows: Buffer, width: number, height: number): Uint32Array {
  const size = width * 3;
  const pixels = new Uint32Array(width * height);
  let above = new Uint8Array(size);
  for (let row = 0; row < height; row += 1) {
    const start = row * (size + 1);
    const line = Uint8Array.from(rows.subarray(start + 1, start + 1 + size));
    for (let at = 0; at < size; at += 1) {
      const left = at < 3 ? 0 : line[at - 3]!;
      const corner = at < 3 ? 0 : above[at - 3]!;
      line[at] = line[at]! + predict(rows[start]!, left, above[at]!, corner);
    }
    for (let column = 0; column < width; column += 1) {
      const [red = 0, green = 0, blue = 0] = line.subarray(column * 3, column * 3 + 3);
      pixels[row * width + column] = (red << 16) | (green << 8) | blue;
    }
    above = line;
  }
  return pixels;
}

function predict(filter: number, left: number, above: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return above;
  if (filter === 3) return (left + above) >> 1;
  if (filter !== 4) return 0;
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)] as [
    number,
    number,
    number,
  ];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

function chunk(kind: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([size, body, check]);
}
