import type { OscMessage } from "../../src/codec/index.ts";
import type { OscPacket, OscValue } from "../../src/codec/index.ts";
import { codec } from "./compiled-codec.ts";
import { plainValue } from "./workloads.ts";

const { OscBundle } = codec;

/** A codec to measure. */
export interface Codec {
  readonly name: string;
  /** The packet in this codec's format, created before timing. */
  prepare(packet: OscPacket): unknown;
  encode(prepared: unknown): ArrayBufferView;
  decode(bytes: Buffer): unknown;
  /** The decoded packet as plain, comparable values. */
  plain(decoded: unknown): unknown;
}

/** The npm packages. Each is used as its documentation shows. */
export async function npmPeers(): Promise<Codec[]> {
  return [await nodeOsc(), await oscJs(), await oscMin(), await oscDotJs()];
}

/** Peers have no types, or types by others. Each call site declares the types it uses. */
async function load<T>(name: string): Promise<T> {
  const loaded = (await import(name)) as T & { default?: T };
  return loaded.default ?? loaded;
}

interface Arg {
  readonly type: string;
  readonly value: unknown;
}

function argsOf(message: OscMessage): Arg[] {
  return message.args.map((value, i) => ({ type: message.types[i]!, value }));
}

interface NodeOscPacket {
  readonly address: string;
  readonly args: readonly { readonly value: OscValue }[];
  readonly elements?: readonly NodeOscPacket[];
}

async function nodeOsc(): Promise<Codec> {
  const library = await load<{
    Message: new (address: string) => { append(arg: Arg): void };
    Bundle: new (timeTag: unknown, ...elements: unknown[]) => unknown;
    encode(packet: unknown): Buffer;
    decode(bytes: Buffer): NodeOscPacket;
  }>("node-osc");
  const names: Record<string, string> = { i: "integer", f: "float", s: "string", b: "blob" };
  const prepare = (packet: OscPacket): unknown => {
    if (packet instanceof OscBundle) return new library.Bundle(1, ...packet.elements.map(prepare));
    const message = new library.Message(packet.address);
    for (const { type, value } of argsOf(packet))
      message.append({ type: names[type]!, value: type === "b" ? Buffer.from(value as Uint8Array) : value });
    return message;
  };
  const plain = (decoded: NodeOscPacket): unknown =>
    decoded.elements ? decoded.elements.map(plain) : [decoded.address, ...decoded.args.map(({ value }) => plainValue(value))];
  return {
    name: "node-osc 11.7.1",
    prepare,
    encode: (prepared) => library.encode(prepared),
    decode: (bytes) => library.decode(bytes),
    plain: (decoded) => plain(decoded as NodeOscPacket),
  };
}

interface OscJsPacket {
  readonly address?: string;
  readonly args?: readonly OscValue[];
  readonly packets?: readonly OscJsPacket[];
}

/** The package `osc`, known as osc.js. */
async function oscJs(): Promise<Codec> {
  const library = await load<{
    writePacket(packet: unknown, options: object): Uint8Array;
    readPacket(bytes: Uint8Array, options: object): OscJsPacket;
  }>("osc");
  const prepare = (packet: OscPacket): unknown =>
    packet instanceof OscBundle
      ? { timeTag: { raw: [packet.timeTag.seconds, packet.timeTag.fraction] }, packets: packet.elements.map(prepare) }
      : { address: packet.address, args: argsOf(packet) };
  const listOf = (args: unknown): readonly OscValue[] => (Array.isArray(args) ? (args as OscValue[]) : [args as OscValue]);
  const plain = (decoded: OscJsPacket): unknown =>
    decoded.packets ? decoded.packets.map(plain) : [decoded.address, ...listOf(decoded.args).map((arg) => plainValue(arg))];
  const written = { metadata: true };
  const read = { metadata: false, unpackSingleArgs: false };
  return {
    name: "osc 2.4.5",
    prepare,
    encode: (prepared) => library.writePacket(prepared, written),
    decode: (bytes) => library.readPacket(bytes, read),
    plain: (decoded) => plain(decoded as OscJsPacket),
  };
}

interface OscMinPacket {
  readonly address: string;
  readonly args: readonly { readonly value: unknown }[];
  readonly elements?: readonly OscMinPacket[];
}

async function oscMin(): Promise<Codec> {
  const library = await load<{ toBuffer(packet: unknown): DataView; fromBuffer(bytes: Uint8Array): OscMinPacket }>("osc-min");
  const names: Record<string, string> = { i: "integer", f: "float", s: "string", b: "blob" };
  const prepare = (packet: OscPacket): unknown =>
    packet instanceof OscBundle
      ? { oscType: "bundle", timetag: [packet.timeTag.seconds, packet.timeTag.fraction], elements: packet.elements.map(prepare) }
      : {
          oscType: "message",
          address: packet.address,
          args: argsOf(packet).map(({ type, value }) => ({
            type: names[type],
            value: value instanceof Uint8Array ? new DataView(value.buffer, value.byteOffset, value.length) : value,
          })),
        };
  const plainArg = (value: unknown): unknown =>
    value instanceof DataView ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex") : value;
  const plain = (decoded: OscMinPacket): unknown =>
    decoded.elements ? decoded.elements.map(plain) : [decoded.address, ...decoded.args.map(({ value }) => plainArg(value))];
  return {
    name: "osc-min 2.1.2",
    prepare,
    encode: (prepared) => library.toBuffer(prepared),
    decode: (bytes) => library.fromBuffer(bytes),
    plain: (decoded) => plain(decoded as OscMinPacket),
  };
}

interface OscDotJsPacket {
  readonly address?: string;
  readonly args: readonly OscValue[];
  readonly bundleElements?: readonly OscDotJsPacket[];
  pack(): Uint8Array;
  unpack(view: DataView): unknown;
  timestamp(ms: number): void;
}

/** The package `osc-js`. */
async function oscDotJs(): Promise<Codec> {
  const { Message, Bundle } = await load<{
    Message: new (address?: string, ...args: unknown[]) => OscDotJsPacket;
    Bundle: new (...elements: unknown[]) => OscDotJsPacket;
  }>("osc-js");
  const prepare = (packet: OscPacket): unknown =>
    packet instanceof OscBundle ? new Bundle(packet.elements.map(prepare)) : new Message(packet.address, ...packet.args);
  const plain = (decoded: OscDotJsPacket): unknown =>
    decoded.bundleElements ? decoded.bundleElements.map(plain) : [decoded.address, ...decoded.args.map(plainValue)];
  return {
    name: "osc-js 2.4.1",
    prepare,
    encode: (prepared) => (prepared as OscDotJsPacket).pack(),
    decode: (bytes) => {
      const packet = bytes[0] === 0x23 ? new Bundle() : new Message();
      packet.unpack(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
      return packet;
    },
    plain: (decoded) => plain(decoded as OscDotJsPacket),
  };
}
