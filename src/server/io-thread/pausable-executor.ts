import { OscDroppedError } from "../../errors.ts";
import { dropped } from "../../packet-result.ts";
import type { OneChange } from "./messages.ts";
import type { Limits } from "../options.ts";
import type { Executor, ExecutorEvents, Packet } from "../executor.ts";
import { FairQueue } from "../fair-queue.ts";
import { QueueBound } from "../packet-queue.ts";

/**
 * Queues packets while the server doesn't serve, as the kernel would, and passes them on to a pool while it does.
 *
 * The pool starts only once the server listens, because its workers may run the program again: if the address is taken, nothing has run.
 */
export class PausableExecutor implements Executor {
  readonly #createPool: () => Executor;
  #pool: Executor | null = null;
  readonly #events: ExecutorEvents;
  readonly #queue: FairQueue;
  readonly #onOne: (change: OneChange) => void;
  #isServing = false;
  #awaitsOne = false;
  /** The packet that was passed on alone. */
  #one: Packet | null = null;

  constructor(pool: (events: ExecutorEvents) => Executor, limits: Limits, events: ExecutorEvents, onOne: (change: OneChange) => void) {
    this.#events = events;
    this.#onOne = onOne;
    this.#queue = new FairQueue(new QueueBound(limits), (packet, error) => events.end(packet, dropped(error)));
    const poolEvents: ExecutorEvents = {
      end: (packet, result) => {
        events.end(packet, result);
        this.#hasEnded(packet);
      },
      reply: (packet, data) => events.reply(packet, data),
      report: (error, client) => events.report(error, client),
      shutdown: () => events.shutdown(),
    };
    this.#createPool = () => pool(poolEvents);
  }

  /** Starts the pool, unless it has started. */
  begin(): Executor {
    return (this.#pool ??= this.#createPool());
  }

  execute(packet: Packet): void {
    if (this.#isServing) return this.begin().execute(packet);
    this.#queue.push(packet);
    if (this.#awaitsOne) this.takeOne();
  }

  resume(): void {
    this.#isServing = true;
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) this.begin().execute(packet);
  }

  /** Passes one packet on: the first that waits, or the next that arrives. */
  takeOne(): void {
    const packet = this.#queue.shift();
    this.#awaitsOne = packet === undefined;
    if (packet === undefined) return;
    this.#one = packet;
    this.#onOne("begun");
    this.begin().execute(packet);
  }

  pause(): void {
    this.#isServing = false;
    if (!this.#awaitsOne) return;
    this.#awaitsOne = false;
    this.#onOne("none");
  }

  async close(graceMs: number): Promise<void> {
    this.pause();
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) {
      this.#events.end(
        packet,
        dropped(new OscDroppedError("close", "A packet that waited to be served was dropped because the server closed.")),
      );
    }
    await this.#pool?.close(graceMs);
  }

  #hasEnded(packet: Packet): void {
    if (packet !== this.#one) return;
    this.#one = null;
    this.#onOne("ended");
  }
}
