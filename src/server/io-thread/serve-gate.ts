import { OscDroppedError } from "../../errors.ts";
import { dropped } from "../../packet-result.ts";
import type { OneChange } from "./messages.ts";
import type { Limits } from "../options.ts";
import type { Executor, ExecutorEvents, Packet } from "../executor.ts";
import { FairQueue } from "../fair-queue.ts";
import { QueueBound } from "../packet-queue.ts";

/**
 * Lets packets wait while nobody serves, as the kernel would, and passes them on to a pool when somebody does.
 *
 * The pool starts when the server listens and not before, for its workers may run the program again: where the address is taken, nothing has
 * been run.
 */
export class ServeGate implements Executor {
  readonly #createPool: () => Executor;
  #pool: Executor | null = null;
  readonly #events: ExecutorEvents;
  readonly #queue: FairQueue;
  readonly #onOne: (change: OneChange) => void;
  #isOpen = false;
  #wantsOne = false;
  /** The packet that was let through alone. */
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

  /** Starts the pool. Does nothing where that is done. */
  begin(): Executor {
    return (this.#pool ??= this.#createPool());
  }

  execute(packet: Packet): void {
    if (this.#isOpen) return this.begin().execute(packet);
    this.#queue.push(packet);
    if (this.#wantsOne) this.passOne();
  }

  open(): void {
    this.#isOpen = true;
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) this.begin().execute(packet);
  }

  /** Lets one packet through: the first that waits, or the next that comes. */
  passOne(): void {
    const packet = this.#queue.shift();
    this.#wantsOne = packet === undefined;
    if (packet === undefined) return;
    this.#one = packet;
    this.#onOne("begun");
    this.begin().execute(packet);
  }

  shut(): void {
    this.#isOpen = false;
    if (!this.#wantsOne) return;
    this.#wantsOne = false;
    this.#onOne("none");
  }

  async close(graceMs: number): Promise<void> {
    this.shut();
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
