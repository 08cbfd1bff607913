/** Drains the socket of a blocking server while a handler runs. Loaded as a worker by `DrainThread`. */
import { workerData } from "node:worker_threads";
import { BATCH_SIZE, MessageBatch } from "../../transport/native/batch.ts";
import { loadLibc } from "../../transport/native/libc.ts";
import { decodeSocketAddress } from "../../transport/native/socket-address.ts";
import { encodePackets } from "../pool/records.ts";
import { type DrainInit, SocketLock } from "./drain-thread.ts";

/** How long a handler may run before the kernel's buffer is drained, and the pause between later rounds. */
const TICK_MS = 4;
/** Stops draining at this many bytes: the rest stays in the kernel's buffer. */
const MAX_HELD = 32 * 1024 * 1024;

const { fd, memory, port } = workerData as DrainInit;
const libc = loadLibc();
const batch = new MessageBatch(libc);
const lock = new SocketLock(memory);
lock.ready();

for (let release = lock.sleepUntilReleased(); release !== 0; release = lock.sleepUntilReleased()) {
  lock.rest(TICK_MS);
  lock.receiveDuring(release, receive);
}

/** Receives a batch. Returns whether there may be more. */
function receive(): boolean {
  const count = lock.held < MAX_HELD ? batch.receive(fd, BATCH_SIZE, "look") : 0;
  if (count === 0) return false;
  const packets = Array.from({ length: count }, (_, index) => {
    const address = decodeSocketAddress(libc, batch.sender(index));
    return { id: 0, packet: { data: batch.data(index), asOf: Infinity, peer: { address } } };
  });
  const message = encodePackets(packets);
  lock.addHeld(message.length);
  port.postMessage(message, [message.buffer as ArrayBuffer]);
  return count === BATCH_SIZE;
}
