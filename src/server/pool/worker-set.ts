import { type OscError, OscServerError } from "../../errors.ts";
import { serverClosed, withinTime } from "../executor.ts";
import { PoolSlot, type Phase } from "./pool-slot.ts";
import type { RecordBody } from "./records.ts";
import type { WorkerKind } from "./worker.ts";

/** How many workers may be starting at once: more would only make each of them later. */
const MAX_STARTING = 8;
/** The same until the first is ready, because the server starts with it. */
const MAX_STARTING_FIRST = 2;
/** How long a worker may take to end by itself, and how long the end of killed ones is awaited. */
const RETIRE_MS = 2000;
const KILL_MS = 2000;
/** The first wait after a start that failed, and the longest. */
const BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
/** So many failures in a row are taken as a sign that no start will succeed. */
const MAX_FAILURES = 5;

/** What the workers of a pool need of it. */
export interface WorkerSetOwner {
  /** How many packets wait that another worker would help. */
  packetsInNeed(): number;
  /** Some worker can take packets, or none will. */
  dispatch(): void;
  /** A worker says something. */
  record(slot: PoolSlot, record: RecordBody, id?: number): void;
  /** A worker ends. What it has is lost for that reason, unless it didn't begin with it. */
  lose(slot: PoolSlot, error: OscError): void;
  report(error: OscError): void;
}

/** Spaces out starts that fail, and tells when to give up hope. */
export class Backoff {
  /** How many starts have failed in a row. */
  failures = 0;
  #notBefore = 0;

  /** True if packets should no longer wait for a start that succeeds. */
  get isHopeless(): boolean {
    return this.failures >= MAX_FAILURES;
  }

  /** How long until the next start may be tried, in milliseconds; 0 or less if it may be now. */
  get wait(): number {
    return this.#notBefore - performance.now();
  }

  failed(): void {
    this.failures += 1;
    this.#notBefore = performance.now() + Math.min(BACKOFF_MS * 2 ** (this.failures - 1), LONGEST_BACKOFF_MS);
  }

  succeeded(): void {
    this.failures = 0;
    this.#notBefore = 0;
  }
}

/** The workers of a pool: starts as many as are needed, replaces those that end, and ends those that are idle for long. */
export class WorkerSet {
  /** Resolves when the first worker is ready: null, or why none is. No other is tried then. */
  readonly started: Promise<OscError | null>;
  readonly #kind: WorkerKind;
  readonly #owner: WorkerSetOwner;
  readonly #slots = new Set<PoolSlot>();
  /** Those that can take a packet. The last is taken first, so that those not needed are idle for long. */
  readonly #free: PoolSlot[] = [];
  readonly #backoff = new Backoff();
  #hasStarted = false;
  #onStarted: (error: OscError | null) => void = () => undefined;
  /** Why a worker could not be started last. */
  #failure: OscError | null = null;
  #isClosing = false;
  #onEmpty: () => void = () => undefined;
  #growTimer: NodeJS.Timeout | undefined;
  #shrinkTimer: NodeJS.Timeout | undefined;

  constructor(kind: WorkerKind, owner: WorkerSetOwner) {
    this.#kind = kind;
    this.#owner = owner;
    this.started = new Promise((resolve) => {
      this.#onStarted = resolve;
    });
    if (kind.readyAtOnce) {
      this.#hasStarted = true;
      this.#onStarted(null);
    } else {
      this.#grow();
    }
  }

  [Symbol.iterator](): Iterator<PoolSlot> {
    return this.#slots.values();
  }

