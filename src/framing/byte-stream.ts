/** Streams of bytes of any make, as clients use them: Node's, those of the web, serial ports of a page. Nothing here needs Node. */
import { bad } from "../options.ts";

/** A stream of Node in both directions (`Duplex`), as far as it is used: a socket, a serial port, a process's pipes. */
export interface DuplexLike {
  /** False once nothing more can be written. */
  readonly writable: boolean;
  /** True once the stream is destroyed. */
  readonly destroyed: boolean;
  /** Listens to an event. */
  on(event: "data" | "end" | "error" | "close", listener: (...parameters: never[]) => void): unknown;
  /** Writes bytes, and calls back when the stream has taken them. */
  write(bytes: Uint8Array, done: (error?: Error | null) => void): boolean;
  /** Writes no more, and calls back when all is written. */
  end(done: () => void): unknown;
  /** Ends the stream at once. */
  destroy(): unknown;
}

/** A pair of streams of the web: what `TransformStream`, WebTransport and Web Serial have. */
export interface WebStreamPair {
  /** Where bytes come from; `null` while a serial port is closed. */
  readonly readable: ReadableStream<Uint8Array> | null;
  /** Where bytes go; `null` while a serial port is closed. */
  readonly writable: WritableStream<Uint8Array> | null;
}

/** A port of the Web Serial API. It is opened when it is needed, and again after it was unplugged. */
export interface WebSerialPort extends WebStreamPair {
  /** Opens the port. */
  open(options: { readonly baudRate: number }): Promise<void>;
  /** Closes the port. */
  close(): Promise<void>;
}

/** A stream of bytes that OSC packets go over, in both directions. */
export type AnyStream = DuplexLike | WebStreamPair | WebSerialPort;

/** A stream; or a function that opens one, and is called again when that has ended. */
export type StreamSource = AnyStream | (() => AnyStream | Promise<AnyStream>);

interface ByteStreamEvents {
  readonly onBytes: (bytes: Uint8Array) => void;
  /** The other side sends no more. */
  readonly onEnd: () => void;
  /** The stream is over; `error` is why, if it broke. Comes last, and once. */
  readonly onClose: (error: unknown) => void;
}

/** One form of all these streams. */
export interface ByteStream {
  /** Reads from now on. */
  start(events: ByteStreamEvents): void;
  /** Never throws. */
  write(bytes: Uint8Array, done: (error: unknown) => void): void;
  /** Ends the stream after what was written; `onClose` follows. */
  close(): void;
  /** Ends the stream at once. */
  destroy(): void;
}

/** Whether a source can be opened again after its stream has ended. */
export function isReopenable(source: StreamSource): boolean {
  return typeof source === "function" || isPort(source);
}

/** @throws OscServerError `OSC_OPTION` if it isn't a stream that bytes can be read from and written to */
export function checkSource(source: unknown): asserts source is StreamSource {
  if (typeof source !== "function" && !isDuplex(source) && !isPair(source)) {
    throw bad("The stream", "a Duplex, { readable, writable }, a serial port, or a function that opens one", source);
  }
}

/**
 * Opens the stream of a source.
 *
 * @param baudRate of a serial port that isn't open
 * @throws (rejects) what the source throws; OscServerError `OSC_OPTION` if it gives no stream
 */
export async function openStream(source: StreamSource, baudRate: number): Promise<ByteStream> {
  const stream = typeof source === "function" ? await source() : source;
  checkSource(stream);
  if (typeof stream === "function") throw bad("The stream", "a stream, and not another function", stream);
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
    if (readableEncoding !== null || readableObjectMode !== false) throw bad("The stream", "one of bytes, without setEncoding()", stream);
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
    // Whoever reads or writes is told.
    this.#writer.closed.catch(() => undefined);
  }

  start(events: ByteStreamEvents): void {
    void this.#read(events);
  }

  write(bytes: Uint8Array, done: (error: unknown) => void): void {
    void this.#write(bytes, done);
  }

  close(): void {
    // A device never ends its side; whoever else is there does, and would meet an error if it was cut off.
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
    // A serial port has a new stream after a parity error or an overrun, and none when it was unplugged.
    for (let { readable } = this.#pair; readable !== null && readable !== last; { readable } = this.#pair) {
      last = readable;
      const reader = readable.getReader();
      this.#reader = reader;
      try {
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) onBytes(piece.value);
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

  /** Frees the streams; a serial port can then be opened again. */
  async #end(written: Promise<void>): Promise<void> {
    await written.catch(() => undefined);
    await this.#reader?.cancel().catch(() => undefined);
    this.#reader?.releaseLock();
    this.#writer.releaseLock();
    if (isPort(this.#pair)) await this.#pair.close().catch(() => undefined);
  }
}
