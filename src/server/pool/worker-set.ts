import { type OscError, OscServerError } from "../../errors.ts";
import { serverClosed, withinTime } from "../executor.ts";
import { PoolSlot, type Phase } from "./pool-slot.ts";
import type { RecordBody } from "./records.ts";
import type { WorkerKind } from "./worker.ts";

/** Maximum number of workers starting at once: more would only slow each of them down. */
const MAX_STARTING = 8;
/** The same limit until the first worker is ready: the server waits for it. */
const MAX_STARTING_FIRST = 2;
/** How long a retiring worker may take to end, and how long `close` waits for killed workers. */
const RETIRE_MS = 2000;
const KILL_MS = 2000;
/** The first and the longest delay after a failed start. */
const BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
/** After this many failures in a row, packets no longer wait for a start to succeed. */
const MAX_FAILURES = 5;

/** What a {@link WorkerSet} needs from its pool. */
export interface WorkerSetOwner {
  /** Number of queued packets that would benefit from another worker. */
  workersNeeded(): number;
  /** Called when a worker has capacity, or when all have failed. */
  dispatch(): void;
  /** Called with each record from a worker. */
  record(slot: PoolSlot, record: RecordBody, id?: number): void;
  /** Called when a worker has ended or is killed. Packets that it had begun are dropped with this error, the others are queued again. */
  settlePackets(slot: PoolSlot, error: OscError): void;
  report(error: OscError): void;
}

/** Exponential backoff for starts that fail. */
export class Backoff {
  /** Number of failed starts in a row. */
  failures = 0;
  #notBefore = 0;

  /** True if packets should no longer wait for a start to succeed. */
  get hasGivenUp(): boolean {
    return this.failures >= MAX_FAILURES;
  }

  /** Milliseconds until the next start may be tried; 0 or less if now. */
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

/**
 * The workers of a pool, from start to end (see {@link Phase}). It decides how many there are: it starts workers when packets queue up, replaces
 * those that end, backs off while starts fail, and retires idle ones. The pool takes a worker with `takeFree`, assigns packets to it, and reports
 * back with `assigned` and `released`; the set calls the pool through {@link WorkerSetOwner}.
 */
export class WorkerSet {
  /** Resolves to null when the first worker is ready, or to the error if it failed; no other is started then. */
  readonly started: Promise<OscError | null>;
  readonly #kind: WorkerKind;
  readonly #owner: WorkerSetOwner;
  readonly #slots = new Set<PoolSlot>();
  /** Workers with capacity. Used last-in, first-out so that surplus workers go idle. */
  readonly #free: PoolSlot[] = [];
  readonly #backoff = new Backoff();
  #hasStarted = false;
  #onStarted: (error: OscError | null) => void = () => undefined;
  /** The error of the last failed start. */
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

