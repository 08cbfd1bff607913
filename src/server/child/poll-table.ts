const POLLIN = 1;

/** What `poll` waits for: descriptors by their place, of which the last may change its place when one is taken out. */
export class PollTable {
  #entries = new Int32Array(128);
  bytes: Uint8Array = new Uint8Array(this.#entries.buffer);
  size = 0;

  add(fd: number): void {
    if (this.size * 2 === this.#entries.length) this.#grow();
    this.#entries[this.size * 2] = fd;
    this.#entries[this.size * 2 + 1] = POLLIN;
    this.size += 1;
  }

  /** Whether the descriptor at that place can be read, as was found when waiting last. */
  isReadable(index: number): boolean {
    return (this.#entries[index * 2 + 1] ?? 0) >>> 16 !== 0;
  }

  /** Takes one out; the last takes its place. */
  remove(index: number): void {
    this.size -= 1;
    this.#entries.copyWithin(index * 2, this.size * 2, this.size * 2 + 2);
  }

  #grow(): void {
    const entries = new Int32Array(this.#entries.length * 2);
    entries.set(this.#entries);
    this.#entries = entries;
    this.bytes = new Uint8Array(entries.buffer);
  }
}
