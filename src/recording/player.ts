import { TimeTag } from "../codec/index.ts";
import { type Clock, clockOption, systemClock } from "../dispatch/index.ts";
import { OscServerError } from "../errors.ts";
import {
  type CheckedOptions,
  MAX_TIMER_MS,
  type OptionChecks,
  bad,
  callback,
  milliseconds,
  oneOf,
  readOptions,
  abortSignal,
} from "../options.ts";
import type { RecordedPacket, Recording } from "./recording.ts";
import { isRelative, moveTimeTags, relativeMillis } from "./time-tags.ts";

/** The target of a {@link Player}: an Oscine client, or a function called with the bytes of each packet. A returned promise is awaited. */
export type PlayerTarget =
  | {
      /** Sends the bytes of a packet. */
      sendBytes(packet: Uint8Array): Promise<void>;
    }
  | ((packet: Uint8Array, recorded: RecordedPacket) => void | Promise<void>);

/** Options of a {@link Player}. */
export interface PlayerOptions {
  /** Playback speed relative to the recording. Above 0; default 1. */
  readonly speed?: number | undefined;
  /** How many times to play: an integer of at least 1, or `Infinity`. Default 1. */
  readonly times?: number | undefined;
  /** Start position, in milliseconds from the beginning of the recording. Default 0. */
  readonly from?: number | undefined;
  /** End position (exclusive), in milliseconds from the beginning of the recording. Default `Infinity`. */
  readonly to?: number | undefined;
  /**
   * How to treat the time tags of bundles. `"shift"` (default): move them with the recording, so a bundle recorded half a second ahead is played half a second
   * ahead. `"keep"`: leave them unchanged.
   */
  readonly timeTags?: "shift" | "keep" | undefined;
  /** Called after each packet. */
  readonly onPacket?: ((recorded: RecordedPacket, position: number) => void) | undefined;
  /** The clock for timing. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

/** How a {@link Player} ended. */
export interface PlayerSummary {
  /** Number of packets played. */
  readonly packets: number;
  /** False if `stop()` or the signal ended it. */
  readonly isComplete: boolean;
}

/** The system clock, with timers that keep the process alive: a program that only plays must not exit early. */
const playingClock: Clock = {
  wallNow: () => systemClock.wallNow(),
  monotonicNow: () => systemClock.monotonicNow(),
  setTimer: (call, delay) => setTimeout(call, Math.min(delay, MAX_TIMER_MS)),
  clearTimer: (timer) => systemClock.clearTimer(timer),
};

const CHECKS = {
  speed: (value, name) =>
    value === undefined ? 1 : typeof value === "number" && value > 0 && value < Infinity ? value : notA(name, "a number above 0", value),
  times: (value, name) =>
    value === undefined
      ? 1
      : value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1)
        ? (value as number)
        : notA(name, "an integer of at least 1, or Infinity", value),
  from: milliseconds(0, 0, Number.MAX_SAFE_INTEGER),
  to: milliseconds(Infinity),
  timeTags: oneOf(["shift", "keep"], "shift"),
  onPacket: callback<NonNullable<PlayerOptions["onPacket"]>>(),
  clock: clockOption,
} satisfies OptionChecks<PlayerOptions>;

function notA(name: string, expected: string, value: unknown): never {
  throw bad(name, expected, value);
}

/** Late packets are played without pausing; after this many, playback yields to the event loop. */
const BURST = 100;

/**
 * Plays a recording with its original timing. Each packet is timed from the start on a monotonic clock, so timing doesn't drift. Late packets are sent
 * immediately and in order.
 *
 * @example
 * const player = new Player(await openRecording("show.jsonl"), new UDPClient("127.0.0.1", 9000), { speed: 2 });
 * await player.play();
 */
export class Player {
  readonly #recording: Recording | AsyncIterable<RecordedPacket>;
  readonly #send: (packet: Uint8Array, recorded: RecordedPacket) => void | Promise<void>;
  readonly #options: CheckedOptions<typeof CHECKS>;
  readonly #clock: Clock;
  #state: "idle" | "playing" | "paused" = "idle";
  /** The position at {@link #anchorTime}. */
  #anchor = 0;
  /** On the monotonic clock. */
  #anchorTime = 0;
  /** The time at which the recording begins; positions are relative to it. */
  #start = 0;
  /** Set by `seek` and `stop` to end the current pass. */
  #interruption: { readonly seekTo: number | null } | null = null;
  #wake: (() => void) | null = null;

  /**
   * @throws OscServerError `OSC_OPTION` for an invalid option
   */
  constructor(recording: Recording | AsyncIterable<RecordedPacket>, target: PlayerTarget, options: PlayerOptions = {}) {
    if (typeof (recording as unknown as Partial<Recording> | null)?.[Symbol.asyncIterator] !== "function")
      throw bad("recording", "a recording, as returned by openRecording()", recording);
    if (typeof target !== "function" && typeof (target as Partial<typeof target> | null)?.sendBytes !== "function") {
      throw bad("target", "a client or a function", target);
    }
    this.#options = readOptions("Player", options, CHECKS);
    this.#recording = recording;
    this.#send = typeof target === "function" ? target : (packet) => target.sendBytes(packet);
    this.#clock = this.#options.clock ?? playingClock;
  }

