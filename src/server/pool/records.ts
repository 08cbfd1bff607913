/** The format of packets and results between a pool and its workers, over a `MessagePort` or a pipe. */
import { OscMessage, decode, encode } from "../../codec/index.ts";
import type { NamespaceMethod } from "../../namespace/index.ts";
import type { NetAddress } from "../../net-address.ts";
import type { Packet } from "../executor.ts";
import type { LateReason } from "../handle.ts";

/*
 * A record: the size of the rest (4 bytes), its kind (1), the id of the packet that it concerns (4), its content. A message or a chunk from a
 * pipe may hold several records.
 */

/** To a worker: a packet to handle. From a worker: a packet to send, with the recipient in place of the sender. */
export const PACKET = 1;
/** To a worker: end once idle. */
export const END = 2;
/** To a fork server: fork a child that allocates and answers, to test whether forking works. */
export const TEST = 3;
/** To a fork server: kill the child with this id. */
export const KILL = 4;
/** To a fork server, which answers with the same record. */
export const PING = 5;

/** From a worker: it is ready for packets. Content: {@link Ready} as JSON. */
export const READY = 16;
/** Content: an encoded packet for the client. */
export const REPLY = 17;
/** An error that doesn't change the packet's result. Content: the packed error as JSON. */
export const REPORT = 18;
/** Content: the number of unmatched messages (4 bytes) and the handlers' run time in milliseconds (float32); empty if both are 0. */
export const HANDLED = 19;
/** Content: the index of the reason in {@link REASONS} (1 byte); for `arguments` also the explanation as text. */
export const REJECTED = 20;
/** A handler asked the server to shut down. */
export const SHUTDOWN = 21;
/** The worker failed and ends. Content: the reason as text. */
export const FAILED = 22;
/** From a fork server: the child with this id has ended. Content: its `waitpid` status (4 bytes). */
export const ENDED = 23;
/** Like {@link REPORT}, but reported only once. */
export const LEFTOVER = 25;
/** The new value of a described method. Content: as for {@link PACKET}, with the value's time and its source as the client. */
export const VALUE = 26;
/** From a blocked thread, which reports errors itself. Content: the name of the counter to increase. */
export const COUNTED = 27;
/** From a fork server: this system can't fork processes. Content: the reason as text. */
export const CANNOT_FORK = 28;
/** From a forked child: a part of a record that is too long for an atomic write. */
export const PART = 24;

export interface Ready {
  /** Whether bundles wait for their time, as the dispatcher says. */
  readonly strictTiming: boolean;
}

/** A packet decoded from a record. */
export interface ReceivedPacket {
  readonly data: Uint8Array;
  readonly client: NetAddress;
  readonly asOf: number;
}

/** A record without its size: its kind, id and content. */
export type RecordBody = Uint8Array;

const SIZE = 4;
const HEAD = 5;
/** Offsets of a packet's fields. */
const AS_OF = HEAD;
/** The client: its port, its family, the size of its address, its address. */
const CLIENT = AS_OF + 8;
const FAMILY = CLIENT + 2;
const ADDRESS_SIZE = FAMILY + 1;
const ADDRESS = ADDRESS_SIZE + 1;
/** Number of bytes that a pipe accepts atomically, even with several writers (`PIPE_BUF`). */
export const PIPE_PIECE = 4096;

const FAMILIES = ["IPv4", "IPv6", "unix"] as const satisfies readonly NetAddress["family"][];
const REASONS = ["malformed", "unverified", "arguments"] as const satisfies readonly LateReason[];
/** The source of a value that the program set itself. */
const NOBODY: NetAddress = { address: "", port: 0, family: "IPv4" };
const NOTHING = new Uint8Array(0);
const decoder = new TextDecoder();

export function encodeRecord(kind: number, id: number, content: Uint8Array = NOTHING): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(SIZE + HEAD + content.length);
  bytes.writeUInt32BE(HEAD + content.length, 0);
  bytes[SIZE] = kind;
  bytes.writeUInt32BE(id, SIZE + 1);
  bytes.set(content, SIZE + HEAD);
  return bytes;
}

export function encodeJson(kind: number, id: number, value: unknown): Uint8Array {
  return encodeRecord(kind, id, Buffer.from(JSON.stringify(value)));
}

/** @param tookMs how long the handlers ran */
export function encodeHandled(id: number, unmatched: number, tookMs = 0): Uint8Array {
  if (unmatched === 0 && tookMs === 0) return encodeRecord(HANDLED, id);
  const content = Buffer.allocUnsafe(8);
  content.writeUInt32BE(unmatched);
  content.writeFloatBE(tookMs, 4);
  return encodeRecord(HANDLED, id, content);
}

/** @param text the explanation, if it can't be derived from the packet */
export function encodeRejected(id: number, reason: LateReason, text = ""): Uint8Array {
  return encodeRecord(REJECTED, id, Buffer.concat([Uint8Array.of(REASONS.indexOf(reason)), Buffer.from(text)]));
}

/** Encodes a method's value, set by the worker or by a message, for the program's namespace. */
export function encodeValue(id: number, { address, value, types, time, source }: NamespaceMethod): Uint8Array {
  const data = encode(new OscMessage(address, value ?? [], types));
  const packet = { data, asOf: time ?? 0, peer: { address: source ?? NOBODY } };
  const bytes = encodePackets([{ id, packet }]);
  bytes[SIZE] = VALUE;
  return bytes;
}

