import { Duplex } from "node:stream";
import type { Framing } from "../framing/index.ts";
import type { NetAddress } from "../net-address.ts";
import { type OptionChecks, boolean, checkOptionValues, integer, text } from "../options.ts";
import { type AnyStream, type StreamSource, isReopenable, isPort } from "../framing/byte-stream.ts";
import { type SharedLimits, addConnection, sharedLimits } from "./flow-control.ts";
import { closedWhileOpening, socketError } from "./socket-error.ts";
import { CONNECTION_CHECKS, TcpConnection } from "./tcp-connection.ts";
import { type Peer, type Transport, type TransportEvents, peerAmong } from "./transport.ts";

/** Options of a server over a stream. */
export interface StreamOptions {
  /**
   * How packets lie in the stream: `"1.0"` each after its size, `"1.1"` SLIP, `"auto"` one of these as its first bytes show; `"none"`: what is read at
   * once is taken for one packet, a guess. Replies use the same framing. Default `"auto"`.
   */
  readonly framing?: Framing | "auto";
  /**
   * Whether the other side may be sending already when the stream opens, as a board does. With SLIP, what comes before the first END is then
   * skipped and reported once. Default true.
   */
  readonly midStream?: boolean;
  /** How many packets may be in flight. While they are, the server doesn't read on. Default 64. */
  readonly maxPending?: number;
  /** How many bytes of replies may wait to be taken; more end the stream. Default 16 MiB. */
  readonly maxBuffered?: number;
  /** The speed of a Web Serial port that isn't open yet, in bits per second. Default 115,200. */
  readonly baudRate?: number;
  /** What the stream is called: the `address` of the server and of its client. Default `"stream"`. */
  readonly name?: string;
}

/** The checks and defaults of {@link StreamOptions}. */
const CHECKS = {
  ...CONNECTION_CHECKS,
  midStream: boolean(true),
  baudRate: integer(1, 115_200),
  name: text("stream"),
} satisfies OptionChecks<StreamOptions>;

/** The names of {@link StreamOptions}. */
export const STREAM_OPTIONS: readonly string[] = Object.keys(CHECKS);

/** @throws OscServerError `OSC_OPTION` if an option has a bad value */
export function streamOptionsOf(options: StreamOptions): Required<StreamOptions> {
  return checkOptionValues(options, CHECKS);
}

/** What a server over a stream is made of. */
export interface StreamSpec {
  readonly source: StreamSource;
  readonly options: Required<StreamOptions>;
  readonly maxPacketSize: number;
  readonly maxPackets: number;
  readonly maxBytes: number;
}

/** The first pause before a stream is opened again, which doubles up to the longest. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/** One stream as a transport: its other side is the only client. A stream that can be opened again is, when it has ended. */
export class StreamTransport implements Transport {
  readonly #spec: StreamSpec;
  readonly #events: TransportEvents;
  readonly #address: NetAddress;
  readonly #shared: SharedLimits;
  readonly #connections = new Set<TcpConnection>();
  #timer: NodeJS.Timeout | undefined;
  #isDraining = false;
  #closed: Promise<void> | null = null;

  constructor(spec: StreamSpec, events: TransportEvents) {
    this.#spec = spec;
    this.#events = events;
    this.#address = { address: spec.options.name, port: 0, family: "unix" };
    this.#shared = sharedLimits(spec, events);
  }

  async open(): Promise<NetAddress> {
    try {
      this.#connect(await this.#openStream());
    } catch (error) {
      throw socketError(error, "open", this.#address.address);
    }
    if (this.#closed !== null) throw closedWhileOpening();
    return this.#address;
  }

  peerAt(address: NetAddress): Peer | null {
    return peerAmong(this.#connections, address);
  }

  // oxlint-disable-next-line typescript/require-await -- stopping to read takes no time here
  async drain(): Promise<void> {
    this.#isDraining = true;
    clearTimeout(this.#timer);
    for (const connection of this.#connections) connection.stopReading();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.drain();
    const connections = [...this.#connections];
    for (const connection of connections) connection.end();
    await Promise.all(connections.map(({ closed }) => closed));
  }

  async #openStream(): Promise<Duplex> {
    const { source, options } = this.#spec;
    return toDuplex(typeof source === "function" ? await source() : source, options.baudRate);
  }

  #connect(stream: Duplex): void {
    if (this.#isDraining) return void stream.destroy();
    const { options, maxPacketSize } = this.#spec;
    const limits = { ...options, maxPacketSize, maxIdle: null, endsAlone: true };
    const connection = new TcpConnection(stream, this.#address, limits, this.#shared, this.#events);
    addConnection(this.#connections, connection, this.#events);
    if (isReopenable(this.#spec.source)) void connection.closed.then(() => this.#reopenAfter(FIRST_PAUSE_MS, "first"));
  }

  /** Opens the stream again after a pause. Only the first failure of an outage is reported. */
  #reopenAfter(pause: number, attempt: "first" | "another"): void {
    if (this.#isDraining) return;
    this.#timer = setTimeout(() => {
      this.#openStream().then(
        (stream) => this.#connect(stream),
        (error: unknown) => {
          if (attempt === "first") this.#events.onError(socketError(error, "open", this.#address.address), this.#address);
          this.#reopenAfter(Math.min(LONGEST_PAUSE_MS, pause * 2), "another");
        },
      );
    }, pause);
  }
}

async function toDuplex(stream: AnyStream, baudRate: number): Promise<Duplex> {
  if (stream instanceof Duplex) return stream;
  if (!("readable" in stream) || typeof stream.readable === "boolean") return Duplex.from(stream as never);
  if (isPort(stream) && stream.readable === null) await stream.open({ baudRate });
  const duplex = Duplex.fromWeb(stream as Parameters<typeof Duplex.fromWeb>[0]);
  if (isPort(stream)) duplex.once("close", () => void stream.close().catch(() => undefined));
  return duplex;
}
