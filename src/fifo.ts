/** After this many consumed slots the rest moves up. */
const SLACK = 1024;

/** First in, first out, also with tens of thousands of items, for which an array's own `shift` is slow. */
export class Fifo<Item> {
  #items: (Item | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** The first one, which stays. */
  peek(): Item | undefined {
    return this.#items[this.#first];
  }

  shift(): Item | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first] = undefined;
    this.#first += 1;
    if (this.#first === this.#items.length) {
      this.clear();
    } else if (this.#first > SLACK && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** The items, oldest first. They stay. */
  toArray(): readonly Item[] {
    return this.#items.slice(this.#first) as Item[];
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }
}
