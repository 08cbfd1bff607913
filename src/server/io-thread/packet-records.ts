/** The records that go between an I/O thread and a thread that blocks: how they lie in the rings. Packets go to the threads of a pool the same way. */
import type { MessagePort } from "node:worker_threads";
import type { OscRejectedError } from "../../errors.ts";
import type { NetAddress } from "../../net-address.ts";
import { type PackedError, unpackError } from "../pool/error-transfer.ts";
import type { RingReader, RingWriter } from "./shared-ring.ts";

/** Kinds of records to the blocked thread. */
export const PACKET = 1;
/** A packet whose bytes come over the port because they are too many. */
export const PARCEL = 2;

/** Kinds of records from the blocked thread; each is about the packet that it took last. */
export const REPLY = 1;
/** A reply whose bytes come over the port. */
export const REPLY_PARCEL = 2;
/** Holds how many messages matched no handler. */
export const HANDLED = 3;
/** Rejected where it was to be handled; holds the error as JSON. */
export const REJECTED = 4;
/** An error was reported by the blocked thread, and is to be counted. */
export const HANDLER_ERROR = 5;
export const FAULT = 6;

/** How many bytes a ring holds. The memory is used only as far as it is ever filled. */
export const RING_CAPACITY: number = 1024 * 1024;
/** What is larger goes over the port. A UDP packet never is. */
const LARGEST_IN_RING = RING_CAPACITY / 4;

const FAMILIES = ["IPv4", "IPv6", "unix"] as const satisfies readonly NetAddress["family"][];

/** Where the parts of a packet's payload lie. */
const AS_OF = 0;
const SIZE = 8;
const ID = 12;
/** From here on it is about the client. */
const CLIENT = 16;
const FAMILY = 20;
const ADDRESS_SIZE = 24;
const ADDRESS = 28;

/** The kind of record that holds a packet. */
export function packetKind(data: Uint8Array): typeof PACKET | typeof PARCEL {
  return data.length > LARGEST_IN_RING ? PARCEL : PACKET;
}

/** Writes packets into the ring. */
export class PacketWriter {
  readonly #ring: RingWriter;
  readonly #port: MessagePort | null;
  /** The last client, and what lies in the ring of it. */
  #client: NetAddress | null = null;
  #clientBytes = new Uint8Array(0);

  /** @param port takes packets that are too large for the ring; null if there are none */
  constructor(ring: RingWriter, port: MessagePort | null = null) {
    this.#ring = ring;
    this.#port = port;
  }

  /**
   * @param id tells the packet from others if results come back in another order; a 32-bit integer
   * @returns the record's position, or -1 if the ring has no room
   */
  write(data: Uint8Array, client: NetAddress, asOf: number, id = 0): number {
    const ring = this.#ring;
    if (client !== this.#client) {
      if (this.#client === null || !isSame(client, this.#client)) this.#clientBytes = encodeClient(client);
      this.#client = client;
    }
    const clientBytes = this.#clientBytes;
    const kind = packetKind(data);
    const at = ring.begin(CLIENT + clientBytes.length + (kind === PACKET ? data.length : 0));
    if (at === -1) return -1;
    ring.doubles[(at + AS_OF) / 8] = asOf;
    ring.ints[(at + SIZE) / 4] = data.length;
    ring.ints[(at + ID) / 4] = id;
    ring.bytes.set(clientBytes, at + CLIENT);
    if (kind === PACKET) ring.bytes.set(data, at + CLIENT + clientBytes.length);
    else this.#port?.postMessage(data);
    return ring.publish(kind);
  }
}

function isSame(one: NetAddress, other: NetAddress): boolean {
  return one.port === other.port && one.address === other.address && one.family === other.family;
}

/** A client as it lies in the ring. */
function encodeClient({ address, port, family }: NetAddress): Uint8Array<ArrayBuffer> {
  const addressBytes = new TextEncoder().encode(address);
  const bytes = new Uint8Array(ADDRESS - CLIENT + addressBytes.length);
  new Int32Array(bytes.buffer, 0, (ADDRESS - CLIENT) / 4).set([port, FAMILIES.indexOf(family), addressBytes.length]);
  bytes.set(addressBytes, ADDRESS - CLIENT);
  return bytes;
}

/** Reads packets from the ring. After `next`, its fields tell of the packet. */
export class PacketReader {
  id = 0;
  asOf = 0;
  client: NetAddress = { address: "", port: 0, family: "IPv4" };
  data: Uint8Array = new Uint8Array(0);
  readonly #ring: RingReader;
  readonly #parcel: () => Uint8Array;
  readonly #decoder = new TextDecoder();
  /** The last client's address and what else is known of it, as it lay in the ring. */
  #clientBytes = new Uint8Array(0);

  /** @param parcel takes the bytes that came over the port; may be left out if no packet is too large for the ring */
  constructor(ring: RingReader, parcel: () => Uint8Array = noParcel) {
    this.#ring = ring;
    this.#parcel = parcel;
  }

