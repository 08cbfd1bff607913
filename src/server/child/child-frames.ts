/** What goes between a child pool and its child processes: frames on pipes, each with its size before it. */
import type { NetAddress } from "../../net-address.ts";
import { lengthPrefixEncode } from "../../framing/index.ts";
import type { PackedError } from "../crossing/error-transfer.ts";
import type { Program } from "../pool/program.ts";
import type { WorkerLimits } from "../pool/worker-service.ts";

/** What a child process is started with, as JSON under {@link CHILD_KEY} of its environment. */
export interface ChildInit {
  readonly program: Program;
  readonly limits: WorkerLimits;
  /** For a process that is not to handle packets but to fork children that do. Null for others. */
  readonly forking: ForkingInit | null;
}

/** What a process needs to know that forks children. */
export interface ForkingInit {
  /** The process of the server. */
  readonly server: number;
  /** How many children there may be at once, and how many of them are forked before there is a packet for them. */
  readonly maxChildren: number;
  readonly spareChildren: number;
}

/** The environment variable that makes a process a child of a pool; taken away at once: processes that handlers start are none of the pool. */
export const CHILD_KEY = "OSCINE_CHILD";

/** The child's descriptors: packets come by one, answers go by the other. Both are pipes that the child uses blocking. */
export const PACKETS_FD = 3;
export const ANSWERS_FD = 4;

/** A packet on its way to a child. The end of the pipe says that no more will come. */
export interface PacketFrame {
  readonly data: Uint8Array;
  readonly client: NetAddress;
  readonly asOf: number;
}

/** From a child to its pool. All but the first and the last two are about the packet that the child has. */
export type FromChild =
  | { readonly type: "ready"; readonly strictTiming: boolean }
  | { readonly type: "reply"; readonly data: Uint8Array }
  | { readonly type: "report"; readonly error: PackedError }
  | { readonly type: "settled"; readonly outcome: PackedError | null }
  | { readonly type: "shutdown" }
  /** The handlers module is none. The process ends. */
  | { readonly type: "unusable"; readonly reason: string };

const FAMILIES = ["IPv4", "IPv6", "unix"] as const satisfies readonly NetAddress["family"][];

/** Where the parts of a packet lie, behind the size of the frame. */
const AS_OF = 0;
const PORT = 8;
const FAMILY = 10;
const ADDRESS_SIZE = 11;
const ADDRESS = 12;

/** The first byte of a frame from a child: a reply goes as its bytes, all else as JSON. */
const REPLY = 1;
const JSON_TEXT = 2;

export function encodePacketFrame({ data, client, asOf }: PacketFrame): Uint8Array {
  const address = Buffer.from(client.address);
  const body = Buffer.allocUnsafe(ADDRESS + address.length + data.length);
  body.writeDoubleBE(asOf, AS_OF);
  body.writeUInt16BE(client.port, PORT);
  body[FAMILY] = FAMILIES.indexOf(client.family);
  body[ADDRESS_SIZE] = address.length;
  body.set(address, ADDRESS);
  body.set(data, ADDRESS + address.length);
  return lengthPrefixEncode(body);
}

/** @param body the frame without its size */
export function decodePacketFrame(body: Buffer): PacketFrame {
  const dataStart = ADDRESS + (body[ADDRESS_SIZE] ?? 0);
  const address = body.toString("utf8", ADDRESS, dataStart);
  const client = { address, port: body.readUInt16BE(PORT), family: FAMILIES[body[FAMILY] ?? 0] ?? "IPv4" };
  return { data: new Uint8Array(body.subarray(dataStart)), client, asOf: body.readDoubleBE(AS_OF) };
}

export function encodeAnswer(answer: FromChild): Uint8Array {
  const content = answer.type === "reply" ? answer.data : Buffer.from(JSON.stringify(answer));
  const body = new Uint8Array(1 + content.length);
  body[0] = answer.type === "reply" ? REPLY : JSON_TEXT;
  body.set(content, 1);
  return lengthPrefixEncode(body);
}

/** @param body the frame without its size */
export function decodeAnswer(body: Uint8Array): FromChild {
  if (body[0] === REPLY) return { type: "reply", data: body.subarray(1) };
  return JSON.parse(Buffer.from(body.buffer, body.byteOffset + 1, body.length - 1).toString()) as FromChild;
}
