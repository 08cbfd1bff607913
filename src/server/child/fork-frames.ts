/** What goes between a fork host and its zygote: frames on pipes, each with its size before it. */
import { lengthPrefixEncode } from "../../framing/index.ts";
import { type PacketFrame, decodePacketFrame, encodePacketFrame } from "./child-frames.ts";

/** To the zygote. Each child has a number, which is never used again. */
export type Order =
  /** Fork a child that handles this packet. */
  | { readonly type: "fork"; readonly id: number; readonly packet: PacketFrame }
  /** Fork a child that allocates, collects and answers, to see whether that works here. */
  | { readonly type: "test"; readonly id: number }
  /** Kill the child and what it has started. */
  | { readonly type: "kill"; readonly id: number };

/** From the zygote and its children. */
export type Notice =
  /** A part of what the child answers, which are frames themselves; of the zygote itself where the number is 0. */
  | { readonly type: "part"; readonly id: number; readonly bytes: Uint8Array }
  /** The handlers of the child are done, and nothing was wrong with its packet. */
  | { readonly type: "handled"; readonly id: number }
  /** The child has ended and been waited for, with that status as `waitpid` gives it. */
  | { readonly type: "ended"; readonly id: number; readonly status: number };

/** So many bytes are written in one piece, whoever else writes (PIPE_BUF). */
export const PIECE = 4096;
/** A frame's own size, its type and its number. */
const HEAD = 9;

const ORDERS = ["fork", "test", "kill"] as const satisfies readonly Order["type"][];
const NOTICES = ["part", "ended", "handled"] as const satisfies readonly Notice["type"][];

function frame(type: number, id: number, content: Uint8Array): Uint8Array {
  const body = Buffer.alloc(HEAD - 4 + content.length);
  body[0] = type;
  body.writeUInt32BE(id, 1);
  body.set(content, HEAD - 4);
  return lengthPrefixEncode(body);
}

export function encodeOrder(order: Order): Uint8Array {
  const content = order.type === "fork" ? encodePacketFrame(order.packet).subarray(4) : new Uint8Array(0);
  return frame(ORDERS.indexOf(order.type), order.id, content);
}

/** @param body the frame without its size */
export function decodeOrder(body: Buffer): Order {
  const { type, id } = decodeOrderHead(body);
  return type === "fork" ? { type, id, packet: decodePacketFrame(body.subarray(HEAD - 4)) } : { type, id };
}

/** What an order says before its packet. */
export function decodeOrderHead(body: Uint8Array): Pick<Order, "type" | "id"> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  return { type: ORDERS[bytes[0] ?? 0] ?? "kill", id: bytes.readUInt32BE(1) };
}

/** What a child answers, cut into parts that are each written in one piece. */
export function encodeParts(id: number, answer: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < answer.length; at += PIECE - HEAD) parts.push(frame(0, id, answer.subarray(at, at + PIECE - HEAD)));
  return parts;
}

export function encodeEnded(id: number, status: number): Uint8Array {
  return frame(1, id, new Uint8Array(Int32Array.of(status).buffer));
}

export function encodeHandled(id: number): Uint8Array {
  return frame(NOTICES.indexOf("handled"), id, new Uint8Array(0));
}

/** @param body the frame without its size */
export function decodeNotice(body: Uint8Array): Notice {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const type = NOTICES[bytes[0] ?? 0] ?? "part";
  const id = bytes.readUInt32BE(1);
  const content = bytes.subarray(HEAD - 4);
  if (type === "ended") return { type, id, status: content.readInt32LE(0) };
  return type === "part" ? { type, id, bytes: content } : { type, id };
}
