/** First in, first out, also with tens of thousands of items, for which an array's own `shift` is slow. */
export class Fifo<Item extends {}> {
  #items: (Item | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** The first one, or another counted from it, which stays. */
  peek(index: number = 0): Item | undefined {
    return this.#items[this.#first + index];
  }

  shift(): Item | undefined {
    const item = this.#items[this.#first];
    if (item === undefined) return undefined;
    this.#items[this.#first] = undefined;
    this.#first += 1;
    // Moving the rest costs no more than what was taken since the last time.
    if (this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }
}
