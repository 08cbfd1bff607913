/** Adapts byte streams of all kinds for clients: Node streams, web streams, Web Serial ports. Nothing here needs Node. */
import { bad } from "../options.ts";

/** The parts used of Node's `Duplex`: a socket, a serial port, a process's pipes. */
export interface DuplexLike {
  /** False once the stream is no longer writable. */
  readonly writable: boolean;
  /** True once the stream is destroyed. */
  readonly destroyed: boolean;
  /** Listens to an event. */
  on(event: "data" | "end" | "error" | "close", listener: (...parameters: never[]) => void): unknown;
  /** Writes bytes, and calls back when the stream has accepted them. */
  write(bytes: Uint8Array, done: (error?: Error | null) => void): boolean;
  /** Ends the writable side, and calls back when everything is written. */
  end(done: () => void): unknown;
  /** Destroys the stream immediately. */
  destroy(): unknown;
}

/** A pair of web streams, as in `TransformStream`, WebTransport and Web Serial. */
export interface WebStreamPair {
  /** The source of bytes; `null` while a serial port is closed. */
  readonly readable: ReadableStream<Uint8Array> | null;
  /** The destination of bytes; `null` while a serial port is closed. */
  readonly writable: WritableStream<Uint8Array> | null;
}

/** A port of the Web Serial API. Opened on demand, and reopened after it was unplugged. */
export interface WebSerialPort extends WebStreamPair {
  /** Opens the port. */
  open(options: { readonly baudRate: number }): Promise<void>;
  /** Closes the port. */
  close(): Promise<void>;
}

/** A bidirectional byte stream for OSC packets. */
export type AnyStream = DuplexLike | WebStreamPair | WebSerialPort;

/** A stream, or a function that opens one and is called again after it has ended. */
export type StreamSource = AnyStream | (() => AnyStream | Promise<AnyStream>);

interface ByteStreamEvents {
  readonly onBytes: (bytes: Uint8Array) => void;
  /** The peer has ended its side. */
  readonly onEnd: () => void;
  /** The stream is closed; `error` is the reason if it failed. Called once, as the last event. */
  readonly onClose: (error: unknown) => void;
}

/** The common interface of all these streams. */
export interface ByteStream {
  /** Starts reading. */
  start(events: ByteStreamEvents): void;
  /** Never throws. */
  write(bytes: Uint8Array, done: (error: unknown) => void): void;
  /** Ends the stream after pending writes; `onClose` follows. */
  close(): void;
  /** Destroys the stream immediately. */
  destroy(): void;
}

/** Whether a source can be reopened after its stream has ended. */
export function isReopenable(source: StreamSource): boolean {
  return typeof source === "function" || isPort(source);
}

/** @throws OscServerError `OSC_OPTION` if it isn't a readable and writable byte stream */
export function checkSource(source: unknown): asserts source is StreamSource {
  if (typeof source !== "function" && !isDuplex(source) && !isPair(source)) {
    throw bad("The stream", "a Duplex, { readable, writable }, a serial port, or a function that opens one", source);
  }
}

/**
 * Opens the stream of a source.
 *
 * @param baudRate for a serial port that isn't open yet
 * @throws (rejects) whatever the source throws; OscServerError `OSC_OPTION` if it doesn't return a stream
 */
export async function openStream(source: StreamSource, baudRate: number): Promise<ByteStream> {
  const stream = typeof source === "function" ? await source() : source;
  checkSource(stream);
  if (typeof stream === "function") throw bad("The stream", "a stream, not another function", stream);
  if (isDuplex(stream)) return new NodeStream(stream);
  if (isPort(stream) && stream.readable === null) await stream.open({ baudRate });
  return new WebStream(stream);
}

function isDuplex(value: unknown): value is DuplexLike {
  const stream = Object(value) as Partial<DuplexLike>;
  return [stream.on, stream.write, stream.end, stream.destroy].every((method) => typeof method === "function");
}

