import type { Writable } from "node:stream";
import { type Framing, encodeFrames } from "../framing/index.ts";

/** Called when the system has taken a packet, or with the reason why it hasn't. */
export type WriteDone = (error: NodeJS.ErrnoException | null) => void;

/** Writes packets to a stream. All packets of one turn of the event loop go out in one write. */
export class FrameWriter {
  readonly #socket: Writable;
  readonly #framing: () => Framing;
  readonly #flushed: () => void;
  #packets: Uint8Array[] = [];
  #done: WriteDone[] = [];
  #bytes = 0;

  /** @param flushed called when the packets of a turn were given to the system */
  constructor(socket: Writable, framing: () => Framing, flushed: () => void = () => undefined) {
    this.#socket = socket;
    this.#framing = framing;
    this.#flushed = flushed;
  }

  /** How many bytes the system hasn't taken yet. */
  get waiting(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /** Writes a packet, which has at least one byte, at the end of the turn. */
  write(packet: Uint8Array, done?: WriteDone): void {
    if (this.#packets.length === 0) process.nextTick(() => this.flush());
    this.#packets.push(packet);
    this.#bytes += packet.length;
    if (done !== undefined) this.#done.push(done);
  }

  /** Writes immediately what waits for the end of the turn. */
  flush(): void {
    if (this.#packets.length === 0) return;
    const frames = encodeFrames(this.#packets, this.#framing());
    const done = this.#done;
    this.#packets = [];
    this.#done = [];
    this.#bytes = 0;
    this.#socket.write(frames, (error) => {
      for (const one of done) one(error ?? null);
    });
    this.#flushed();
  }
}
