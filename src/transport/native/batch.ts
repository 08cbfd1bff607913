import { readdirSync } from "node:fs";
import type { NetAddress } from "../../net-address.ts";
import { EAGAIN, EINTR, type Libc, callError, checkCall } from "./libc.ts";
import { ADDRESS_ROOM, AF_INET, AF_INET6, decodeSocketAddress, encodeSocketAddress } from "./socket-address.ts";

/** How many datagrams one call receives or sends at most. */
export const BATCH_SIZE = 64;
/** Room for the largest datagram. */
const INCOMING_ROOM = 65_536;

/** `struct mmsghdr` on 64-bit systems: a `msghdr`, and how many bytes were received. */
const HEADER_SIZE = 64;
const NAME = 0;
const NAME_SIZE = 8;
const PARTS = 16;
const PARTS_COUNT = 24;
const DATA_SIZE = 56;
/** `struct iovec` */
const PART_SIZE = 16;

const MSG_DONTWAIT = 0x40;
const MSG_WAITFORONE = 0x1_0000;

const PARTS_START = BATCH_SIZE * HEADER_SIZE;
const NAMES_START = PARTS_START + BATCH_SIZE * PART_SIZE;
const DATA_START = NAMES_START + BATCH_SIZE * ADDRESS_ROOM;

/** Memory into which `recvmmsg` writes datagrams. */
export class MessageBatch {
  /** All of the memory. */
  readonly bytes: Uint8Array = new Uint8Array(DATA_START + BATCH_SIZE * INCOMING_ROOM);
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
      pointers[part / 8] = this.#pointer + BigInt(DATA_START + index * INCOMING_ROOM);
      pointers[part / 8 + 1] = BigInt(INCOMING_ROOM);
    }
  }

  /**
   * Receives what is there. If there is nothing, waits for it or returns, as `mode` says.
   *
   * @param most how many datagrams, at most {@link BATCH_SIZE}
   * @returns how many were received; 0 if there were none, or if a signal ended the waiting
   * @throws an error of the system, with its `code`
   */
  receive(fd: number, most: number, mode: "wait" | "look"): number {
    for (let index = 0; index < this.#used; index += 1) this.#words[(index * HEADER_SIZE + NAME_SIZE) / 4] = ADDRESS_ROOM;
    this.#used = 0;
    const count = this.#libc.recvmmsg(fd, this.#pointer, most, mode === "wait" ? MSG_WAITFORONE : MSG_DONTWAIT, null);
    if (count < 0) {
      const error = this.#libc.errno();
      if (error === EAGAIN || error === EINTR) return 0;
      throw callError(error);
    }
    this.#used = count;
    return count;
  }

  /** The bytes of a received datagram, valid until the next call. */
  data(index: number): Uint8Array {
    const start = DATA_START + index * INCOMING_ROOM;
    return this.bytes.subarray(start, start + this.#dataSize(index));
  }

  /** A copy of the bytes of a received datagram. */
  copy(index: number): Uint8Array {
    // Not from Node's pool: a packet that waits would keep alive all that shares its piece of it.
    const start = DATA_START + index * INCOMING_ROOM;
    return this.bytes.slice(start, start + this.#dataSize(index));
  }

  /** Its sender as a `sockaddr`, valid until the next call. */
  sender(index: number): Uint8Array {
    const start = this.senderStart(index);
    return this.bytes.subarray(start, start + this.senderSize(index));
  }

  /** Where that begins in {@link bytes}. */
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

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SOCK_DGRAM = 2;

/** Room for two of the largest datagrams, or for a full batch of medium ones. */
const OUTGOING_ROOM = 128 * 1024;
const TO_START = PARTS_START + BATCH_SIZE * PART_SIZE;
const OUTGOING_START = TO_START + ADDRESS_ROOM;

/** Sends datagrams to one address, many per call. */
export class OutgoingBatch {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #bytes = new Uint8Array(OUTGOING_START + OUTGOING_ROOM);
  readonly #pointers = new BigUint64Array(this.#bytes.buffer, 0, TO_START / 8);
  readonly #pointer: bigint;

  private constructor(libc: Libc, fd: number, to: Uint8Array) {
    this.#libc = libc;
    this.#fd = fd;
    this.#pointer = libc.addressOf(this.#bytes);
    this.#bytes.set(to, TO_START);
    const words = new Uint32Array(this.#bytes.buffer, 0, TO_START / 4);
    for (let index = 0; index < BATCH_SIZE; index += 1) {
      const header = index * HEADER_SIZE;
      if (to.length > 0) this.#pointers[(header + NAME) / 8] = this.#pointer + BigInt(TO_START);
      words[(header + NAME_SIZE) / 4] = to.length;
      this.#pointers[(header + PARTS) / 8] = this.#pointer + BigInt(PARTS_START + index * PART_SIZE);
      this.#pointers[(header + PARTS_COUNT) / 8] = 1n;
    }
  }

  /**
   * Sends over the socket of this process that is bound to that address, whoever opened it. Null if there is none, or more than one.
   *
   * @param to null for a socket that is connected
   */
  static over(libc: Libc, local: NetAddress, to: { readonly host: string; readonly port: number } | null): OutgoingBatch | null {
    const fds = readdirSync("/proc/self/fd").map(Number);
    const [fd, ...others] = fds.filter((one) => isBoundThere(libc, one, local));
    if (fd === undefined || others.length > 0) return null;
    return new OutgoingBatch(libc, fd, to === null ? new Uint8Array(0) : encodeSocketAddress(libc, to.host, to.port));
  }

  /**
   * Sends packets in order, as many as one call takes, without waiting.
   *
   * @param packets each small enough for a datagram
   * @param from the index of the first one to send
   * @param end the index after the last one to send
   * @returns how many the system took, at least one
   * @throws an error of the system, with its `code`, of the first of them
   */
  send(packets: readonly Uint8Array[], from: number, end: number): number {
    const pointers = this.#pointers;
    let count = 0;
    let filled = 0;
    for (let index = from; index < end && count < BATCH_SIZE; index += 1) {
      const packet = packets[index] as Uint8Array;
      if (filled + packet.length > OUTGOING_ROOM) break;
      this.#bytes.set(packet, OUTGOING_START + filled);
      const part = (PARTS_START + count * PART_SIZE) / 8;
      pointers[part] = this.#pointer + BigInt(OUTGOING_START + filled);
      pointers[part + 1] = BigInt(packet.length);
      filled += packet.length;
      count += 1;
    }
    return checkCall(this.#libc, this.#libc.sendmmsg(this.#fd, this.#pointer, count, MSG_DONTWAIT));
  }
}

function isBoundThere(libc: Libc, fd: number, { address, port }: NetAddress): boolean {
  const bytes = new Uint8Array(ADDRESS_ROOM);
  // Most descriptors aren't sockets.
  if (libc.getsockname(fd, bytes, new Uint8Array(Uint32Array.of(ADDRESS_ROOM).buffer)) !== 0) return false;
  const family = new DataView(bytes.buffer).getUint16(0, true);
  if (family !== AF_INET && family !== AF_INET6) return false;
  const bound = decodeSocketAddress(libc, bytes);
  if (bound.port !== port || bound.address !== address) return false;
  const type = new Int32Array(1);
  const size = new Uint8Array(Uint32Array.of(Int32Array.BYTES_PER_ELEMENT).buffer);
  return libc.getsockopt(fd, SOL_SOCKET, SO_TYPE, new Uint8Array(type.buffer), size) === 0 && type[0] === SOCK_DGRAM;
}
