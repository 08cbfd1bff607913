import { copyOf } from "../copy-bytes.ts";
import type { Libc } from "./libc.ts";

/** Room for an address of either family. */
export const ADDRESS_ROOM = 32;
/** So many datagrams come in by one call. */
export const BATCH_SIZE = 64;
/** Room for the largest datagram. */
const DATA_ROOM = 65_536;

/** `struct mmsghdr`, on 64-bit systems: a `msghdr` and how many bytes came. */
export const HEADER_SIZE = 64;
export const NAME = 0;
export const NAME_SIZE = 8;
export const PARTS = 16;
export const PARTS_COUNT = 24;
const DATA_SIZE = 56;
/** `struct iovec` */
export const PART_SIZE = 16;

const MSG_DONTWAIT = 0x40;
const MSG_WAITFORONE = 0x1_0000;

const PARTS_START = BATCH_SIZE * HEADER_SIZE;
const NAMES_START = PARTS_START + BATCH_SIZE * PART_SIZE;
const DATA_START = NAMES_START + BATCH_SIZE * ADDRESS_ROOM;

/** Memory into which `recvmmsg` writes datagrams, laid out as it wants it. */
export class MessageBatch {
  /** All of the memory. */
  readonly bytes: Uint8Array = new Uint8Array(DATA_START + BATCH_SIZE * DATA_ROOM);
  readonly #libc: Libc;
  readonly #words = new Uint32Array(this.bytes.buffer, 0, DATA_START / 4);
  readonly #pointer: bigint;
  /** How many headers the last call changed. */
  #used = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#pointer = libc.addressOf(this.bytes);
    const pointers = new BigUint64Array(this.bytes.buffer, 0, DATA_START / 8);
    for (let index = 0; index < BATCH_SIZE; index += 1) {
      const header = (index * HEADER_SIZE) / 8;
      const part = PARTS_START + index * PART_SIZE;
      pointers[header + NAME / 8] = this.#pointer + BigInt(NAMES_START + index * ADDRESS_ROOM);
      this.#words[header * 2 + NAME_SIZE / 4] = ADDRESS_ROOM;
      pointers[header + PARTS / 8] = this.#pointer + BigInt(part);
      pointers[header + PARTS_COUNT / 8] = 1n;
      pointers[part / 8] = this.#pointer + BigInt(DATA_START + index * DATA_ROOM);
      pointers[part / 8 + 1] = BigInt(DATA_ROOM);
    }
  }

  /**
   * Receives what is there, and where that is nothing, waits for it or does not.
   *
   * @param most how many datagrams, at most {@link BATCH_SIZE}
   * @returns how many came; none where there were none, or where a signal ended the waiting
   * @throws an error of the system, with its `code`
   */
  receive(fd: number, most: number, mode: "wait" | "look"): number {
    for (let index = 0; index < this.#used; index += 1) this.#words[(index * HEADER_SIZE + NAME_SIZE) / 4] = ADDRESS_ROOM;
    this.#used = 0;
    const count = this.#libc.recvmmsg(fd, this.#pointer, most, mode === "wait" ? MSG_WAITFORONE : MSG_DONTWAIT, null);
    if (count < 0) {
      const code = this.#libc.errorCode();
      if (code === "EAGAIN" || code === "EINTR") return 0;
      throw Object.assign(new Error(code), { code });
    }
    this.#used = count;
    return count;
  }

  /** The bytes of a datagram that came, until the next call. */
  data(index: number): Uint8Array {
    const start = DATA_START + index * DATA_ROOM;
    return this.bytes.subarray(start, start + this.#dataSize(index));
  }

  /** The bytes of a datagram that came, as a copy. */
  copy(index: number): Uint8Array {
    return copyOf(this.bytes, DATA_START + index * DATA_ROOM, this.#dataSize(index));
  }

  /** Where it came from, as a `sockaddr`, until the next call. */
  sender(index: number): Uint8Array {
    const start = this.senderStart(index);
    return this.bytes.subarray(start, start + this.senderSize(index));
  }

  /** Where in {@link bytes} that lies. */
  senderStart(index: number): number {
    return NAMES_START + index * ADDRESS_ROOM;
  }

  senderSize(index: number): number {
    return this.#words[(index * HEADER_SIZE + NAME_SIZE) / 4] ?? 0;
  }

  #dataSize(index: number): number {
    return this.#words[(index * HEADER_SIZE + DATA_SIZE) / 4] ?? 0;
  }
}
