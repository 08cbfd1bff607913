import { writeSync } from "node:fs";

const RETRY_MS = 1;
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

type Callback = (error?: Error | null) => void;

/**
 * Makes `process.stdout` and `process.stderr` of this thread, and with them `console`, write at once.
 *
 * In a worker thread they pass what is written to the main thread, whose event loop writes it: nothing would appear while that thread is
 * blocked.
 */
export function writeOutputAtOnce(): void {
  process.stdout.write = writerTo(1);
  process.stderr.write = writerTo(2);
}

/** A `write` of a stream that writes to a file descriptor before it returns. */
function writerTo(descriptor: number): NodeJS.WriteStream["write"] {
  return (chunk: Uint8Array | string, encodingOrCallback?: BufferEncoding | Callback, callback?: Callback): boolean => {
    const encoding = typeof encodingOrCallback === "string" ? encodingOrCallback : "utf8";
    const done = typeof encodingOrCallback === "function" ? encodingOrCallback : callback;
    const error = writeAll(descriptor, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    if (done !== undefined) process.nextTick(done, error);
    return true;
  };
}

/** Writes all bytes. Gives back why that was not possible, as when the reader of a pipe has gone; nobody could catch it. */
function writeAll(descriptor: number, bytes: Uint8Array): Error | null {
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return error as Error;
      // A pipe that is full, and set not to block: its reader needs a moment.
      Atomics.wait(nobody, 0, 0, RETRY_MS);
    }
  }
  return null;
}
