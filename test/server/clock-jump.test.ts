import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { EventLoopExecutor } from "../../src/server/event-loop-executor.ts";
import { Pipeline } from "../../src/server/pipeline.ts";
import { ManualClock } from "../dispatch/manual-clock.ts";
import { RecordingPeer, limits } from "./fixtures.ts";

const HOUR = 3_600_000;

/** The road that packets take in every kind of server, under a clock that is turned by hand. */
function served(): { road: Pipeline; clock: ManualClock; handled: string[]; send: (name: string, aheadMs: number) => void } {
  const clock = new ManualClock();
  const handled: string[] = [];
  const dispatcher = new Dispatcher();
  dispatcher.map("/*", (address: string) => void handled.push(address));
  const bounds = limits();
  const handling = { ...bounds, dispatcher, mode: "async" as const, verifier: { verifyRequest: () => true }, shutdown: () => undefined };
  const road = new Pipeline({
    limits: bounds,
    strictTiming: true,
    clock,
    onError: (error) => handled.push(error.code),
    onShutdown: () => undefined,
    executor: (events) => new EventLoopExecutor(handling, bounds, { concurrency: 1, order: "client" }, events),
  });
  const peer = new RecordingPeer();
  const send = (name: string, aheadMs: number): void => {
    road.onPacket(encode(new OscBundle([new OscMessage(name)], TimeTag.from(clock.wallNow() + aheadMs))), peer);
  };
  return { road, clock, handled, send };
}

describe.each([HOUR, -HOUR])("the system's clock jumps by %d ms while bundles wait", (jump) => {
  test("handles them exactly when their remaining time is over", () => {
    const { road, clock, handled, send } = served();
    send("/waiting", 1000);
    clock.jump(jump);
    clock.advance(998);
    expect([handled, road.counters.stats().waiting]).toEqual([[], 1]);
    clock.advance(3);
    expect(handled).toEqual(["/waiting"]);
    expect(road.counters.stats()).toMatchObject({ received: 1, handled: 1, waiting: 0 });
  });

  test("compares bundles that arrive after the jump with the new time", () => {
    const { clock, handled, send } = served();
    send("/before", 60_000);
    clock.jump(jump);
    send("/after", 100);
    send("/past", -10);
    expect(handled).toEqual(["/past"]);
    clock.advance(102);
    expect(handled).toEqual(["/past", "/after"]);
    clock.advance(60_000);
    expect(handled).toEqual(["/past", "/after", "/before"]);
  });
});
