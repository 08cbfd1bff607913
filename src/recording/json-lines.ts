import { decode, encode } from "../codec/index.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { formatJson, packetFromJson } from "../text/json.ts";
import { LineReader } from "./line-reader.ts";
import type { RecordedPacket, RecordingEvents, RecordingWriter } from "./recording.ts";

const TRANSPORTS: ReadonlySet<unknown> = new Set(["udp", "tcp", "unix", "websocket"]);

/** Reads JSON Lines as `oscine dump --json` prints them. A line without `time` gets the time of the line before. */
export class JsonLinesReader extends LineReader {
  #time = 0;

  constructor(events: RecordingEvents, maxPacketSize: number) {
    // A control character in a string takes six characters.
    super(events, maxPacketSize * 6 + 1024);
  }

  protected line(text: string): void {
    if (text.startsWith("#")) return;
    const data = encode(packetFromJson(text)).slice();
    const { time, from, transport } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (time !== undefined) this.#time = readTime(time);
    this.events.packet({
      time: this.#time,
      source: typeof from === "string" ? parseAddress(from) : null,
      destination: null,
      transport: TRANSPORTS.has(transport) ? (transport as RecordedPacket["transport"]) : null,
      data,
    });
  }
}

function readTime(time: unknown): number {
  const milliseconds = typeof time === "number" ? time : typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (Number.isFinite(milliseconds)) return milliseconds;
  throw new Error(`"time" must be a date such as "2026-10-04T18:15:00.125Z"; got ${JSON.stringify(time)}`);
}

/** Reads what {@link formatAddress} writes. */
function parseAddress(text: string): NetAddress {
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
    return this.#encoder.encode(`${formatJson(decode(data), arrival)}\n`);
  }
}
