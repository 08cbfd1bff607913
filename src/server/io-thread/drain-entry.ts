/** Drains the socket of a blocking server while a handler runs. Loaded as a worker by `DrainThread`. */
import { workerData } from "node:worker_threads";
import { loadLibc } from "../../transport/native/libc.ts";
import { BATCH_SIZE, MessageBatch } from "../../transport/native/batch.ts";
import { decodeSocketAddress } from "../../transport/native/socket-address.ts";
import type { DrainInit } from "./drain-thread.ts";
import { PacketWriter } from "./packet-records.ts";
import { RingWriter } from "./shared-ring.ts";
import { SocketTurn } from "./socket-turn.ts";

/** How long a handler may run before the kernel's buffer is drained. */
const TICK_MS = 4;
/** After this many ticks with nothing to do, the thread looks less often. */
const QUIET_TICKS = 50;
const QUIET_TICK_MS = 20;

const { fd, turn: turnMemory, packets } = workerData as DrainInit;
const libc = loadLibc();
const batch = new MessageBatch(libc);
const turn = new SocketTurn(turnMemory);
const ring = new RingWriter(packets);
const writer = new PacketWriter(ring);
turn.ready();

let seenAway = -1;
let quiet = 0;
while (!turn.isStopped) {
  turn.rest(quiet < QUIET_TICKS ? TICK_MS : QUIET_TICK_MS);
  quiet = look() ? 0 : quiet + 1;
}

/** Drains the socket if the serving thread has been in the same handler since the last look. True if there was something to do. */
function look(): boolean {
  if (!turn.isAway) {
    seenAway = -1;
    if (quiet < QUIET_TICKS) return false;
    turn.sleepUntilAway();
    return true;
  }
  const { turns } = turn;
  if (turns !== seenAway) {
    seenAway = turns;
    return true;
  }
  let total = 0;
  let count: number;
  do {
    count = turn.whileAway(turns, receive);
    total += count;
  } while (count === BATCH_SIZE);
  return total > 0;
}

function receive(): number {
  // Leaves in the kernel what might find no room: a batch of the largest datagrams takes less than a quarter of the ring.
  const count = ring.isHalfEmpty ? batch.receive(fd, BATCH_SIZE, "look") : 0;
  for (let index = 0; index < count; index += 1) writer.write(batch.data(index), decodeSocketAddress(libc, batch.sender(index)), Infinity);
  return count;
}
