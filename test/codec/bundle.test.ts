import { describe, expect, test } from "vitest";
import { decode, encode, OscBundle, OscMessage, TimeTag } from "../../src/codec/index.ts";
import { OscEncodeError } from "../../src/errors.ts";
import { thrownBy } from "./support.ts";

const message = new OscMessage("/a");

describe("bundles", () => {
  test("of one packet or of several, at once unless a time is given", () => {
    expect(new OscBundle(message)).toMatchObject({ elements: [message], timeTag: TimeTag.IMMEDIATELY, errors: [] });
    expect(new OscBundle([message, message], new TimeTag(5, 6))).toMatchObject({
      elements: [message, message],
      timeTag: { seconds: 5, fraction: 6 },
    });
    expect(new OscBundle([]).elements).toEqual([]);
  });

  test("do not change with the list they were made of", () => {
    const list = [message];
    const bundle = new OscBundle(list);
    list.push(message);
    expect(bundle.elements.length).toBe(1);
  });

  test.each([[undefined], ["/a"], [{ address: "/a" }], [null]])("hold nothing but packets: %j", (element) => {
    const error = thrownBy(() => new OscBundle([element] as never));
    expect(error).toBeInstanceOf(OscEncodeError);
    expect(error).toMatchObject({ code: "OSC_VALUE_TYPE", value: element });
  });

  test.each([5, new Date(), null, 5n])("need a time tag: %s", (timeTag) => {
    expect(thrownBy(() => new OscBundle([], timeTag as never))).toMatchObject({ code: "OSC_VALUE_TYPE", value: timeTag });
  });

  test("hold no bundle that is earlier", () => {
    const time = new TimeTag(0xe0000000, 5);
    for (const earlier of [TimeTag.IMMEDIATELY, new TimeTag(0, 0), new TimeTag(0xe0000000, 4), new TimeTag(0xdfffffff, 9)]) {
      expect(thrownBy(() => new OscBundle(new OscBundle([], earlier), time))).toMatchObject({
        code: "OSC_VALUE_OUT_OF_RANGE",
        value: earlier,
      });
    }
    for (const fine of [time, new TimeTag(0xe0000000, 6), new TimeTag(0xe0000001, 0)]) {
      expect(new OscBundle(new OscBundle([], fine), time).elements.length).toBe(1);
    }
    expect(new OscBundle(new OscBundle([], time)).elements.length).toBe(1);
  });

  test("give their time to bundles inside them that have none, at any depth", () => {
    const time = new TimeTag(0xe0000000, 5);
    const later = new TimeTag(0xe0000000, 6);
    const dated = new OscBundle([message], later);
    const bundle = new OscBundle([message, new OscBundle([message, new OscBundle([dated])])], time);
    const inner = bundle.elements[1] as OscBundle;
    expect([inner.timeTag, (inner.elements[1] as OscBundle).timeTag]).toEqual([time, time]);
    expect((inner.elements[1] as OscBundle).elements[0]).toBe(dated);
    expect(decode(encode(bundle), { strict: true })).toEqual(bundle);
    expect(new OscBundle(new OscBundle(message)).timeTag).toBe(TimeTag.IMMEDIATELY);
  });

  test("do not change a time that was given, or decoded", () => {
    const time = new TimeTag(0xe0000000, 5);
    for (const given of [new OscBundle([], TimeTag.IMMEDIATELY), decode(encode(new OscBundle([]))) as OscBundle]) {
      expect(thrownBy(() => new OscBundle(given, time))).toMatchObject({ code: "OSC_VALUE_OUT_OF_RANGE" });
    }
    const inner = new OscBundle(new OscBundle([], new TimeTag(0xe0000000, 4)));
    expect(thrownBy(() => new OscBundle(inner, time))).toMatchObject({ code: "OSC_VALUE_OUT_OF_RANGE" });
  });

  test("take their elements in an array, and refuse a third argument", () => {
    expect(thrownBy(() => new OscBundle(message, message as never))).toMatchObject({ code: "OSC_VALUE_TYPE", value: message });
    const variadic = OscBundle as unknown as new (...args: unknown[]) => OscBundle;
    expect(thrownBy(() => new variadic(message, TimeTag.IMMEDIATELY, message))).toMatchObject({ code: "OSC_VALUE_TYPE", value: message });
  });
});
