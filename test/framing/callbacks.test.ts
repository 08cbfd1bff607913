import { describe, expect, test } from "vitest";
import { OscServerError } from "../../src/errors.ts";
import type { OscFrameError } from "../../src/errors.ts";
import { createFrameDecoder, encodeFrame, encodeFrames } from "../../src/framing/index.ts";
import type { FrameDecoder, FrameDecoderOptions, Framing } from "../../src/framing/index.ts";
import { concat, hex, toHex } from "./events.ts";

const names = ["01000000", "02000000", "03000000", "04000000"];
const packets = names.map(hex);

/** A decoder whose callbacks get the decoder, too. */
function decoderWith(
  framing: Framing | "auto",
  onPacket: (decoder: FrameDecoder, name: string) => void,
  onError: (decoder: FrameDecoder, error: OscFrameError) => void = () => {},
): FrameDecoder {
  const options: FrameDecoderOptions = {
    onPacket: (packet) => onPacket(decoder, toHex(packet)),
    onError: (error) => onError(decoder, error),
  };
  const decoder = createFrameDecoder(framing, options);
  return decoder;
}

describe.each([
  ["1.0", "1.0"],
  ["1.1", "1.1"],
  ["auto", "1.0"],
  ["auto", "1.1"],
] as const)("decoder %s, stream %s", (choice, framing) => {
  const stream = encodeFrames(packets, framing);

  test("calls nothing more after close from onPacket", () => {
    const seen: string[] = [];
    const decoder = decoderWith(choice, (self, name) => {
      seen.push(name);
      if (seen.length === 2) self.close();
    });
    decoder.push(stream);
    decoder.push(stream);
    decoder.end();
    expect(seen).toEqual(names.slice(0, 2));
    expect(decoder.closed).toBe(true);
  });

  test("reads bytes pushed from onPacket after those being read, before the outer push returns", () => {
    const seen: string[] = [];
    const decoder = decoderWith(choice, (self, name) => {
      seen.push(name);
      if (seen.length === 1) {
        self.push(encodeFrame(hex("0a000000"), framing));
        self.push(encodeFrame(hex("0b000000"), framing).subarray(0, 4));
      }
    });
    decoder.push(stream);
    expect(seen).toEqual([...names, "0a000000"]);
    decoder.push(encodeFrame(hex("0b000000"), framing).subarray(4));
    expect(seen.at(-1)).toBe("0b000000");
  });

  test("reads the rest after end from onPacket, then ends", () => {
    const seen: string[] = [];
    const decoder = decoderWith(
      choice,
      (self, name) => {
        seen.push(name);
        self.end("broken");
        self.push(stream);
      },
      (_, error) => seen.push(error.code),
    );
    decoder.push(concat([stream, encodeFrame(hex("05000000"), framing).subarray(0, 3)]));
    expect(seen).toEqual([...names, "OSC_FRAME_TRUNCATED"]);
    expect(decoder.closed).toBe(true);
  });

  test("delivers the other packets if a callback throws, and throws its error from push", () => {
    const seen: string[] = [];
    const failure = new Error("handler");
    const decoder = decoderWith(choice, (_, name) => {
      seen.push(name);
      if (seen.length === 2) throw failure;
    });
    expect(() => decoder.push(stream)).toThrow(failure);
    expect(seen).toEqual(names);
    decoder.push(stream);
    expect(seen).toEqual([...names, ...names]);
  });

  test("throws an AggregateError if several callbacks throw", () => {
    const decoder = decoderWith(choice, (_, name) => {
      throw new Error(name);
    });
    expect(() => decoder.push(stream)).toThrow(
      expect.objectContaining({ name: "AggregateError", errors: names.map((name) => expect.objectContaining({ message: name })) }),
    );
    expect(() => decoder.push(encodeFrame(packets[0]!, framing))).toThrow(names[0]);
  });

  test("throws the error of a callback that closes and then throws", () => {
    const seen: string[] = [];
    const decoder = decoderWith(choice, (self, name) => {
      seen.push(name);
      self.close();
      throw new Error("gone");
    });
    expect(() => decoder.push(stream)).toThrow("gone");
    expect(() => decoder.push(stream)).not.toThrow();
    expect(seen).toHaveLength(1);
  });

  test("allows end and close to be called again", () => {
    const codes: string[] = [];
    const decoder = decoderWith(
      choice,
      () => {},
      (_, error) => codes.push(error.code),
    );
    decoder.push(stream.subarray(0, 3));
    decoder.end("broken");
    decoder.end();
    decoder.close();
    decoder.close();
    expect(codes).toEqual(["OSC_FRAME_TRUNCATED"]);
  });
});

test("lets onError close the decoder, and throw", () => {
  const codes: string[] = [];
  const stream = concat([hex("c0 db 41 c0 db 42 c0"), encodeFrame(packets[0]!, "1.1")]);
  const closing = decoderWith(
    "1.1",
    (_, name) => codes.push(name),
    (self, error) => {
      codes.push(error.code);
      self.close();
    },
  );
  closing.push(stream);
  expect(codes).toEqual(["OSC_FRAME_BAD_ESCAPE"]);

  const seen: string[] = [];
  const throwing = decoderWith(
    "1.1",
    (_, name) => seen.push(name),
    (_, error) => {
      throw error;
    },
  );
  expect(() => throwing.push(stream)).toThrow(expect.objectContaining({ name: "AggregateError" }));
  expect(seen).toEqual([names[0]]);
});

describe("options", () => {
  test.each([0, 3, -1, 4.5, NaN, Infinity, 0x80000000, "16" as unknown as number])("refuses maxPacketSize %s", (maxPacketSize) => {
    for (const framing of ["1.0", "1.1", "auto"] as const) {
      const make = (): FrameDecoder => createFrameDecoder(framing, { onPacket: () => {}, onError: () => {}, maxPacketSize });
      expect(make).toThrow(OscServerError);
      expect(make).toThrow(/maxPacketSize must be an integer from 4 to 2147483647/);
    }
  });

  test("refuses an unknown framing", () => {
    const framing = "2.0" as Framing;
    const refusal = expect.objectContaining({ code: "OSC_OPTION", message: expect.stringContaining('"2.0"') });
    expect(() => createFrameDecoder(framing, { onPacket: () => {}, onError: () => {} })).toThrow(refusal);
    expect(() => encodeFrame(packets[0]!, framing)).toThrow(refusal);
    expect(() => encodeFrames(packets, framing)).toThrow(refusal);
  });

  test("refuses text instead of bytes", () => {
    for (const framing of ["1.0", "1.1", "auto"] as const) {
      const decoder = createFrameDecoder(framing, { onPacket: () => {}, onError: () => {} });
      expect(() => decoder.push("c0" as unknown as Uint8Array)).toThrow(expect.objectContaining({ code: "OSC_VALUE_TYPE", value: "c0" }));
    }
  });
});