  /** Why no worker is there and none is expected; null otherwise. */
  get failure(): OscError | null {
    if (this.#failure === null || this.#hasReady) return null;
    return this.#hasFailed || (this.#backoff.isHopeless && this.#backoff.wait > 0) ? this.#failure : null;
  }

  /** Takes a worker that can be given a packet. */
  takeFree(): PoolSlot | undefined {
    const { readyAtOnce, max } = this.#kind;
    if (readyAtOnce && this.#free.length === 0 && this.#slots.size < max) this.#startOne();
    return this.#free.pop();
  }

  /** A worker was given packets. */
  gave(slot: PoolSlot): void {
    // Behind the others, so that those that can take more take turns.
    if (slot.hasRoom) this.#free.unshift(slot);
    if (this.#free.length < this.#kind.spare) this.#grow();
  }

  /** A worker has ended a packet, or got rid of some: it can take others, or has done its work. */
  freed(slot: PoolSlot): void {
    const { packetsInAll, idleTimeout } = this.#kind;
    this.#backoff.succeeded();
    if (slot.phase !== "ready") return;
    if (this.#isClosing || slot.given >= packetsInAll) {
      if (slot.load === 0) this.#retire(slot);
    } else if (slot.hasRoom) {
      if (!this.#free.includes(slot)) this.#free.push(slot);
      if (slot.load === 0) this.#shrinkTimer ??= setTimeout(() => this.#shrink(), idleTimeout).unref();
    }
  }

  /** Packets wait: starts workers for them if they still do after a while. */
  growSoon(): void {
    this.#growLater(this.#kind.patience);
  }

  /** A worker can take packets. */
  ready(slot: PoolSlot): void {
    if (slot.phase !== "starting") return;
    if (this.#hasFailed) return this.kill(slot, serverClosed());
    slot.enter("ready");
    slot.since = performance.now();
    this.#free.push(slot);
    this.#hasStarted = true;
    this.#onStarted(null);
    this.#owner.dispatch();
    this.#grow();
  }

  /** Ends a worker by force. What it was handling is lost with that error. */
  kill(slot: PoolSlot, error: OscError): void {
    const { phase } = slot;
    if (phase === "killed") return;
    this.#leave(slot, "killed");
    this.#owner.lose(slot, error);
    slot.worker?.kill(phase === "starting");
    if (phase === "starting") this.#startFailed(error);
    this.#owner.dispatch();
    this.#grow();
  }

  /** Ends all workers: those with packets when they are done, or when the grace is over. */
  async close(graceMs: number, error: OscError): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#growTimer);
    clearTimeout(this.#shrinkTimer);
    for (const slot of this.#slots) {
      if (slot.phase === "starting") this.kill(slot, serverClosed());
      else if (slot.load === 0) this.#retire(slot);
    }
    await this.#empty(graceMs);
    for (const slot of this.#slots) this.kill(slot, error);
    await this.#empty(KILL_MS);
  }

  /** Waits until no worker is left, but not longer than that. */
  async #empty(ms: number): Promise<void> {
    if (this.#slots.size === 0) return;
    await withinTime(ms, (done) => (this.#onEmpty = done));
  }

  /** True if the first worker didn't become ready: no other is tried. */
  get #hasFailed(): boolean {
    return !this.#hasStarted && this.#failure !== null;
  }

  get #hasReady(): boolean {
    for (const { phase } of this.#slots) if (phase === "ready") return true;
    return false;
  }

  /** Starts as many workers as are missing and may be started now. */
  #grow(): void {
    if (this.#isClosing || this.#hasFailed) return;
    const starting = this.#count("starting");
    const missing = this.#backoff.isHopeless ? Math.min(1, this.#owner.packetsInNeed()) : this.#missing(starting);
    const together = this.#backoff.failures > 0 ? 1 : this.#hasStarted ? MAX_STARTING : MAX_STARTING_FIRST;
    const most = Math.min(together - starting, this.#kind.max - this.#slots.size);
    const { wait } = this.#backoff;
    if (missing > 0 && wait > 0) this.#growLater(wait);
    else for (let left = Math.min(missing, most); left > 0; left -= 1) this.#startOne();
  }

  #missing(starting: number): number {
    const { min, spare } = this.#kind;
    const needed = this.#owner.packetsInNeed() + spare - starting - this.#free.length;
    return Math.max(needed, min - starting - this.#count("ready"));
  }

  #growLater(ms: number): void {
    if (this.#isClosing) return;
    this.#growTimer ??= setTimeout(() => {
      this.#growTimer = undefined;
      this.#grow();
      this.#owner.dispatch();
    }, ms);
  }

  #count(phase: Phase): number {
    let count = 0;
    for (const slot of this.#slots) if (slot.phase === phase) count += 1;
    return count;
  }

  /** Ends workers that have not been needed for long. */
  #shrink(): void {
    const { min, spare, idleTimeout } = this.#kind;
    this.#shrinkTimer = undefined;
    const alive = this.#count("ready") + this.#count("starting");
    for (let left = Math.min(alive - min, this.#free.length - spare); left > 0; left -= 1) {
      const slot = this.#free.find(({ load }) => load === 0);
      if (slot === undefined) return;
      const rest = slot.since + idleTimeout - performance.now();
      if (rest > 0) {
        this.#shrinkTimer = setTimeout(() => this.#shrink(), rest + 1).unref();
        return;
      }
      this.#retire(slot);
    }
  }

  #startOne(): void {
    const kind = this.#kind;
    const slot = new PoolSlot(kind);
    this.#slots.add(slot);
    try {
      slot.worker = kind.start({
        record: (record, id) => this.#owner.record(slot, record, id),
        ended: (how) => this.#ended(slot, slot.reason ?? how),
      });
    } catch (error) {
      return this.#ended(slot, `it could not be started: ${String(error)}`);
    }
    if (kind.readyAtOnce) {
      slot.enter("ready");
      this.#free.push(slot);
      return;
    }
    slot.timer = setTimeout(() => {
      const how = `it did not get there within startTimeout (${kind.startTimeout} ms)`;
      this.kill(slot, new OscServerError(kind.code, kind.explainStart(how)));
    }, kind.startTimeout);
  }

  #retire(slot: PoolSlot): void {
    if (slot.phase !== "ready") return;
    this.#leave(slot, "retiring");
    slot.timer = setTimeout(() => this.kill(slot, serverClosed()), RETIRE_MS);
    slot.worker?.retire();
    this.#grow();
  }

  #ended(slot: PoolSlot, how: string): void {
    if (!this.#slots.delete(slot)) return;
    const { code, noun } = this.#kind;
    const { phase, load, given } = slot;
    this.#leave(slot, "killed");
    this.#owner.lose(slot, new OscServerError(code, `A packet was lost because the ${noun} that handled it ended: ${how}.`));
    if (phase === "starting") this.#startFailed(new OscServerError(code, this.#kind.explainStart(how)));
    else if (phase === "ready" && given === 0) {
      this.#startFailed(new OscServerError(code, `A ${noun} of the server ended before it was given a packet: ${how}.`));
    } else if (phase === "ready" && load === 0 && !this.#isClosing) {
      this.#owner.report(new OscServerError(code, `A ${noun} of the server ended while it had nothing to do: ${how}.`));
    }
    if (this.#slots.size === 0) this.#onEmpty();
    this.#owner.dispatch();
    this.#grow();
  }

  /** No packet is given to the worker from now on. */
  #leave(slot: PoolSlot, phase: Phase): void {
    slot.enter(phase);
    const index = this.#free.indexOf(slot);
    if (index !== -1) this.#free.splice(index, 1);
  }

  /** The next start waits longer each time. The first failure is reported, and after several how many there were. */
  #startFailed(error: OscError): void {
    if (this.#isClosing || this.#hasFailed) return;
    this.#backoff.failed();
    this.#failure = error;
    if (!this.#hasStarted) return this.#onStarted(error);
    const { failures, isHopeless } = this.#backoff;
    if (failures === 1) this.#owner.report(error);
    if (!isHopeless) return;
    this.#failure = new OscServerError(this.#kind.code, `${error.message} This has happened ${failures} times in a row.`);
    if (failures % 5 === 0) this.#owner.report(this.#failure);
  }
}
