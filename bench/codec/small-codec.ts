import type * as Small from "../../src/codec/small/index.ts";
import { compiled } from "../suite/compiled.ts";
import { codec } from "./compiled-codec.ts";
import type { Codec } from "./peers.ts";
import { plain } from "./workloads.ts";

const { decode, encode } = codec;
const small = await compiled<typeof Small>("codec/small/index.js");

/** The codec for pages that count bytes, which has packets of its own. */
export const smallCodec: Codec = {
  name: "oscine/codec/small",
  prepare: (packet) => small.decode(encode(packet)),
  encode: (packet) => small.encode(packet as Small.OscPacket),
  decode: (bytes) => small.decode(bytes),
  plain: (packet) => plain(decode(small.encode(packet as Small.OscPacket))),
};
