import type { OscArgument, OscMessage } from "../../src/codec/index.ts";
import { codec } from "./compiled-codec.ts";
import { type FreshArgument, type FreshBundle, type FreshMessage, type FreshPacket, isBundle } from "./fresh-workloads.ts";

/** A codec as used by programs: from new values to bytes, and from bytes to a sum of the values. */
export interface Contestant {
  readonly name: string;
  encode(packet: FreshPacket): ArrayBufferView;
  /** Decodes a packet, and adds up its numbers, so that every value is read. */
  decode(bytes: Buffer): number;
}

/** Creates each contestant. A contestant is loaded only in the process that measures it. */
export const CONTESTANTS: Readonly<Record<string, () => Promise<Contestant>>> = {
  "oscine, float(v)": () => Promise.resolve(oscine("oscine, float(v)", inferred)),
  "oscine, types given": () => Promise.resolve(oscine("oscine, types given", typed)),
  "oscine, encodeMessage": () => Promise.resolve(oscineStraight()),
  "node-osc 11.7.1": nodeOsc,
  "osc 2.4.5": oscJs,
  "osc-min 2.1.2": oscMin,
};

const { decode, encode, encodeMessage, float, OscBundle, OscMessage: Message } = codec;

function inferred([address, args]: FreshMessage): OscMessage {
  return new Message(address, args.map(argumentOf));
}

function argumentOf(argument: FreshArgument): OscArgument {
  return argument[0] === "f" ? float(argument[1] as number) : argument[1];
}

function typed([address, args]: FreshMessage): OscMessage {
  let types = "";
  for (const argument of args) types += argument[0];
  return new Message(
    address,
    args.map((argument) => argument[1]),
    types,
  );
}

function oscine(name: string, make: (message: FreshMessage) => OscMessage): Contestant {
  return {
    name,
    encode: (packet) => encode(isBundle(packet) ? new OscBundle(packet.bundle.map(make)) : make(packet)),
    decode: (bytes) => {
      const packet = decode(bytes);
      if (!(packet instanceof OscBundle)) return sumOf(packet);
      let sum = 0;
      for (const element of packet.elements) sum += sumOf(element as OscMessage);
      return sum;
    },
  };
}

/** Encodes messages without creating objects; bundles still need them. */
function oscineStraight(): Contestant {
  const other = oscine("oscine, encodeMessage", inferred);
  return {
    ...other,
    encode: (packet) => {
      if (isBundle(packet)) return other.encode(packet);
      const [address, args] = packet;
      return encodeMessage(address, args.map(argumentOf));
    },
  };
}

function sumOf({ args }: OscMessage): number {
  let sum = 0;
  // A for…of iterator would cost more than the decoding, and differently for different lists.
  for (let i = 0; i < args.length; i++) sum += typeof args[i] === "number" ? (args[i] as number) : 1;
  return sum;
}

interface PeerArgument {
  readonly value: unknown;
}
interface PeerMessage {
  readonly args: readonly PeerArgument[];
}

function sumOfPeer({ args }: PeerMessage): number {
  let sum = 0;
  for (let i = 0; i < args.length; i++) {
    const { value } = args[i]!;
    sum += typeof value === "number" ? value : 1;
  }
  return sum;
}

function sumOfAll(elements: readonly PeerMessage[]): number {
  let sum = 0;
  for (const element of elements) sum += sumOfPeer(element);
  return sum;
}

function withArguments([address, args]: FreshMessage, names: Readonly<Record<string, string>>): object {
  return { address, args: args.map((argument) => ({ type: names[argument[0]] ?? argument[0], value: argument[1] })) };
}

async function load<T>(name: string): Promise<T> {
  const loaded = (await import(name)) as T & { default?: T };
  return loaded.default ?? loaded;
}

async function nodeOsc(): Promise<Contestant> {
  const library = await load<{
    Message: new (address: string) => { append(argument: object): void };
    encode(packet: unknown): Buffer;
    decode(bytes: Buffer): PeerMessage & { readonly elements?: readonly PeerMessage[] };
  }>("node-osc");
  const message = ([address, args]: FreshMessage): object => {
    const made = new library.Message(address);
    for (const argument of args) made.append({ type: argument[0], value: argument[1] });
    return made;
  };
  const element = (packet: FreshMessage): object => ({ oscType: "message", ...withArguments(packet, {}) });
  const bundle = (packet: FreshBundle): object => ({ oscType: "bundle", timetag: 0, elements: packet.bundle.map(element) });
  return {
    name: "node-osc 11.7.1",
    encode: (packet) => library.encode(isBundle(packet) ? bundle(packet) : message(packet)),
    decode: (bytes) => {
      const packet = library.decode(bytes);
      return packet.elements ? sumOfAll(packet.elements) : sumOfPeer(packet);
    },
  };
}

async function oscJs(): Promise<Contestant> {
  const library = await load<{
    writePacket(packet: unknown, options: unknown): Uint8Array;
    readPacket(bytes: Uint8Array, options: unknown): PeerMessage & { readonly packets?: readonly PeerMessage[] };
  }>("osc");
  const options = { metadata: true, unpackSingleArgs: false };
  const message = (packet: FreshMessage): object => withArguments(packet, {});
  return {
    name: "osc 2.4.5",
    encode: (packet) =>
      library.writePacket(isBundle(packet) ? { timeTag: { raw: [0, 1] }, packets: packet.bundle.map(message) } : message(packet), options),
    decode: (bytes) => {
      const packet = library.readPacket(bytes, options);
      return packet.packets ? sumOfAll(packet.packets) : sumOfPeer(packet);
    },
  };
}

async function oscMin(): Promise<Contestant> {
  const library = await load<{
    toBuffer(packet: unknown): DataView;
    fromBuffer(bytes: Uint8Array): PeerMessage & { readonly elements?: readonly PeerMessage[] };
  }>("osc-min");
  const message = (packet: FreshMessage): object => withArguments(packet, { i: "integer", f: "float", s: "string" });
  return {
    name: "osc-min 2.1.2",
    encode: (packet) => library.toBuffer(isBundle(packet) ? { timetag: [0, 1], elements: packet.bundle.map(message) } : message(packet)),
    decode: (bytes) => {
      const packet = library.fromBuffer(bytes);
      return packet.elements ? sumOfAll(packet.elements) : sumOfPeer(packet);
    },
  };
}
