import { readdirSync } from "node:fs";
import type { NetAddress } from "../../net-address.ts";
import { type Libc, checkCall } from "./libc.ts";
import { ADDRESS_ROOM, BATCH_SIZE, HEADER_SIZE, NAME, NAME_SIZE, PARTS, PARTS_COUNT, PART_SIZE } from "./message-batch.ts";
import { AF_INET, AF_INET6, decodeSocketAddress, encodeSocketAddress } from "./socket-address.ts";

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

/** Room for two of the largest datagrams, or for a full batch of middling ones: what goes out by one call. */
const DATA_ROOM = 128 * 1024;
const PARTS_START = BATCH_SIZE * HEADER_SIZE;
const NAME_START = PARTS_START + BATCH_SIZE * PART_SIZE;
const DATA_START = NAME_START + ADDRESS_ROOM;

/** Sends datagrams to one place, many by one call. */
export class OutgoingBatch {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #bytes = new Uint8Array(DATA_START + DATA_ROOM);
  readonly #pointers = new BigUint64Array(this.#bytes.buffer, 0, NAME_START / 8);
  readonly #pointer: bigint;

  private constructor(libc: Libc, fd: number, to: Uint8Array) {
    this.#libc = libc;
    this.#fd = fd;
    this.#pointer = libc.addressOf(this.#bytes);
    this.#bytes.set(to, NAME_START);
    const words = new Uint32Array(this.#bytes.buffer, 0, NAME_START / 4);
    for (let index = 0; index < BATCH_SIZE; index += 1) {
      const header = index * HEADER_SIZE;
      if (to.length > 0) this.#pointers[(header + NAME) / 8] = this.#pointer + BigInt(NAME_START);
      words[(header + NAME_SIZE) / 4] = to.length;
      this.#pointers[(header + PARTS) / 8] = this.#pointer + BigInt(PARTS_START + index * PART_SIZE);
      this.#pointers[(header + PARTS_COUNT) / 8] = 1n;
    }
  }

  /**
   * Over the socket of this process that is bound there, whoever opened it; null where there is none, or where there are several.
   *
   * @param to where to; null for a socket that is connected
   */
  static over(libc: Libc, local: NetAddress, to: { readonly host: string; readonly port: number } | null): OutgoingBatch | null {
    const fds = readdirSync("/proc/self/fd").map(Number);
    const [fd, ...others] = fds.filter((one) => isBoundThere(libc, one, local));
    if (fd === undefined || others.length > 0) return null;
    return new OutgoingBatch(libc, fd, to === null ? new Uint8Array(0) : encodeSocketAddress(libc, to.host, to.port));
  }

  /**
   * Sends packets in their order, as many as one call takes, and does not wait.
   *
   * @param packets each of which a datagram can carry
   * @param from the first one's place among them
   * @param end the place after that of the last
   * @returns how many the system has taken, one at least
   * @throws an error of the system, with its `code`, that struck the first of them
   */
  send(packets: readonly Uint8Array[], from: number, end: number): number {
    const pointers = this.#pointers;
    let count = 0;
    let filled = 0;
    for (let index = from; index < end && count < BATCH_SIZE; index += 1) {
      const packet = packets[index] as Uint8Array;
      if (filled + packet.length > DATA_ROOM) break;
      this.#bytes.set(packet, DATA_START + filled);
      const part = (PARTS_START + count * PART_SIZE) / 8;
      pointers[part] = this.#pointer + BigInt(DATA_START + filled);
      pointers[part + 1] = BigInt(packet.length);
      filled += packet.length;
      count += 1;
    }
    return checkCall(this.#libc, this.#libc.sendmmsg(this.#fd, this.#pointer, count, MSG_DONTWAIT));
  }
}

function isBoundThere(libc: Libc, fd: number, { address, port }: NetAddress): boolean {
  const bytes = new Uint8Array(ADDRESS_ROOM);
  // Most descriptors are no sockets.
  if (libc.getsockname(fd, bytes, new Uint8Array(Uint32Array.of(ADDRESS_ROOM).buffer)) !== 0) return false;
  const family = new DataView(bytes.buffer).getUint16(0, true);
  if (family !== AF_INET && family !== AF_INET6) return false;
  const bound = decodeSocketAddress(libc, bytes);
  if (bound.port !== port || bound.address !== address) return false;
  const type = new Int32Array(1);
  const size = new Uint8Array(Uint32Array.of(Int32Array.BYTES_PER_ELEMENT).buffer);
  return libc.getsockopt(fd, SOL_SOCKET, SO_TYPE, new Uint8Array(type.buffer), size) === 0 && type[0] === SOCK_DGRAM;
}
