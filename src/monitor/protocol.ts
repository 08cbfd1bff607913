/**
 * The protocol between the monitor and its page: OSC packets in binary WebSocket frames. Both sides use this file.
 */
import { OscMessage, type OscValue, decode, encodeMessage } from "../codec/index.ts";
import { OscDecodeError } from "../errors.ts";

/** A received packet. */
export interface FeedPacket {
  readonly kind: "packet";
  /** Entries are numbered from 1 without gaps until the monitor restarts. */
  readonly number: number;
  /** When it arrived, in milliseconds since 1970. */
  readonly time: number;
  /** The sender, as `host:port`. */
  readonly from: string;
  /** The transport, such as `udp`. */
  readonly transport: string;
  readonly bytes: Uint8Array;
}

/** A problem not visible in any packet: a socket error, a broken frame, a handler error. */
export interface FeedProblem {
  readonly kind: "problem";
  readonly number: number;
  readonly time: number;
  /** The sender, as `host:port`; empty if unknown. */
  readonly from: string;
  readonly code: string;
  readonly message: string;
}

export type FeedEntry = FeedPacket | FeedProblem;

/** The first message to a page. */
export interface Hello {
  /** Identifies one run of the monitor; entry numbers restart with each run. */
  readonly session: string;
  /** The URLs that the monitor listens on. */
  readonly listening: readonly string[];
  /** The form's initial target. */
  readonly target: string;
  /** The monitor's current time, in milliseconds since 1970; the page may be on another machine. */
  readonly time: number;
  /** The number of the newest entry when the page connected. */
  readonly newest: number;
}

/** Sent to the page once per second. */
export interface Status {
  /** Entries since the monitor started. */
  readonly entries: number;
  /** Entries dropped because this page read too slowly. */
  readonly dropped: number;
  /** Frames from pages that weren't a command. */
  readonly ignoredFrames: number;
  /** Connections without the token that were closed because there were too many. */
  readonly evicted: number;
  /** Open pages. */
  readonly pages: number;
  /** Counters of the server whose packets are shown. */
  readonly counters: Readonly<Record<string, number>>;
}

/** The allowed values of a method's argument. */
export interface ShownRange {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly values?: readonly (string | number)[] | undefined;
}

/** A method shown in the page. */
export interface ShownMethod {
  readonly address: string;
  /** The type tags of its arguments. */
  readonly types: string;
  readonly access: "none" | "read" | "write" | "readwrite";
  readonly description?: string | undefined;
  /** One per argument, like `range`. */
  readonly unit?: readonly string[] | undefined;
  readonly range?: readonly ShownRange[] | undefined;
}

/** The methods shown in the page. */
export interface ShownMethods {
  /** Name of the server that has them. */
  readonly name: string;
  /** The target for setting a value. */
  readonly target: string;
  /** Total number of methods; the page may receive fewer. */
  readonly total: number;
  readonly methods: readonly ShownMethod[];
}

/** The transport shown for packets that hold method values. */
export const METHOD_VALUE = "oscquery";

/** Messages to the page. */
export type FeedEvent =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "entries"; readonly entries: readonly FeedEntry[] }
  | { readonly kind: "status"; readonly status: Status }
  /** Sent first, and whenever the tree changes. `values` is a bundle of the methods' values. */
  | { readonly kind: "methods"; readonly methods: ShownMethods; readonly values: Uint8Array }
  | { readonly kind: "sent"; readonly id: number; readonly from: string }
  | { readonly kind: "reply"; readonly id: number; readonly packet: Omit<FeedPacket, "kind" | "number"> }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };

/** The page's command to send a packet and show the replies. */
export interface SendCommand {
  /** Repeated in the answers. */
  readonly id: number;
  /** A URL, or `host:port`. */
  readonly target: string;
  readonly packet: Uint8Array;
}

/** The path of the feed's WebSocket, relative to the page. */
export const FEED_PATH = "feed";

const HELLO = "/feed/hello";
const ENTRIES = "/feed/entries";
const STATUS = "/feed/status";
const METHODS = "/feed/methods";
const SENT = "/feed/sent";
const REPLY = "/feed/reply";
const FAILED = "/feed/failed";
const SEND = "/send";

