/** A worker's side of the channel to its pool. */
import { createReadStream, readSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { type MessagePort, parentPort, receiveMessageOnPort } from "node:worker_threads";
import { LengthPrefixDecoder } from "../../framing/index.ts";
import { WakeSignal } from "../io-thread/wake-signal.ts";
import { PACKET, type RecordBody, idOf, kindOf, recordsIn } from "./records.ts";
import { PACKETS_FD, RESULTS_FD, type ThreadInit } from "./worker-init.ts";

export interface WorkerChannel {
  /** Blocks until the next record arrives. Returns null if the channel has ended. */
  next(): RecordBody | null;
  /** From now on, calls back for each record from the event loop. */
  listen(onRecord: (record: RecordBody) => void, onEnd: () => void): void;
  /** Claims a packet before handling it. Returns false if the pool has taken it back. */
  claim(id: number): boolean;
  /** Sends a record, at the latest with the next {@link flush}. */
  write(record: Uint8Array): void;
  flush(): void;
}

/** Maximum size of a record. */
export const MAX_RECORD = 0x7fffffff;

/** The channel of a thread: a `MessagePort`. A blocked thread sleeps on a `WakeSignal`. */
export class ThreadChannel implements WorkerChannel {
  readonly #signal: WakeSignal;
  readonly #claims: Int32Array | null;
  readonly #port: MessagePort;
  #records: Iterator<RecordBody> = [].values();
  #unsent: Uint8Array[] = [];
  #unsentSize = 0;

  constructor({ signal, claims }: ThreadInit) {
    this.#signal = new WakeSignal(signal);
    this.#claims = claims === null ? null : new Int32Array(claims);
    // A separate port, sent as the first message, so that `parentPort` stays free for the program.
    this.#port = this.#receive(parentPort as MessagePort) as MessagePort;
  }

  next(): RecordBody {
    for (;;) {
      const next = this.#records.next();
      if (next.done === true) {
        this.flush();
        this.#records = recordsIn(this.#receive(this.#port) as Uint8Array);
      } else if (kindOf(next.value) !== PACKET || this.claim(idOf(next.value))) {
        return next.value;
      }
    }
  }

  listen(onRecord: (record: RecordBody) => void): void {
    this.#port.on("message", (message: Uint8Array) => {
      for (const record of recordsIn(message)) onRecord(record);
    });
  }

  claim(id: number): boolean {
    return this.#claims === null || Atomics.compareExchange(this.#claims, 0, id - 1, id) === id - 1;
  }

  write(record: Uint8Array): void {
    this.#unsent.push(record);
    this.#unsentSize += record.length;
  }

  flush(): void {
    if (this.#unsent.length === 0) return;
    const message = new Uint8Array(this.#unsentSize);
    let at = 0;
    for (const record of this.#unsent) {
      message.set(record, at);
      at += record.length;
    }
    this.#unsent = [];
    this.#unsentSize = 0;
    this.#port.postMessage(message, [message.buffer]);
  }

  #receive(port: MessagePort): unknown {
    for (;;) {
      const { sequence } = this.#signal;
      const received = receiveMessageOnPort(port);
      if (received !== undefined) return received.message;
      this.#signal.sleep(sequence, Infinity);
    }
  }
}

/** The channel of a process: two pipes. */
export class ProcessChannel implements WorkerChannel {
  next(): RecordBody | null {
    const size = readExactly(4);
    return size === null ? null : readExactly(size.readUInt32BE(0));
  }

  listen(onRecord: (record: RecordBody) => void, onEnd: () => void): void {
    // In Bun, a socket on a pipe ends at once.
    const isBun = process.versions["bun"] !== undefined;
    const packets = isBun ? createReadStream("", { fd: PACKETS_FD }) : new Socket({ fd: PACKETS_FD, readable: true, writable: false });
    const records = new LengthPrefixDecoder({
      maxPacketSize: MAX_RECORD,
      onPacket: onRecord,
      onError: (error) => {
        throw error;
      },
    });
    packets.on("data", (piece: Uint8Array) => records.push(piece));
    packets.on("close", onEnd);
    packets.on("error", onEnd);
  }

  claim(): boolean {
    return true;
  }

  write(record: Uint8Array): void {
    writeFully(RESULTS_FD, record);
  }

  flush(): void {
    // Nothing is buffered.
  }
}

/** Writes all bytes synchronously. Ends the process if the pipe is closed: the server is gone. */
export function writeFully(fd: number, bytes: Uint8Array, end: (code: number) => never = (code) => process.exit(code)): void {
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
  } catch {
    end(1);
  }
}

function readExactly(size: number): Buffer | null {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let filled = 0; filled < size;) {
    const count = readSync(PACKETS_FD, bytes, filled, size - filled, null);
    if (count === 0) return null;
    filled += count;
  }
  return bytes;
}
