import { OscEncodeError, type OscError, type OscFrameError, OscServerError, OscSocketError } from "../errors.ts";
import { type FrameDecoder, type Framing, createFrameDecoder, encodeFrame } from "../framing/index.ts";
import type { NetAddress } from "../net-address.ts";
import { type ByteStream, type StreamSource, openStream } from "../framing/byte-stream.ts";
import { type PacketLink, type PacketLinkEvents, type SendDone, closedError } from "./link.ts";

export interface StreamLinkSpec {
  readonly source: StreamSource;
  /** What the stream is called in messages, and as the sender of packets. */
  readonly name: string;
  readonly framing: Framing | "auto";
  readonly midStream: boolean;
  readonly maxPacketSize: number;
  readonly baudRate: number;
  /** How long opening the stream may take, in milliseconds. */
  readonly connectTimeout: number;
}

/** How long the stream has to take what was written, when it is closed. */
const LINGER_MS = 1000;

/** One stream of bytes of any make. */
export class StreamLink implements PacketLink {
  readonly #spec: StreamLinkSpec;
  readonly #events: PacketLinkEvents;
  readonly #decoder: FrameDecoder;
  readonly #address: NetAddress;
  #stream: ByteStream | null = null;
  #isClosing = false;
  #isOver = false;
  #whenOver: (() => void) | null = null;
  /** Why the stream broke, if it is known. */
  #failure: OscError | null = null;

  constructor(spec: StreamLinkSpec, events: PacketLinkEvents) {
    const { framing, midStream, maxPacketSize, name } = spec;
    this.#spec = spec;
    this.#events = events;
    this.#address = { address: name, port: 0, family: "unix" };
    this.#decoder = createFrameDecoder(framing, {
      midStream,
      maxPacketSize,
      onPacket: (packet) => events.onPacket(packet, this.#address),
      onError: (error) => this.#frameFailed(error),
    });
  }

  async open(): Promise<NetAddress> {
    const { source, baudRate } = this.#spec;
    let stream: ByteStream;
    try {
      stream = await this.#inTime(openStream(source, baudRate));
    } catch (error) {
      throw this.#error(error, "open");
    }
    if (this.#isClosing) {
      stream.destroy();
      throw closedError("The client was closed while it opened its stream.");
    }
    this.#stream = stream;
    stream.start({
      onBytes: (bytes) => this.#decoder.push(bytes),
      onEnd: () => {
        this.#decoder.end();
        stream.close();
      },
      onClose: (error) => this.#closed(error),
    });
    return this.#address;
  }

  send(packet: Uint8Array, _to: NetAddress | null, done: SendDone): void {
    if (this.#isOver || this.#isClosing || this.#stream === null) return done(this.#failure ?? this.#error({ code: "EPIPE" }, "send to"));
    if (packet.length === 0)
      return done(new OscEncodeError("OSC_VALUE_OUT_OF_RANGE", "A packet in a stream has at least one byte.", packet));
    const framing = this.#spec.framing === "auto" ? (this.#decoder.framing ?? "1.1") : this.#spec.framing;
    this.#stream.write(encodeFrame(packet, framing), (error) => done(error === null ? null : this.#error(error, "send to")));
  }

  /** Only whoever made the stream knows how to. */
  keepAlive(): void {}

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#isClosing = true;
    this.#decoder.close();
    if (stream === null || this.#isOver) return;
    const over = new Promise<void>((resolve) => (this.#whenOver = resolve));
    stream.close();
    const timer = setTimeout(() => {
      stream.destroy();
      this.#whenOver?.();
    }, LINGER_MS);
    await over;
    clearTimeout(timer);
  }

  /** The stream, or a rejection if it takes too long; it is closed then if it comes later. */
  #inTime(opening: Promise<ByteStream>): Promise<ByteStream> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(Object.assign(new Error(`it didn't open within ${this.#spec.connectTimeout} ms`), { code: "ETIMEDOUT" }));
        void opening.then((late) => late.destroy()).catch(() => undefined);
      }, this.#spec.connectTimeout);
      opening.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  #closed(error: unknown): void {
    this.#isOver = true;
    if (this.#isClosing) return this.#whenOver?.();
    if (error !== null) this.#failure ??= this.#error(error, "use");
    this.#decoder.end("broken");
    this.#events.onEnd(this.#failure);
  }

  #frameFailed(error: OscFrameError): void {
    if (this.#isClosing) return;
    if (!error.fatal) return this.#events.onError(error, this.#address);
    this.#failure ??= error;
    this.#stream?.destroy();
  }

  #error(cause: unknown, action: string): OscError {
    if (cause instanceof OscServerError || cause instanceof OscSocketError) return cause;
    const { code, message = String(code) } = cause as { readonly code?: unknown; readonly message?: string };
    const known = typeof code === "string" ? code : "EIO";
    return new OscSocketError(known, `Cannot ${action} ${this.#spec.name}: ${message} (${known}).`, this.#spec.name, { cause });
  }
}