const PARTS = 4;

export function encodeHello(hello: Hello): Uint8Array {
  return encodeMessage(HELLO, [JSON.stringify(hello)], "s");
}

export function encodeStatus(status: Status): Uint8Array {
  return encodeMessage(STATUS, [JSON.stringify(status)], "s");
}

/** @param entries at least one, numbered without gaps */
export function encodeEntries(entries: readonly FeedEntry[]): Uint8Array {
  const args: OscValue[] = [entries[0]?.number ?? 0];
  let types = "d";
  for (const entry of entries) {
    if (entry.kind === "packet") {
      args.push(entry.time, entry.from, entry.transport, entry.bytes);
      types += "dssb";
    } else {
      args.push(entry.time, entry.from, entry.code, asText(entry.message));
      types += "dsss";
    }
  }
  return encodeMessage(ENTRIES, args, types);
}

/** @param methods {@link ShownMethods} as JSON */
export function encodeMethods(methods: string, values: Uint8Array): Uint8Array {
  return encodeMessage(METHODS, [asText(methods), values], "sb");
}

export function encodeSent(id: number, from: string): Uint8Array {
  return encodeMessage(SENT, [id, from], "is");
}

export function encodeReply(id: number, { time, from, transport, bytes }: Omit<FeedPacket, "kind" | "number">): Uint8Array {
  return encodeMessage(REPLY, [id, time, from, transport, bytes], "idssb");
}

export function encodeFailed(id: number, message: string): Uint8Array {
  return encodeMessage(FAILED, [id, asText(message)], "is");
}

export function encodeSend({ id, target, packet }: SendCommand): Uint8Array {
  return encodeMessage(SEND, [id, target, packet], "isb");
}

/** Reads a message to the page; null for anything else. */
export function readFeedEvent(frame: Uint8Array): FeedEvent | null {
  const message = readMessage(frame);
  if (message === null) return null;
  const { address, types, args } = message;
  const [first, second] = args;
  if (address === ENTRIES) return { kind: "entries", entries: entriesOf(args) };
  if (address === HELLO && types === "s") return { kind: "hello", hello: JSON.parse(first as string) as Hello };
  if (address === STATUS && types === "s") return { kind: "status", status: JSON.parse(first as string) as Status };
  if (address === METHODS && types === "sb") {
    return { kind: "methods", methods: JSON.parse(first as string) as ShownMethods, values: second as Uint8Array };
  }
  if (address === SENT && types === "is") return { kind: "sent", id: first as number, from: second as string };
  if (address === FAILED && types === "is") return { kind: "failed", id: first as number, message: second as string };
  if (address === REPLY && types === "idssb") {
    const [id, time, from, transport, bytes] = args as [number, number, string, string, Uint8Array];
    return { kind: "reply", id, packet: { time, from, transport, bytes } };
  }
  return null;
}

/** Reads a page's command; null for anything else. */
export function readSendCommand(frame: Uint8Array): SendCommand | null {
  const message = readMessage(frame);
  if (message === null || message.address !== SEND || message.types !== "isb") return null;
  const [id, target, packet] = message.args as [number, string, Uint8Array];
  return { id, target, packet };
}

function readMessage(frame: Uint8Array): OscMessage | null {
  try {
    const packet = decode(frame);
    return packet instanceof OscMessage ? packet : null;
  } catch (error) {
    if (error instanceof OscDecodeError) return null;
    throw error;
  }
}

function entriesOf(args: readonly OscValue[]): FeedEntry[] {
  const entries: FeedEntry[] = [];
  let number = args[0] as number;
  for (let at = 1; at + PARTS <= args.length; at += PARTS) {
    const time = args[at] as number;
    const from = args[at + 1] as string;
    const what = args[at + 2] as string;
    const content = args[at + 3];
    if (content instanceof Uint8Array) entries.push({ kind: "packet", number, time, from, transport: what, bytes: content });
    else entries.push({ kind: "problem", number, time, from, code: what, message: content as string });
    number += 1;
  }
  return entries;
}

/** Makes an error message safe for an OSC string, which is UTF-8 without NUL; the message may quote arbitrary bytes. */
function asText(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, "\uFFFD");
}
