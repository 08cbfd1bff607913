/** Which rows of a list are to be seen. */
export interface ScrollRange {
  /** The first row to draw. */
  readonly first: number;
  /** The row after the last to draw. */
  readonly end: number;
}

/** Rows drawn above and below what is seen, so that nothing is blank while the list moves. */
const MARGIN = 4;

/** Which of `count` rows of one height a part of that height shows, `top` pixels from the beginning. */
export function scrollRange(top: number, height: number, rowHeight: number, count: number): ScrollRange {
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight) - MARGIN));
  const end = Math.max(first, Math.min(count, Math.ceil((top + height) / rowHeight) + MARGIN));
  return { first, end };
}

/** Where to scroll to so that a row is seen whole; null where it is already. */
export function scrollToShow(row: number, top: number, height: number, rowHeight: number): number | null {
  const rowTop = row * rowHeight;
  if (rowTop < top) return rowTop;
  if (rowTop + rowHeight > top + height) return rowTop + rowHeight - height;
  return null;
}
