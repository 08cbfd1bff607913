import { OscDroppedError } from "../../errors.ts";
import { type PacketResult, dropped } from "../../packet-result.ts";
import type { Limits } from "../options.ts";
import type { Executor, ExecutorEvents, Packet } from "../executor.ts";
import { FairQueue } from "../fair-queue.ts";
import { QueueBound } from "../packet-queue.ts";
import { type Handling, runPacket } from "../handle.ts";
import { SyncReplyContext } from "../sync-reply-context.ts";

/** Queues packets until the thread that received them takes them, one after another. */
export class DirectExecutor implements Executor {
  readonly #handling: Handling;
  readonly #events: ExecutorEvents;
  readonly #queue: FairQueue;

  constructor(handling: Handling, limits: Limits, events: ExecutorEvents) {
    this.#handling = handling;
    this.#events = events;
    this.#queue = new FairQueue(new QueueBound(limits), (packet, error) => events.end(packet, dropped(error)));
  }

  /** True where no packet waits. */
  get isEmpty(): boolean {
    return this.#queue.size === 0;
  }

  execute(packet: Packet): void {
    this.#queue.push(packet);
  }

  /** Handles the packet that has waited longest. False where none waits. */
  handleNext(): boolean {
    const packet = this.#queue.shift();
    if (packet === undefined) return false;
    const events = this.#events;
    const { peer } = packet;
    const turn = new SyncReplyContext(
      (reply) => events.reply(packet, reply),
      (error) => events.report(error, peer.address),
    );
    const result = runPacket(this.#handling, packet.data, peer.address, packet.asOf, turn) as PacketResult;
    turn.isOver = true;
    events.end(packet, result);
    return true;
  }

  close(): Promise<void> {
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) {
      this.#events.end(
        packet,
        dropped(new OscDroppedError("close", "A packet that waited for a handler was dropped because the server closed.")),
      );
    }
    return Promise.resolve();
  }
}