/** Decodes a {@link VALUE} record. */
export function readValue(body: RecordBody): {
  readonly message: OscMessage;
  readonly time: number;
  readonly source: NetAddress | null;
} {
  const { data, client, asOf } = packetOf(body);
  return { message: decode(data) as OscMessage, time: asOf, source: client.address === "" ? null : client };
}

/** The address of the method in a {@link VALUE} record. */
export function valueAddress(body: RecordBody): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const start = ADDRESS + (bytes[ADDRESS_SIZE] ?? 0);
  return bytes.toString("latin1", start, bytes.indexOf(0, start));
}

/** A packet to be encoded. */
export interface NumberedPacket {
  readonly id: number;
  readonly packet: Pick<Packet, "data" | "asOf"> & { readonly peer: { readonly address: NetAddress } };
}

/** Encodes packets as consecutive records. */
export function encodePackets(packets: readonly NumberedPacket[]): Uint8Array {
  let size = 0;
  for (const { packet } of packets) size += SIZE + CLIENT + clientBytes(packet.peer.address).length + packet.data.length;
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const { id, packet } of packets) {
    const { data, asOf, peer } = packet;
    const client = clientBytes(peer.address);
    const length = CLIENT + client.length + data.length;
    bytes.writeUInt32BE(length, at);
    at += SIZE;
    bytes[at] = PACKET;
    bytes.writeUInt32BE(id, at + 1);
    bytes.writeDoubleBE(asOf, at + AS_OF);
    bytes.set(client, at + CLIENT);
    bytes.set(data, at + CLIENT + client.length);
    at += length;
  }
  return bytes;
}

/** Encodes a packet that a worker sends to a client. */
export function encodeSend(id: number, data: Uint8Array, address: NetAddress): Uint8Array {
  return encodePackets([{ id, packet: { data, asOf: 0, peer: { address } } }]);
}

/** Caches of the last encoded and the last decoded client, because consecutive packets often have the same one. */
let written: { readonly client: NetAddress; readonly bytes: Uint8Array } | null = null;
let read: { readonly client: NetAddress; readonly bytes: Uint8Array } | null = null;

function clientBytes(client: NetAddress): Uint8Array {
  if (written?.client !== client) {
    const address = Buffer.from(client.address);
    const head = [client.port >>> 8, client.port & 0xff, FAMILIES.indexOf(client.family), address.length];
    written = { client, bytes: Uint8Array.of(...head, ...address) };
  }
  return written.bytes;
}

function clientOf(body: RecordBody, end: number): NetAddress {
  if (read === null || !isAt(CLIENT, read.bytes, body)) {
    const address = decoder.decode(body.subarray(ADDRESS, end));
    const port = ((body[CLIENT] ?? 0) << 8) | (body[CLIENT + 1] ?? 0);
    const client = Object.freeze({ address, port, family: FAMILIES[body[FAMILY] ?? 0] ?? "IPv4" });
    read = { client, bytes: new Uint8Array(body.subarray(CLIENT, end)) };
  }
  return read.client;
}

function isAt(start: number, bytes: Uint8Array, body: RecordBody): boolean {
  for (let index = 0; index < bytes.length; index += 1) if (bytes[index] !== body[start + index]) return false;
  return true;
}

/** Splits a message into records. */
export function* recordsIn(message: Uint8Array): Generator<RecordBody> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  for (let at = 0; at < message.length;) {
    const start = at + SIZE;
    at = start + view.getUint32(at);
    yield message.subarray(start, at);
  }
}

export function kindOf(body: RecordBody): number {
  return body[0] ?? 0;
}

export function idOf(body: RecordBody): number {
  return (((body[1] ?? 0) << 24) | ((body[2] ?? 0) << 16) | ((body[3] ?? 0) << 8) | (body[4] ?? 0)) >>> 0;
}

export function contentOf(body: RecordBody): Uint8Array {
  return body.subarray(HEAD);
}

function viewOf(body: RecordBody): DataView {
  return new DataView(body.buffer, body.byteOffset + HEAD);
}

export function textOf(body: RecordBody): string {
  return decoder.decode(contentOf(body));
}

export function jsonOf(body: RecordBody): unknown {
  return JSON.parse(textOf(body));
}

export function unmatchedOf(body: RecordBody): number {
  return body.length === HEAD ? 0 : viewOf(body).getUint32(0);
}

export function tookOf(body: RecordBody): number {
  return body.length === HEAD ? 0 : viewOf(body).getFloat32(4);
}

export function reasonOf(body: RecordBody): LateReason {
  return REASONS[body[HEAD] ?? 0] ?? "malformed";
}

/** The explanation in a {@link REJECTED} record. */
export function explanationOf(body: RecordBody): string {
  return decoder.decode(body.subarray(HEAD + 1));
}

/** Decodes a packet. Copies its bytes: a view would retain the whole message. */
export function packetOf(body: RecordBody): ReceivedPacket {
  const dataStart = ADDRESS + (body[ADDRESS_SIZE] ?? 0);
  const asOf = new DataView(body.buffer, body.byteOffset).getFloat64(AS_OF);
  return { data: new Uint8Array(body.subarray(dataStart)), client: clientOf(body, dataStart), asOf };
}

/** Splits a long record into {@link PART}s that a pipe accepts atomically. */
export function piecesOf(record: Uint8Array, id: number): readonly Uint8Array[] {
  if (record.length <= PIPE_PIECE) return [record];
  const pieces: Uint8Array[] = [];
  const most = PIPE_PIECE - SIZE - HEAD;
  for (let at = 0; at < record.length; at += most) pieces.push(encodeRecord(PART, id, record.subarray(at, at + most)));
  return pieces;
}
