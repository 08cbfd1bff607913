import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, decode, encode } from "../../src/codec/index.ts";
import { Player, type PlayerOptions, type RecordedPacket } from "../../src/recording/index.ts";
import type { Clock } from "../../src/dispatch/index.ts";

/** A clock that advances once all pending work is done. */
class FakeClock implements Clock {
  now = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly call: () => void }>();
  #id = 0;
  wallNow(): number {
    return Date.parse("2026-01-01T00:00:00Z") + this.now;
  }
  monotonicNow(): number {
    return this.now;
  }
  setTimer(call: () => void, delay: number): unknown {
    this.#timers.set(++this.#id, { at: this.now + delay, call });
    return this.#id;
  }
  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as number);
  }
  /** Runs timers in order until `done`. */
  async run(done: Promise<unknown>): Promise<void> {
    const state = { isDone: false };
    const end = (): void => void (state.isDone = true);
    void done.then(end, end);
    while (!state.isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = [...this.#timers].toSorted(([, a], [, b]) => a.at - b.at);
      if (next === undefined) continue;
      this.#timers.delete(next[0]);
      this.now = Math.max(this.now, next[1].at);
      next[1].call();
    }
  }
}

function recording(
  times: readonly number[],
  make: (index: number) => OscMessage | OscBundle = (index) => new OscMessage("/n", [index]),
): AsyncIterable<RecordedPacket> {
  return {
    async *[Symbol.asyncIterator]() {
      for (const [index, time] of times.entries())
        yield { time, source: null, destination: null, transport: null, data: encode(make(index)).slice() };
    },
  };
}

async function play(
  times: readonly number[],
  options: PlayerOptions = {},
  during: (player: Player, clock: FakeClock, index: number) => void = () => undefined,
): Promise<{ played: [number, number][]; summary: unknown }> {
  const clock = new FakeClock();
  const played: [number, number][] = [];
  const player: Player = new Player(
    recording(times),
    (packet) => {
      const index = (decode(packet) as OscMessage).args[0] as number;
      played.push([clock.now, index]);
      during(player, clock, index);
    },
    { clock, ...options },
  );
  const done = player.play();
  await clock.run(done);
  return { played, summary: await done };
}

describe("Player", () => {
  test("plays each packet at its time relative to the first", async () => {
    const { played, summary } = await play([5000, 5000, 5001.5, 6000]);
    expect(played).toEqual([
      [0, 0],
      [0, 1],
      [1.5, 2],
      [1000, 3],
    ]);
    expect(summary).toEqual({ packets: 4, isComplete: true });
  });

  test("plays 10,000 packets at 1,000 per second, each at its exact time", async () => {
    const { played } = await play(Array.from({ length: 10_000 }, (_, index) => 1e12 + index));
    expect(played.every(([at, index]) => at === index)).toBe(true);
    expect(played).toHaveLength(10_000);
  });

  test("speed, from, to and times control what is played", async () => {
    const { played } = await play([0, 100, 200, 300], { speed: 2, from: 100, to: 300, times: 2 });
    expect(played).toEqual(
      [
        [0, 1],
        [50, 2],
        [100, 1],
        [150, 2],
      ].map(([at, index]) => [expect.closeTo(at ?? 0), index]),
    );
  });

  test("plays packets delayed by a slow target in order, and later ones on time", async () => {
    const { played } = await play([0, 10, 20, 30, 200], {}, (_player, clock, index) => {
      if (index === 0) clock.now += 100;
    });
    expect(played).toEqual([
      [0, 0],
      [100, 1],
      [100, 2],
      [100, 3],
      [200, 4],
    ]);
  });

  test("resume continues from where pause stopped", async () => {
    const { played } = await play([0, 100, 200], {}, (player, clock, index) => {
      if (index !== 1) return;
      player.pause();
      clock.setTimer(() => player.resume(), 1000);
    });
    expect(played).toEqual([
      [0, 0],
      [100, 1],
      [1200, 2],
    ]);
  });

  test("seek jumps forwards and backwards", async () => {
    let jumped = 0;
    const { played } = await play([0, 100, 200, 300], {}, (player, _clock, index) => {
      if (index === 1 && jumped++ === 0) player.seek(300);
      else if (index === 3 && jumped++ === 1) player.seek(100);
    });
    expect(played.map(([, index]) => index)).toEqual([0, 1, 3, 1, 2, 3]);
  });

  test("stop and an aborted signal end playback, and it can play again", async () => {
    const { played, summary } = await play([0, 100, 200], {}, (player, _clock, index) => {
      if (index === 1) player.stop();
    });
    expect([played.length, summary]).toEqual([2, { packets: 2, isComplete: false }]);
    const player = new Player(recording([0, 60_000]), () => undefined);
    expect(await player.play({ signal: AbortSignal.abort() })).toEqual({ packets: 0, isComplete: false });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 5);
    expect(await player.play({ signal: stop.signal })).toEqual({ packets: 1, isComplete: false });
  });

  test("shifts time tags, also in nested bundles and at another speed, unless told to keep them", async () => {
    const T = Date.parse("2020-05-05T00:00:00Z");
    const bundle = new OscBundle([new OscBundle([new OscMessage("/a")], TimeTag.from(T + 2000))], TimeTag.from(T + 1000));
    const tags = async (timeTags: "shift" | "keep"): Promise<number[]> => {
      const clock = new FakeClock();
      let seen: number[] = [];
      const take = (packet: Uint8Array): void => {
        const { timeTag, elements } = decode(packet) as OscBundle;
        seen = [timeTag.toMillis(), (elements[0] as OscBundle).timeTag.toMillis()];
      };
      const done = new Player(
        recording([T], () => bundle),
        take,
        { clock, timeTags, speed: 2 },
      ).play();
      await clock.run(done);
      return seen.map((time) => Math.round(time - (timeTags === "shift" ? clock.wallNow() : T)));
    };
    expect(await tags("shift")).toEqual([500, 1000]);
    expect(await tags("keep")).toEqual([1000, 2000]);
  });

  test("an error from the target ends playback", async () => {
    const player = new Player(recording([0, 1]), () => Promise.reject(new Error("gone")));
    await expect(player.play()).rejects.toThrow("gone");
    expect(player.state).toBe("idle");
  });

  test("rejects playing twice at once and invalid options", async () => {
    const player = new Player(recording([0, 1000]), () => undefined);
    const first = player.play();
    await expect(player.play()).rejects.toMatchObject({ code: "OSC_WRONG_STATE" });
    player.stop();
    await first;
    for (const options of [{ speed: 0 }, { speed: "2" }, { times: 0 }, { from: -1 }, { loop: true }, null, { timeTags: "drop" }]) {
      expect(() => new Player(recording([]), () => undefined, options as never)).toThrow(
        expect.objectContaining({ code: "OSC_OPTION" }) as Error,
      );
    }
    expect(() => new Player([] as never, () => undefined)).toThrow(/recording must be a recording/);
    expect(() => new Player(recording([]), {} as never)).toThrow(/target must be a client or a function/);
  });
});
