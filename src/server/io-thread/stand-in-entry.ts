/** The stand-in of a thread that serves by native sockets: takes datagrams out of the system's buffer while a handler is at work. A worker. */
import { workerData } from "node:worker_threads";
import { loadLibc } from "../../transport/native/libc.ts";
import { BATCH_SIZE, MessageBatch } from "../../transport/native/message-batch.ts";
import type { StandInInit } from "./stand-in.ts";
import { StandInMemory } from "./stand-in-memory.ts";

/** How long a handler is left alone with what the system's buffer holds: at 400,000 small packets a second a sixth of 4 MiB. */
const TICK_MS = 4;
/** After so many ticks in which there was nothing to do, it may take longer until something is noticed. */
const QUIET_TICKS = 50;
const QUIET_TICK_MS = 20;

const { fd, memory } = workerData as StandInInit;
const shared = new StandInMemory(memory);
const batch = new MessageBatch(loadLibc());
shared.ready();

let seenAway = -1;
let quiet = 0;
while (!shared.isStopped) {
  shared.rest(quiet < QUIET_TICKS ? TICK_MS : QUIET_TICK_MS);
  quiet = look() ? 0 : quiet + 1;
}

/** True where there was something to do. */
function look(): boolean {
  if (!shared.isAway) {
    seenAway = -1;
    if (quiet >= QUIET_TICKS) {
      shared.sleepUntilAway();
      return true;
    }
    return false;
  }
  const { turns } = shared;
  if (turns !== seenAway) {
    seenAway = turns;
    return true;
  }
  let came: number;
  let inAll = 0;
  do {
    came = shared.whileAway(turns, receive);
    inAll += came;
  } while (came === BATCH_SIZE);
  return inAll > 0;
}

function receive(): number {
  const most = Math.min(BATCH_SIZE, shared.room);
  const count = most === 0 ? 0 : batch.receive(fd, most, "look");
  for (let index = 0; index < count; index += 1) shared.add(batch.data(index), batch.sender(index));
  return count;
}
