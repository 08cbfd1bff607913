import type { Libc } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

/** From so many datagrams in a millisecond on, a pause may pay. */
const QUICK = 100;
/** A call that brought more than this finds more at once, without a pause. */
const FEW = 32;
/** A pause that brought less than this did not pay: who sends waits for something, such as a reply. */
const WORTH = 8;
/** So long nothing is tried again then. */
const REST_MS = 50;
/** The system makes an eighth of a millisecond of it (its timers are that coarse): what comes in it is a batch, and nobody notices the delay. */
const PAUSE_MS = 0.05;
/** What comes in several pauses has room in such a buffer, at a million small datagrams a second. */
const LEAST_BUFFER = 256 * 1024;

const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/**
 * Lets datagrams gather in the system's buffer before a thread that blocks receives them, where they come quickly.
 *
 * A thread that sleeps in a call of the system is woken by the first datagram, and the call brings that one: at 300,000 a second 1.7 on the
 * average, and the sender pays for each waking. After a pause a call brings some 35, for about two thirds of the processor time; where they
 * come ten at a time in any case, that is nine tenths. Where datagrams come slowly, there is no pause.
 */
export class Gathering {
  readonly #isAllowed: boolean;
  /** Since when, and how many datagrams have come since: a millisecond at a time. */
  #since = 0;
  #count = 0;
  #isQuick = false;
  #last = 0;
  #paused = false;
  #restUntil = 0;

  /** @param fd the socket */
  constructor(libc: Libc, fd: number) {
    this.#isAllowed = bufferSize(libc, fd) >= LEAST_BUFFER;
  }

  /** Before a call that waits for datagrams: pauses where that pays. */
  pause(): void {
    this.#paused = this.#isQuick && this.#last <= FEW && performance.now() >= this.#restUntil;
    if (this.#paused) Atomics.wait(nobody, 0, 0, PAUSE_MS);
  }

  /** After that call: so many datagrams came, which are given back. */
  came(count: number): number {
    const now = performance.now();
    if (this.#paused && count < WORTH) this.#restUntil = now + REST_MS;
    this.#paused = false;
    this.#last = count;
    this.#count += count;
    const took = now - this.#since;
    if (took >= 1) {
      this.#isQuick = this.#isAllowed && this.#count >= QUICK * took;
      this.#since = now;
      this.#count = 0;
    }
    return count;
  }
}

/** What the system really gave. */
function bufferSize(libc: Libc, fd: number): number {
  const size = new Int32Array(1);
  libc.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, new Uint8Array(size.buffer), new Uint8Array(Uint32Array.of(size.byteLength).buffer));
  return size[0] ?? 0;
}
