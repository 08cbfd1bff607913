/** Something that waits in a {@link DeadlineHeap}. */
export interface Waiting {
  /** When it is due. */
  readonly deadline: number;
  /** Its place among those with the same deadline. */
  readonly sequence: number;
}

/** What waits, with the earliest at hand: a binary heap, in which adding and taking cost the logarithm of what it holds. */
export class DeadlineHeap<W extends Waiting> {
  /** The entry at index `i` is not later than those at `2i + 1` and `2i + 2`. */
  #entries: W[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The earliest entry; of those with the same deadline, the one with the lowest sequence. */
  get first(): W | undefined {
    return this.#entries[0];
  }

  add(entry: W): void {
    const entries = this.#entries;
    let hole = entries.length;
    while (hole > 0) {
      const parentIndex = (hole - 1) >> 1;
      const parent = entries[parentIndex] as W;
      if (compare(parent, entry) <= 0) break;
      entries[hole] = parent;
      hole = parentIndex;
    }
    entries[hole] = entry;
  }

  /** Takes the first entry away. */
  removeFirst(): void {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    let hole = 0;
    for (;;) {
      const childIndex = this.#earlierChildOf(hole);
      if (childIndex >= entries.length) break;
      const child = entries[childIndex] as W;
      if (compare(last, child) <= 0) break;
      entries[hole] = child;
      hole = childIndex;
    }
    entries[hole] = last;
  }

  /** Takes everything, in order. */
  removeAll(): W[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries.toSorted(compare);
  }

  /** The index of the earlier of two children; beyond the end where there is none. */
  #earlierChildOf(index: number): number {
    const left = this.#entries[2 * index + 1];
    const right = this.#entries[2 * index + 2];
    return left !== undefined && right !== undefined && compare(right, left) < 0 ? 2 * index + 2 : 2 * index + 1;
  }
}

function compare(left: Waiting, right: Waiting): number {
  return left.deadline - right.deadline || left.sequence - right.sequence;
}