  /** The current state. */
  get state(): "idle" | "playing" | "paused" {
    return this.#state;
  }

  /** The current position, in milliseconds from the beginning of the recording. */
  get position(): number {
    if (this.#state !== "playing") return this.#anchor;
    return this.#anchor + (this.#clock.monotonicNow() - this.#anchorTime) * this.#options.speed;
  }

  /**
   * Plays the recording. Resolves at the end, or when `stop()` or the signal ends playback; rejects if the recording can't be read or a packet can't be sent.
   *
   * @throws (rejects) any error from the recording's iterator or the target; OscServerError `OSC_WRONG_STATE` if it is already playing
   */
  async play(options?: { readonly signal?: AbortSignal }): Promise<PlayerSummary> {
    const { signal } = readOptions("play", options, { signal: abortSignal() });
    if (this.#state !== "idle")
      throw new OscServerError("OSC_WRONG_STATE", "This player is playing already. Stop it first, or create another one.");
    const { times, from } = this.#options;
    const stop = (): void => this.stop();
    signal?.addEventListener("abort", stop, { once: true });
    this.#interruption = signal?.aborted === true ? { seekTo: null } : null;
    this.#state = "playing";
    let packets = 0;
    let begin = from;
    try {
      for (let round = 0; round < times;) {
        packets += await this.#playFrom(begin, round + 1 < times);
        const interruption = this.#takeInterruption();
        if (interruption === null) {
          round += 1;
          begin = from;
        } else if (interruption.seekTo === null) return { packets, isComplete: false };
        else begin = interruption.seekTo;
      }
      return { packets, isComplete: true };
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#anchor = this.position;
      this.#state = "idle";
    }
  }

  /** Pauses until `resume()`. Does nothing unless it is playing. */
  pause(): void {
    if (this.#state !== "playing") return;
    this.#anchor = this.position;
    this.#state = "paused";
    this.#wake?.();
  }

  /** Continues from where `pause()` stopped. */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#anchorTime = this.#clock.monotonicNow();
    this.#state = "playing";
    this.#wake?.();
  }

  /** Continues from a position in milliseconds from the beginning. Requires a recording that can be iterated again, such as a file. */
  seek(position: number): void {
    if (!Number.isFinite(position)) throw bad("position", "a number of milliseconds", position);
    if (this.#state === "idle") return;
    this.#interruption = { seekTo: Math.max(0, position) };
    this.#wake?.();
  }

  /** Ends `play()`. */
  stop(): void {
    if (this.#state === "idle") return;
    this.#interruption = { seekTo: null };
    this.#wake?.();
  }

  #takeInterruption(): { readonly seekTo: number | null } | null {
    const interruption = this.#interruption;
    this.#interruption = null;
    return interruption;
  }

  /**
   * Plays once, until the end or an interruption.
   *
   * @param isAgain whether another pass follows
   * @returns the number of packets
   */
  async #playFrom(begin: number, isAgain: boolean): Promise<number> {
    const { to, onPacket } = this.#options;
    let start = "start" in this.#recording ? this.#recording.start : null;
    let packets = 0;
    let burst = 0;
    this.#anchor = begin;
    this.#anchorTime = this.#clock.monotonicNow();
    for await (const recorded of this.#recording) {
      start ??= recorded.time;
      this.#start = start;
      const position = recorded.time - start;
      if (position >= to) {
        // A repeated part keeps its full length.
        if (isAgain) await this.#waitFor(to);
        break;
      }
      if (position < begin) continue;
      if (await this.#waitFor(position)) burst = 0;
      else if (++burst % BURST === 0) await this.#sleep(0);
      if (this.#interruption !== null) break;
      const done = this.#send(this.#withShiftedTimeTags(recorded), recorded);
      if (done !== undefined) await done;
      packets += 1;
      onPacket?.(recorded, position);
    }
    return packets;
  }

  /** Waits for the position. False if it was already reached. */
  async #waitFor(position: number): Promise<boolean> {
    let hasWaited = false;
    while (this.#interruption === null) {
      const left = this.#state === "paused" ? Infinity : (position - this.position) / this.#options.speed;
      if (left <= 0) break;
      hasWaited = true;
      await this.#sleep(left);
    }
    return hasWaited;
  }

  /** Sleeps until the time is over, or `pause`, `resume`, `seek` or `stop` is called. */
  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds === Infinity ? null : this.#clock.setTimer(() => this.#wake?.(), milliseconds);
      this.#wake = () => {
        if (timer !== null) this.#clock.clearTimer(timer);
        this.#wake = null;
        resolve();
      };
    });
  }

  #withShiftedTimeTags(recorded: RecordedPacket): Uint8Array {
    if (this.#options.timeTags === "keep") return recorded.data;
    return moveTimeTags(recorded.data, (tag) => {
      const position = isRelative(tag) ? relativeMillis(tag) : tag.toMillis() - this.#start;
      return TimeTag.from(this.#clock.wallNow() + (position - this.position) / this.#options.speed);
    });
  }
}
