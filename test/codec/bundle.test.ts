import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag } from "../../src/codec/index.ts";
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
});
