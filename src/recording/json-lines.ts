import { decodeOrFault } from "../codec/decode.ts";
import { encode } from "../codec/index.ts";
import { OscDecodeError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { formatHex } from "../text/format.ts";
import { formatJson, packetFromJson } from "../text/json.ts";
import { hexBytes } from "../text/values.ts";
import { LineReader } from "./line-reader.ts";
import type { RecordedPacket, RecordingEvents, RecordingWriter } from "./recording.ts";

export const TRANSPORTS: ReadonlySet<unknown> = new Set(["udp", "tcp", "unix", "websocket", "serial"]);

/** Reads JSON Lines as printed by `oscine dump --json`. A line without `time` gets the time of the previous line. */
export class JsonLinesReader extends LineReader {
  #time = 0;

  constructor(events: RecordingEvents, maxPacketSize: number) {
    // A control character in a string takes six characters in JSON.
    super(events, maxPacketSize * 6 + 1024);
  }

  protected line(text: string): void {
    if (text.startsWith("#")) return;
    const { time, from, transport, raw } = parseObject(text);
    const data = typeof raw === "string" ? hexBytes(raw) : encode(packetFromJson(text)).slice();
    if (data === undefined) throw new Error('"raw" must be an even number of hexadecimal digits');
    if (time !== undefined) this.#time = readTime(time);
    this.events.packet({
      time: this.#time,
      source: typeof from === "string" && from !== "" ? parseAddress(from) : null,
      destination: null,
      transport: TRANSPORTS.has(transport) ? (transport as RecordedPacket["transport"]) : null,
      data,
    });
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed === "object" && parsed !== null) return parsed as Readonly<Record<string, unknown>>;
  throw new Error("each line must be a JSON object");
}

function readTime(time: unknown): number {
  const milliseconds = typeof time === "number" ? time : typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (Number.isFinite(milliseconds)) return milliseconds;
  throw new Error(`"time" must be a date such as "2026-10-04T18:15:00.125Z"; got ${JSON.stringify(time)}`);
}

/** Parses the output of {@link formatAddress}. */
export function parseAddress(text: string): NetAddress {
  const [, v6, v4, port] = /^(?:\[([\da-f:.%\w]+)\]|(\d+\.\d+\.\d+\.\d+)):(\d{1,5})$/i.exec(text) ?? [];
  if (v6 !== undefined) return { address: v6, port: Number(port), family: "IPv6" };
  return v4 === undefined ? { address: text, port: 0, family: "unix" } : { address: v4, port: Number(port), family: "IPv4" };
}

/** Writes JSON Lines. */
export class JsonLinesWriter implements RecordingWriter {
  readonly #encoder = new TextEncoder();

  header(): Uint8Array {
    return new Uint8Array(0);
  }

  packet({ time, source, transport, data }: RecordedPacket): Uint8Array {
    const arrival = { time, from: source === null ? "" : formatAddress(source), transport: transport ?? "" };
    const packet = decodeOrFault(data);
    // Malformed packets are recorded too: they are often what someone is looking for.
    const line =
      packet instanceof OscDecodeError
        ? JSON.stringify({ ...arrival, time: new Date(time).toISOString(), raw: formatHex(data) })
        : formatJson(packet, arrival);
    return this.#encoder.encode(`${line}\n`);
  }
}
