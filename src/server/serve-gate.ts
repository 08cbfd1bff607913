import { OscDroppedError } from "../errors.ts";
import type { Limits } from "./options.ts";
import type { Executor, ExecutorEvents, Packet } from "./packet.ts";
import { PacketQueue, QueueBound } from "./packet-queue.ts";

/** Lets packets wait while nobody serves, as the kernel would, and passes them on when somebody does. */
export class ServeGate implements Executor {
  readonly #executor: Executor;
  readonly #events: ExecutorEvents;
  readonly #queue: PacketQueue;
  #open = false;

  constructor(executor: Executor, limits: Limits, events: ExecutorEvents) {
    this.#executor = executor;
    this.#events = events;
    this.#queue = new PacketQueue(new QueueBound(limits), (packet, error) => events.drop(packet, error));
  }

  execute(packet: Packet): void {
    if (this.#open) this.#executor.execute(packet);
    else this.#queue.push(packet);
  }

  open(): void {
    this.#open = true;
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) this.#executor.execute(packet);
  }

  shut(): void {
    this.#open = false;
  }

  async close(graceMs: number): Promise<void> {
    this.shut();
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) {
      this.#events.drop(packet, new OscDroppedError("close", "A packet that waited to be served was dropped, for the server closed."));
    }
    await this.#executor.close(graceMs);
  }
}