  /** Why there is no worker and none is expected; null otherwise. */
  get failure(): OscError | null {
    if (this.#failure === null || this.#hasReady) return null;
    return this.#hasFailed || (this.#backoff.hasGivenUp && this.#backoff.wait > 0) ? this.#failure : null;
  }

  /** Takes a worker with capacity; undefined if there isn't one. */
  takeFree(): PoolSlot | undefined {
    const { readyAtOnce, max } = this.#kind;
    if (readyAtOnce && this.#free.length === 0 && this.#slots.size < max) this.#startOne();
    return this.#free.pop();
  }

  /** Called after packets were assigned to a worker from {@link takeFree}. */
  assigned(slot: PoolSlot): void {
    // Last in line, so that busy workers with capacity left share the load.
    if (slot.hasRoom) this.#free.unshift(slot);
    if (this.#free.length < this.#kind.spare) this.#grow();
  }

  /** Called after a worker has finished a packet or given some back: it gets more, or retires after its last one. */
  released(slot: PoolSlot): void {
    const { packetsInAll, idleTimeout } = this.#kind;
    this.#backoff.succeeded();
    if (slot.phase !== "ready") return;
    if (this.#isClosing || slot.packetCount >= packetsInAll) {
      if (slot.load === 0) this.#retire(slot);
    } else if (slot.hasRoom) {
      if (!this.#free.includes(slot)) this.#free.push(slot);
      if (slot.load === 0) this.#shrinkTimer ??= setTimeout(() => this.#shrink(), idleTimeout).unref();
    }
  }

  /** Starts workers if packets are still queued after the kind's `patience`. */
  growSoon(): void {
    this.#growLater(this.#kind.patience);
  }

  /** Called when a worker reports that it is ready. */
  ready(slot: PoolSlot): void {
    if (slot.phase !== "starting") return;
    if (this.#hasFailed) return this.kill(slot, serverClosed());
    slot.enter("ready");
    slot.lastActivity = performance.now();
    this.#free.push(slot);
    this.#hasStarted = true;
    this.#onStarted(null);
    this.#owner.dispatch();
    this.#grow();
  }

  /** Ends a worker by force. Packets that it had begun are dropped with this error. */
  kill(slot: PoolSlot, error: OscError): void {
    const { phase } = slot;
    if (phase === "killed") return;
    this.#leave(slot, "killed");
    this.#owner.settlePackets(slot, error);
    slot.worker?.kill(phase === "starting");
    if (phase === "starting") this.#startFailed(error);
    this.#owner.dispatch();
    this.#grow();
  }

  /** Ends all workers: idle ones now, busy ones when they finish, or by force after `graceMs`. */
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

  /** Waits until all workers have ended, at most for `ms`. */
  async #empty(ms: number): Promise<void> {
    if (this.#slots.size === 0) return;
    await withinTime(ms, (done) => (this.#onEmpty = done));
  }

  /** True if the first worker didn't become ready: no other is started. */
  get #hasFailed(): boolean {
    return !this.#hasStarted && this.#failure !== null;
  }

  get #hasReady(): boolean {
    for (const { phase } of this.#slots) if (phase === "ready") return true;
    return false;
  }

  /** Starts the workers that are needed, as far as the limits and the backoff allow. */
  #grow(): void {
    if (this.#isClosing || this.#hasFailed) return;
    const starting = this.#count("starting");
    const missing = this.#backoff.hasGivenUp ? Math.min(1, this.#owner.workersNeeded()) : this.#missing(starting);
    const together = this.#backoff.failures > 0 ? 1 : this.#hasStarted ? MAX_STARTING : MAX_STARTING_FIRST;
    const most = Math.min(together - starting, this.#kind.max - this.#slots.size);
    const { wait } = this.#backoff;
    if (missing > 0 && wait > 0) this.#growLater(wait);
    else for (let left = Math.min(missing, most); left > 0; left -= 1) this.#startOne();
  }

  #missing(starting: number): number {
    const { min, spare } = this.#kind;
    const needed = this.#owner.workersNeeded() + spare - starting - this.#free.length;
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

  /** Retires workers that have been idle for `idleTimeout`. */
  #shrink(): void {
    const { min, spare, idleTimeout } = this.#kind;
    this.#shrinkTimer = undefined;
    const alive = this.#count("ready") + this.#count("starting");
    for (let left = Math.min(alive - min, this.#free.length - spare); left > 0; left -= 1) {
      const slot = this.#free.find(({ load }) => load === 0);
      if (slot === undefined) return;
      const rest = slot.lastActivity + idleTimeout - performance.now();
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
      const how = `it was not ready within startTimeout (${kind.startTimeout} ms)`;
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
    const { phase, load, packetCount } = slot;
    this.#leave(slot, "killed");
    this.#owner.settlePackets(slot, new OscServerError(code, `A packet was lost because the ${noun} that handled it ended: ${how}.`));
    if (phase === "starting") this.#startFailed(new OscServerError(code, this.#kind.explainStart(how)));
    else if (phase === "ready" && packetCount === 0) {
      this.#startFailed(new OscServerError(code, `A ${noun} of the server ended before it received a packet: ${how}.`));
    } else if (phase === "ready" && load === 0 && !this.#isClosing) {
      this.#owner.report(new OscServerError(code, `A ${noun} of the server ended while it was idle: ${how}.`));
    }
    if (this.#slots.size === 0) this.#onEmpty();
    this.#owner.dispatch();
    this.#grow();
  }

  /** The worker gets no more packets from now on. */
  #leave(slot: PoolSlot, phase: Phase): void {
    slot.enter(phase);
    const index = this.#free.indexOf(slot);
    if (index !== -1) this.#free.splice(index, 1);
  }

  /** Delays the next start. Reports the first failure, and after that every fifth with their number. */
  #startFailed(error: OscError): void {
    if (this.#isClosing || this.#hasFailed) return;
    this.#backoff.failed();
    this.#failure = error;
    if (!this.#hasStarted) return this.#onStarted(error);
    const { failures, hasGivenUp } = this.#backoff;
    if (failures === 1) this.#owner.report(error);
    if (!hasGivenUp) return;
    this.#failure = new OscServerError(this.#kind.code, `${error.message} This has happened ${failures} times in a row.`);
    if (failures % 5 === 0) this.#owner.report(this.#failure);
  }
}
