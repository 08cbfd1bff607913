/** A thread that receives datagrams in batches and puts them into a ring, from which an event loop takes them. Loaded as a worker. */
import { parentPort, workerData } from "node:worker_threads";
import { Gathering } from "../../transport/native/gathering.ts";
import { loadLibc } from "../../transport/native/libc.ts";
import { BATCH_SIZE, MessageBatch } from "../../transport/native/message-batch.ts";
import { DatagramWriter } from "./datagram-records.ts";
import { WakeSignal } from "./wake-signal.ts";
import { READER_SLEEPS, RingWriter, WRITER_WAITS } from "./shared-ring.ts";
import type { FromReceiver, ReceiverInit } from "./receiver-messages.ts";

/** How long is waited after an error of the socket, which may come again at once; and how long, at most, for room in the ring. */
const ERROR_PAUSE_MS = 10;
const ROOM_MS = 1000;

const init = workerData as ReceiverInit;
const libc = loadLibc();
const batch = new MessageBatch(libc);
const gathering = new Gathering(libc, init.fd);
const ring = new RingWriter(init.ring);
const writer = new DatagramWriter(ring);
const doorbell = new WakeSignal(init.doorbell);
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

const started = new WakeSignal(init.started);
started.beat();
started.ring();
tell("ready");

while (doorbell.mail === 0) {
  const count = receive();
  for (let index = 0; index < count; index += 1) handOn(batch.data(index), batch.sender(index));
  if (count > 0) wakeReader();
}

function receive(): number {
  try {
    gathering.pause();
    return gathering.came(batch.receive(init.fd, BATCH_SIZE, "wait"));
  } catch (error) {
    tell({ code: (error as NodeJS.ErrnoException).code ?? "EUNKNOWN" });
    Atomics.wait(nobody, 0, 0, ERROR_PAUSE_MS);
    return 0;
  }
}

/** Waits while the ring is full; then the system's buffer fills, and in the end the system drops and counts. */
function handOn(data: Uint8Array, sender: Uint8Array): void {
  // The end of a socket shows as datagrams that nobody sent.
  if (sender.length === 0) return;
  while (!writer.write(data, sender)) {
    const { rings } = doorbell;
    ring.raise(WRITER_WAITS);
    if (writer.write(data, sender)) return;
    wakeReader();
    doorbell.sleep(rings, ROOM_MS);
  }
}

function wakeReader(): void {
  if (ring.lower(READER_SLEEPS)) tell("datagrams");
}

function tell(message: FromReceiver): void {
  parentPort?.postMessage(message);
}