function isPair(value: unknown): value is WebStreamPair {
  const pair = Object(value) as Partial<WebStreamPair>;
  return isPort(value) || (typeof pair.readable?.getReader === "function" && typeof pair.writable?.getWriter === "function");
}

/** Whether it is a port of the Web Serial API. */
export function isPort(value: unknown): value is WebSerialPort {
  const port = Object(value) as Partial<WebSerialPort>;
  return "readable" in port && typeof port.open === "function" && typeof port.close === "function";
}

class NodeStream implements ByteStream {
  readonly #stream: DuplexLike;

  constructor(stream: DuplexLike) {
    const { readableEncoding = null, readableObjectMode = false } = stream as unknown as Readonly<Record<string, unknown>>;
    if (readableEncoding !== null || readableObjectMode !== false) throw bad("The stream", "a byte stream, without setEncoding()", stream);
    this.#stream = stream;
  }

  start({ onBytes, onEnd, onClose }: ByteStreamEvents): void {
    const stream = this.#stream;
    let failure: unknown = null;
    stream.on("data", onBytes);
    stream.on("end", onEnd);
    stream.on("error", (error: Error) => (failure ??= error));
    stream.on("close", () => onClose(failure));
    if (stream.destroyed) void Promise.resolve().then(() => onClose(failure));
  }

  write(bytes: Uint8Array, done: (error: unknown) => void): void {
    if (!this.#stream.writable) return done({ code: "EPIPE" });
    this.#stream.write(bytes, (error) => done(error ?? null));
  }

  close(): void {
    const stream = this.#stream;
    if (stream.writable) stream.end(() => stream.destroy());
    else stream.destroy();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

class WebStream implements ByteStream {
  readonly #pair: WebStreamPair;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #ending: Promise<void> | null = null;

  constructor(pair: WebStreamPair) {
    this.#pair = pair;
    this.#writer = (pair.writable as WritableStream<Uint8Array>).getWriter();
    // Readers and writers get the error.
    this.#writer.closed.catch(() => undefined);
  }

  start(events: ByteStreamEvents): void {
    void this.#read(events);
  }

  write(bytes: Uint8Array, done: (error: unknown) => void): void {
    void this.#write(bytes, done);
  }

  close(): void {
    // A device never ends its side, so close the port. Other peers do, and cancelling would cause them an error.
    if (isPort(this.#pair)) this.#ending ??= this.#end(this.#writer.close());
    else void this.#writer.close().catch(() => undefined);
  }

  destroy(): void {
    this.#ending ??= this.#end(this.#writer.abort());
  }

  async #write(bytes: Uint8Array, done: (error: unknown) => void): Promise<void> {
    let failure: unknown = null;
    try {
      await this.#writer.write(bytes);
    } catch (error) {
      failure = error;
    }
    done(failure);
  }

  async #read({ onBytes, onEnd, onClose }: ByteStreamEvents): Promise<void> {
    let failure: unknown = null;
    let last: unknown = null;
    // A serial port gets a new stream after a parity error or overrun, and none after it was unplugged.
    for (let { readable } = this.#pair; readable !== null && readable !== last; { readable } = this.#pair) {
      last = readable;
      const reader = readable.getReader();
      this.#reader = reader;
      try {
        for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) onBytes(chunk.value);
        failure = null;
        if (this.#ending === null) onEnd();
        break;
      } catch (error) {
        failure = error;
      } finally {
        reader.releaseLock();
      }
    }
    this.destroy();
    await this.#ending;
    onClose(failure);
  }

  /** Releases the streams, so that a serial port can be reopened. */
  async #end(written: Promise<void>): Promise<void> {
    await written.catch(() => undefined);
    await this.#reader?.cancel().catch(() => undefined);
    this.#reader?.releaseLock();
    this.#writer.releaseLock();
    if (isPort(this.#pair)) await this.#pair.close().catch(() => undefined);
  }
}
