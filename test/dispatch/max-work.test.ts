import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { OscDroppedError, type OscError } from "../../src/errors.ts";

const CLIENT = { address: "127.0.0.1", port: 9, family: "IPv4" } as const;

/** A dispatcher with so many addresses, and how often each was called. */
function mixer(channels: number, maxWork?: number): { dispatcher: Dispatcher; calls: () => number } {
  let calls = 0;
  const dispatcher = new Dispatcher(maxWork === undefined ? {} : { maxWork });
  for (let index = 0; index < channels; index++) dispatcher.map(`/ch${index}`, () => void calls++);
  return { dispatcher, calls: () => calls };
}

function handle(dispatcher: Dispatcher, ...addresses: string[]): OscError[] {
  const errors: OscError[] = [];
  const packet =
    addresses.length === 1 ? new OscMessage(addresses[0]!) : new OscBundle(addresses.map((address) => new OscMessage(address)));
  dispatcher.callHandlersForPacket(encode(packet), CLIENT, { onError: (error) => errors.push(error) });
  return errors;
}

describe("maxWork", () => {
  test("drops what is left of a bundle when its patterns have been too much work, and says how many", () => {
    const { dispatcher, calls } = mixer(100);
    const patterns = Array.from({ length: 200 }, (_, index) => `/*[!${String.fromCharCode(0x100 + index)}]`);
    const errors = handle(dispatcher, ...patterns, "/ch1");
    // Each finds 100: 100 comparisons, 100 times 20, 100 calls.
    expect(calls()).toBe(46 * 100);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(OscDroppedError);
    expect(errors[0]).toMatchObject({ limit: "maxWork", message: expect.stringMatching(/^The last 155 messages .*maxWork \(100000\)\.$/) });
    expect(handle(dispatcher, "/ch1"), "the next packet is a new beginning").toEqual([]);
  });

  test("counts only the calls of a pattern that has been seen", () => {
    const { dispatcher, calls } = mixer(100);
    expect(handle(dispatcher, ...Array.from({ length: 900 }, () => "/*"))).toEqual([]);
    expect(calls()).toBe(90_000);
  });

  test("never drops a message on its own, or the largest bundle of plain messages that a datagram holds", () => {
    const { dispatcher, calls } = mixer(100, 1);
    expect(handle(dispatcher, "/*")).toEqual([]);
    expect(calls()).toBe(100);
    const plain = mixer(5400);
    expect(handle(plain.dispatcher, ...Array.from({ length: 5400 }, (_, index) => `/ch${index}`))).toEqual([]);
    expect(plain.calls()).toBe(5400);
  });

  test("can be set, and is checked", () => {
    const { dispatcher, calls } = mixer(3, 2);
    expect(handle(dispatcher, "/ch0", "/ch1", "/ch2")).toMatchObject([{ code: "OSC_DROPPED", limit: "maxWork" }]);
    expect(calls()).toBe(2);
    expect(() => new Dispatcher({ maxWork: 0 })).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
    expect(new Dispatcher({ maxWork: Infinity }).maxWork).toBe(Infinity);
  });
});
