import { OscServerError, type OscError } from "../../errors.ts";
import { ChildAnswers } from "./child-answers.ts";
import type { ChildInit } from "./child-frames.ts";
import type { ChildPoolDescription } from "./child-pool-options.ts";
import type { Packet } from "../executor.ts";
import type { PoolWorker, PoolWorkerEvents } from "../pool/pool-worker.ts";
import { timingDiffers } from "../pool/program.ts";
import { ZygoteProcess } from "./zygote-process.ts";

export interface ForkHostSetup {
  readonly description: ChildPoolDescription;
  readonly limits: ChildInit["limits"];
  /** Told of what is wrong with the program. */
  readonly onFault: (error: OscError) => void;
  /** Called for each child that is forked. */
  readonly onFork: () => void;
  /**
   * Starts a child in another way, where forking proves to be impossible. Null: there is no other way. From then on `start` does nothing
   * else.
   */
  readonly fallBack: ((events: PoolWorkerEvents) => PoolWorker) | null;
}

/** Lets a zygote fork the children of a pool. The zygote is started with the first of them, and again when it has died. */
export class ForkHost {
  readonly #setup: ForkHostSetup;
  #zygote: ZygoteProcess | null = null;
  #state: "unknown" | "forks" | "fell back" = "unknown";
  #closing = false;

  constructor(setup: ForkHostSetup) {
    this.#setup = setup;
  }

  /** True once a zygote has shown that it forks: a place for a child then costs nothing. */
  get forks(): boolean {
    return this.#state === "forks";
  }

  /** A place for a child, which is forked when a packet is there for it. */
  start(events: PoolWorkerEvents): PoolWorker {
    const { fallBack } = this.#setup;
    if (this.#state === "fell back" && fallBack !== null) return fallBack(events);
    const place = new Place(events);
    void this.#fill(place, events);
    return place;
  }

  /** Ends the zygote. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#zygote?.kill();
  }

  async #fill(place: Place, events: PoolWorkerEvents): Promise<void> {
    const { fallBack, onFork } = this.#setup;
    const found = await this.#usableZygote();
    if (place.isGone || this.#closing) return;
    const reason = typeof found === "string" ? found : null;
    if (reason === null) {
      this.#state = "forks";
      place.become(new ForkedChild(() => this.#usableZygote(), events, onFork));
      events.ready();
    } else if (fallBack === null || this.#state === "forks") {
      events.ended(reason);
    } else {
      this.#giveUp(reason);
      place.become(fallBack(events));
    }
  }

  /** A zygote that forks, or why there is none. */
  async #usableZygote(): Promise<ZygoteProcess | string> {
    try {
      const zygote = this.#zygoteAlive();
      return (await zygote.usable) ?? zygote;
    } catch (error) {
      return String(error);
    }
  }

  #zygoteAlive(): ZygoteProcess {
    if (this.#zygote !== null && !this.#zygote.isDead) return this.#zygote;
    const { description, limits, onFault } = this.#setup;
    const zygote = new ZygoteProcess(description, limits);
    this.#zygote = zygote;
    void zygote.usable.then((reason) => {
      if (reason === null && zygote.strictTiming !== description.strictTiming) onFault(timingDiffers(zygote.strictTiming));
    });
    return zygote;
  }

  #giveUp(reason: string): void {
    if (this.#state === "fell back") return;
    this.#state = "fell back";
    this.#setup.onFault(
      new OscServerError(
        "OSC_CHILD_FAILED",
        `Processes are not forked but started, for forking does not work here: ${reason}. The option strategy: "spawn" says so from the beginning.`,
      ),
    );
  }
}

/** Where a child will be, as soon as it is known how it is made. */
class Place implements PoolWorker {
  readonly #events: PoolWorkerEvents;
  #child: PoolWorker | null = null;
  isGone = false;

  constructor(events: PoolWorkerEvents) {
    this.#events = events;
  }

  become(child: PoolWorker): void {
    this.#child = child;
  }

  give(id: number, packet: Packet): void {
    this.#child?.give(id, packet);
  }

  retire(): void {
    if (this.#child === null) this.kill();
    else this.#child.retire();
  }

  kill(): void {
    if (this.#child !== null) return this.#child.kill();
    this.isGone = true;
    // Not before the pool has done what it is doing.
    queueMicrotask(() => this.#events.ended("it was no longer needed"));
  }
}

/** The pool's side of a child that is forked for its packet and ends after it. */
class ForkedChild implements PoolWorker {
  readonly #usableZygote: () => Promise<ZygoteProcess | string>;
  readonly #answers: ChildAnswers;
  readonly #onFork: () => void;
  /** What ends it; null until it has been forked. */
  #kill: (() => void) | null = null;
  #isGiven = false;
  #isGone = false;

  constructor(usableZygote: () => Promise<ZygoteProcess | string>, events: PoolWorkerEvents, onFork: () => void) {
    this.#usableZygote = usableZygote;
    // Of the time it is the zygote that speaks.
    this.#answers = new ChildAnswers(events, true);
    this.#onFork = onFork;
  }

  give(id: number, packet: Packet): void {
    this.#answers.packetId = id;
    this.#isGiven = true;
    void this.#fork(packet);
  }

  retire(): void {
    // One that has a packet ends by itself.
    if (!this.#isGiven) this.kill();
  }

  kill(): void {
    if (this.#kill !== null) return this.#kill();
    this.#isGone = true;
    // Not before the pool has done what it is doing.
    queueMicrotask(() => this.#answers.ended("it was no longer needed"));
  }

  /** The zygote may have died since the place for this child came to be; then another one is awaited. */
  async #fork({ data, peer, asOf }: Packet): Promise<void> {
    const zygote = await this.#usableZygote();
    if (this.#isGone) return;
    if (typeof zygote === "string") return this.#answers.ended(zygote);
    const id = zygote.nextId();
    this.#onFork();
    this.#kill = () => zygote.order({ type: "kill", id });
    zygote.listen(id, this.#answers);
    zygote.order({ type: "fork", id, packet: { data, client: peer.address, asOf } });
  }
}
