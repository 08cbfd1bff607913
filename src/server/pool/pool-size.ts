import { availableParallelism } from "node:os";
import type { OscError } from "../../errors.ts";
import type { Member, PoolMembers } from "./pool-members.ts";
import type { PoolPolicy, PoolState } from "./pool-worker.ts";
import { StartBackoff } from "./start-backoff.ts";

/** Starting a worker is work for a processor: more at once than there are processors would only make each of them later. */
const MAX_STARTING = Math.max(2, availableParallelism());

/** What a pool lets its size be decided with. */
export interface PoolSizeSetup {
  readonly policy: PoolPolicy;
  readonly members: PoolMembers;
  /** How many packets wait. */
  readonly queued: () => number;
  readonly startOne: () => void;
  readonly retire: (member: Member) => void;
}

/** Sees to it that a pool has as many workers as it needs: starts them when packets wait, and ends those that have not been needed for long. */
export class PoolSize {
  readonly #setup: PoolSizeSetup;
  readonly #backoff = new StartBackoff();
  /** Since when there has always been a packet waiting. */
  #waitingSince = 0;
  #growTimer: NodeJS.Timeout | null = null;
  #idleTimer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(setup: PoolSizeSetup) {
    this.#setup = setup;
  }

  /** What is to be said of packets that come while no worker is ready and none is being started; null where one is. */
  get verdict(): OscError | null {
    return this.#backoff.verdict;
  }

  /** True where packets should no longer wait for a start that succeeds. */
  get isHopeless(): boolean {
    return this.#backoff.isHopeless;
  }

  /** A packet is the first to wait. */
  waitBegins(): void {
    this.#waitingSince = performance.now();
  }

  /** A worker could not be started. The next start waits longer each time. */
  startFailed(error: OscError): void {
    this.#backoff.failed(error);
  }

  /** A worker has handled something. One that is only ready may die, and the next one, too. */
  succeeded(): void {
    this.#backoff.succeeded();
  }

  /** Starts as many workers as are missing and may be started now. */
  grow(): void {
    if (this.#closed) return;
    const { policy, members, queued } = this.#setup;
    const state = this.#state();
    const missing = this.#backoff.isHopeless ? Math.min(1, queued()) : policy.missing(state);
    const may = Math.min((this.#backoff.isFailing ? 1 : MAX_STARTING) - state.starting, policy.max - members.size);
    const { wait } = this.#backoff;
    if (missing > 0 && wait > 0) this.#growLater(wait);
    else for (let left = Math.min(missing, may); left > 0; left -= 1) this.#setup.startOne();
    if (queued() > 0) this.#growLater(Math.max(1, policy.patience));
  }

  /** As {@link grow}, but where packets are to have waited first only after that time: this is called for each packet. */
  growInTime(): void {
    const { policy, queued } = this.#setup;
    if (policy.patience === 0 || this.#backoff.isFailing) this.grow();
    else if (queued() > 0) this.#growLater(policy.patience);
  }

  /** A worker has nothing to do: it is ended later, if it is not needed by then. */
  shrinkInTime(): void {
    this.#idleTimer ??= setTimeout(() => this.#shrink(), this.#setup.policy.idleTimeout).unref();
  }

  /** Starts and ends nothing from now on. */
  close(): void {
    this.#closed = true;
    for (const timer of [this.#growTimer, this.#idleTimer]) if (timer !== null) clearTimeout(timer);
  }

  #state(): PoolState {
    const { policy, members, queued } = this.#setup;
    return members.state(performance.now() - this.#waitingSince >= policy.patience ? queued() : 0);
  }

  #growLater(ms: number): void {
    this.#growTimer ??= setTimeout(() => {
      this.#growTimer = null;
      this.grow();
    }, ms);
  }

  /** Ends workers that have not been needed for long. */
  #shrink(): void {
    const { policy, members, retire } = this.#setup;
    this.#idleTimer = null;
    const now = performance.now();
    for (let left = policy.superfluous(this.#state()); left > 0; left -= 1) {
      const member = members.longestIdle;
      if (member === undefined) return;
      const rest = member.idleSince + policy.idleTimeout - now;
      if (rest > 0) {
        this.#idleTimer = setTimeout(() => this.#shrink(), rest + 1).unref();
        return;
      }
      retire(member);
    }
  }
}
