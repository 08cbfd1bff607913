/** Drains the socket of a blocking server while a handler runs. Loaded as a worker by `DrainThread`. */
import { workerData } from "node:worker_threads";
import { BATCH_SIZE, MessageBatch } from "../../transport/native/batch.ts";
import { loadLibc } from "../../transport/native/libc.ts";
import { decodeSocketAddress } from "../../transport/native/socket-address.ts";
import { encodePackets } from "../pool/records.ts";
import { type DrainInit, SocketTurn } from "./drain-thread.ts";

/** How long a handler may run before the kernel's buffer is drained, and again after that. */
const TICK_MS = 4;
/** Leaves in the kernel what is more than this. */
const MAX_HELD = 32 * 1024 * 1024;

const { fd, memory, port } = workerData as DrainInit;
const libc = loadLibc();
const batch = new MessageBatch(libc);
const turn = new SocketTurn(memory);
turn.ready();

for (let absence = turn.sleepUntilAway(); absence !== 0; absence = turn.sleepUntilAway()) {
  turn.rest(TICK_MS);
  turn.receiveDuring(absence, receive);
}

/** Receives a batch. Returns whether there may be more. */
function receive(): boolean {
  const count = turn.held < MAX_HELD ? batch.receive(fd, BATCH_SIZE, "look") : 0;
  if (count === 0) return false;
  const packets = Array.from({ length: count }, (_, index) => {
    const address = decodeSocketAddress(libc, batch.sender(index));
    return { id: 0, packet: { data: batch.data(index), asOf: Infinity, peer: { address } } };
  });
  const message = encodePackets(packets);
  turn.hold(message.length);
  port.postMessage(message, [message.buffer as ArrayBuffer]);
  return count === BATCH_SIZE;
}