  /** How far the ring has been read. */
  get position(): number {
    return this.#ring.position;
  }

  /** Takes a packet from the ring; false if there is none. The bytes are a copy. */
  next(): boolean {
    const ring = this.#ring;
    if (!ring.claim()) return false;
    const at = ring.payload;
    const addressEnd = at + ADDRESS + (ring.ints[(at + ADDRESS_SIZE) / 4] ?? 0);
    this.id = ring.ints[(at + ID) / 4] ?? 0;
    this.asOf = ring.doubles[(at + AS_OF) / 8] ?? Infinity;
    this.#readClient(at, addressEnd);
    const size = ring.ints[(at + SIZE) / 4] ?? 0;
    this.data = ring.kind === PARCEL ? this.#parcel() : ring.bytes.slice(addressEnd, addressEnd + size);
    ring.release();
    return true;
  }

  #readClient(at: number, addressEnd: number): void {
    const { bytes, ints } = this.#ring;
    const start = at + CLIENT;
    const known = this.#clientBytes;
    let same = known.length === addressEnd - start;
    for (let index = 0; same && index < known.length; index++) same = known[index] === bytes[start + index];
    if (same) return;
    this.#clientBytes = bytes.slice(start, addressEnd);
    const address = this.#decoder.decode(this.#clientBytes.subarray(ADDRESS - CLIENT));
    const family = FAMILIES[ints[(at + FAMILY) / 4] ?? 0] ?? "IPv4";
    // Handlers of several packets are given the same object.
    this.client = Object.freeze({ address, port: ints[start / 4] ?? 0, family });
  }
}

function noParcel(): never {
  throw new Error("A packet is missing in the ring.");
}

/** Writes what becomes of packets into the ring: all of it is about the packet that was read last. */
export class OutcomeWriter {
  readonly #ring: RingWriter;
  readonly #port: MessagePort;
  readonly #encoder = new TextEncoder();

  constructor(ring: RingWriter, port: MessagePort) {
    this.#ring = ring;
    this.#port = port;
  }

  /** False if the ring has no room. */
  handled(unmatched: number): boolean {
    const ring = this.#ring;
    const at = ring.begin(4);
    if (at === -1) return false;
    ring.ints[at / 4] = unmatched;
    ring.publish(HANDLED);
    return true;
  }

  /** A record that holds nothing but its kind. False if the ring has no room. */
  mark(kind: typeof HANDLER_ERROR | typeof FAULT): boolean {
    if (this.#ring.begin(0) === -1) return false;
    this.#ring.publish(kind);
    return true;
  }

  /** False if the ring has no room. */
  reply(data: Uint8Array): boolean {
    if (data.length <= LARGEST_IN_RING) return this.#write(REPLY, data);
    if (this.#ring.begin(0) === -1) return false;
    this.#port.postMessage(data);
    this.#ring.publish(REPLY_PARCEL);
    return true;
  }

  /** False if the ring has no room. */
  reject(error: PackedError): boolean {
    return this.#write(REJECTED, this.#encoder.encode(JSON.stringify(error)));
  }

  #write(kind: typeof REPLY | typeof REJECTED, data: Uint8Array): boolean {
    const ring = this.#ring;
    const at = ring.begin(4 + data.length);
    if (at === -1) return false;
    ring.ints[at / 4] = data.length;
    ring.bytes.set(data, at + 4);
    ring.publish(kind);
    return true;
  }
}

/** Reads what became of packets. After `next`, `kind` and `data` tell of it. */
export class OutcomeReader {
  kind = 0;
  /** Of a handled packet: how many messages matched no handler. */
  unmatched = 0;
  /** The bytes of a reply; of an error, as JSON. A copy. */
  data: Uint8Array = new Uint8Array(0);
  readonly #ring: RingReader;
  readonly #parcel: () => Uint8Array;

  /** @param parcel takes the bytes that came over the port */
  constructor(ring: RingReader, parcel: () => Uint8Array) {
    this.#ring = ring;
    this.#parcel = parcel;
  }

  /** Goes to the next record; false if there is none. Call `release` when it is dealt with. */
  next(): boolean {
    const ring = this.#ring;
    if (!ring.claim()) return false;
    this.kind = ring.kind;
    if (ring.kind === HANDLED) this.unmatched = ring.ints[ring.payload / 4] ?? 0;
    else if (ring.kind === REPLY || ring.kind === REJECTED) {
      const start = ring.payload + 4;
      this.data = ring.bytes.slice(start, start + (ring.ints[ring.payload / 4] ?? 0));
    } else if (ring.kind === REPLY_PARCEL) {
      this.data = this.#parcel();
    }
    return true;
  }

  release(): void {
    this.#ring.release();
  }

  /** The error that `data` holds. */
  error(): OscRejectedError {
    return unpackError(JSON.parse(new TextDecoder().decode(this.data)) as PackedError) as OscRejectedError;
  }
}
