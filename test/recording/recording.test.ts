import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, decode, encode, float, int } from "../../src/codec/index.ts";
import type { OscError } from "../../src/errors.ts";
import { lengthPrefixEncode, slipEncode } from "../../src/framing/index.ts";
import { vectors } from "../codec/support.ts";
import { createRecording, openRecording } from "../../src/recording/file.ts";
import { createRecordingWriter, readRecording } from "../../src/recording/index.ts";
import type { ReadRecordingOptions, RecordedPacket, WritableFormat } from "../../src/recording/index.ts";

const LOCAL = { address: "127.0.0.1", port: 53_201, family: "IPv4" } as const;
const T0 = Date.parse("2026-10-04T18:15:00.125Z");

function recorded(data: OscMessage | OscBundle, time = T0, more: Partial<RecordedPacket> = {}): RecordedPacket {
  return { time, source: LOCAL, destination: null, transport: "udp", data: encode(data).slice(), ...more };
}

function written(format: WritableFormat, packets: readonly RecordedPacket[], start: number | null = null): Uint8Array {
  const writer = createRecordingWriter(format, start);
  return Buffer.concat([writer.header(), ...packets.map((packet) => writer.packet(packet))]);
}

async function collect(packets: AsyncIterable<RecordedPacket>): Promise<RecordedPacket[]> {
  const list: RecordedPacket[] = [];
  for await (const packet of packets) list.push(packet);
  return list;
}

async function read(bytes: Uint8Array, options: ReadRecordingOptions = {}, pieceSize = 65_536): Promise<RecordedPacket[]> {
  const open = async function* (): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < bytes.length; from += pieceSize) yield bytes.slice(from, from + pieceSize);
  };
  return collect(await readRecording(open, options));
}

const show = [
  recorded(new OscMessage("/mixer/1/gain", [float(0.5)])),
  recorded(new OscMessage("/note", [int(60), "two words", true, null]), T0 + 250),
  recorded(new OscBundle([new OscMessage("/a", [1]), new OscMessage("/b", ["x"])], TimeTag.from(T0 + 1500)), T0 + 1000),
];

describe("every writable format", () => {
  for (const format of ["jsonl", "pcapng"] as const) {
    test(`${format} preserves packets, times and sources`, async () => {
      const bytes = written(format, show);
      for (const pieceSize of [1, 7, 65_536]) {
        const packets = await read(bytes, {}, pieceSize);
        expect(packets.map(({ data }) => Buffer.from(data).toString("hex"))).toEqual(
          show.map(({ data }) => Buffer.from(data).toString("hex")),
        );
        expect(packets.map(({ time }) => Math.round(time))).toEqual(show.map(({ time }) => time));
        expect(packets.map(({ source }) => source)).toEqual(show.map(({ source }) => source));
      }
    });
  }

  test("jsonl preserves every byte of packets from real programs, malformed packets and random bytes", async () => {
    const hexes = ["packets", "malformed"]
      .flatMap((name) => vectors<{ hex: string }>(name).map(({ hex }) => hex))
      .filter((hex) => hex !== "");
    const packets = hexes.map(
      (hex) => ({ time: T0, source: LOCAL, destination: null, transport: "udp", data: Uint8Array.from(Buffer.from(hex, "hex")) }) as const,
    );
    const read1 = await read(written("jsonl", packets));
    expect(read1.map(({ data }) => Buffer.from(data).toString("hex"))).toEqual(hexes);
  });

  test("a score counts from its first packet and wraps every message in a bundle", async () => {
    const packets = await read(written("score", show));
    expect(packets.map(({ time }) => Math.round(time))).toEqual([0, 250, 1500]);
    const [first] = packets;
    expect(first && decode(first.data)).toEqual(new OscBundle([new OscMessage("/mixer/1/gain", [float(0.5)])], new TimeTag(0, 0)));
  });

  test("a score that is read and written again is identical byte for byte", async () => {
    const score = written("score", show);
    expect(Buffer.from(written("score", await read(score), 0)).equals(score)).toBe(true);
  });

  test("oscdump text keeps messages, and writes bundles as lines with the same time", async () => {
    const bytes = written("oscdump", show);
    expect(Buffer.from(bytes).toString()).toContain('/note isTN 60 "two words" #T Nil\n');
    const packets = await read(bytes);
    expect(packets.map(({ data }) => decode(data))).toEqual(show.map(({ data }) => decode(data)));
  });

  test("oscdump text preserves every type that it can represent", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((value) => ["i", value] as const),
            fc.float({ noNaN: true }).map((value) => ["f", value] as const),
            fc.double({ noNaN: true }).map((value) => ["d", value] as const),
            fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ["h", value] as const),
            fc.stringMatching(/^[a-z0-9 _.,!-]*$/).map((value) => ["s", value] as const),
            fc.uint8Array({ maxLength: 40 }).map((value) => ["b", value] as const),
            fc.constantFrom(["T", true] as const, ["F", false] as const, ["N", null] as const, ["I", Infinity] as const),
          ),
          { maxLength: 8 },
        ),
        async (values) => {
          const message = new OscMessage(
            "/x",
            values.map(([, value]) => value),
            values.map(([tag]) => tag).join(""),
          );
          const [packet] = await read(written("oscdump", [recorded(message)]));
          expect(packet && decode(packet.data)).toEqual(decode(encode(message)));
        },
      ),
    );
  });
});

describe("captures", () => {
  const frames = (linkType: number, list: readonly Uint8Array[], { big = false, nano = false } = {}): Uint8Array => {
    const u32 = (value: number): number[] => {
      const view = new DataView(new ArrayBuffer(4));
      view.setUint32(0, value, !big);
      return [...new Uint8Array(view.buffer)];
    };
    const header = [
      ...u32(nano ? 0xa1b23c4d : 0xa1b2c3d4),
      ...(big ? [0, 2, 0, 4] : [2, 0, 4, 0]),
      ...u32(0),
      ...u32(0),
      ...u32(65_535),
      ...u32(linkType),
    ];
    const records = list.flatMap((frame, index) => [
      ...u32(1_700_000_000 + index),
      ...u32(nano ? 250_000_000 : 250_000),
      ...u32(frame.length),
      ...u32(frame.length),
      ...frame,
    ]);
    return Uint8Array.from([...header, ...records]);
  };
  const ipv4 = (protocol: number, payload: readonly number[], fragment = 0, id = 7): number[] => {
    const length = 20 + payload.length;
    return [
      0x45,
      0,
      length >> 8,
      length & 255,
      id >> 8,
      id & 255,
      fragment >> 8,
      fragment & 255,
      64,
      protocol,
      0,
      0,
      10,
      0,
      0,
      1,
      10,
      0,
      0,
      2,
      ...payload,
    ];
  };
  const udp = (payload: Uint8Array): number[] => {
    const length = 8 + payload.length;
    return [0x13, 0x88, 0x23, 0x28, length >> 8, length & 255, 0, 0, ...payload];
  };
  const tcp = (sequence: number, flags: number, payload: Iterable<number> = []): number[] => {
    const view = new DataView(new ArrayBuffer(20));
    view.setUint16(0, 5000);
    view.setUint16(2, 9000);
    view.setUint32(4, sequence);
    view.setUint8(12, 0x50);
    view.setUint8(13, flags);
    return [...new Uint8Array(view.buffer), ...payload];
  };
  const gain = encode(new OscMessage("/gain", [float(0.5)])).slice();

  test.each([
    ["Ethernet", 1, [...Array.from({ length: 12 }, () => 0), 8, 0]],
    ["Ethernet with a VLAN tag", 1, [...Array.from({ length: 12 }, () => 0), 0x81, 0, 0, 5, 8, 0]],
    ["Linux cooked", 113, [...Array.from({ length: 14 }, () => 0), 8, 0]],
    ["Linux cooked 2", 276, [8, 0, ...Array.from({ length: 18 }, () => 0)]],
    ["BSD loopback", 0, [2, 0, 0, 0]],
    ["raw IP", 101, []],
  ])("reads UDP over %s, in both byte orders and time resolutions", async (_name, linkType, before) => {
    const frame = Uint8Array.from([...before, ...ipv4(17, udp(gain))]);
    for (const form of [{}, { big: true }, { nano: true }, { big: true, nano: true }]) {
      const [packet] = await read(frames(linkType, [frame], form));
      expect(packet).toEqual({
        time: 1_700_000_000_250,
        source: { address: "10.0.0.1", port: 5000, family: "IPv4" },
        destination: { address: "10.0.0.2", port: 9000, family: "IPv4" },
        transport: "udp",
        data: gain,
      });
    }
  });

  test("reassembles the fragments of a datagram in any order", async () => {
    const whole = udp(encode(new OscMessage("/big", [new Uint8Array(3000)])));
    const parts = [0, 1480, 2960].map((from) =>
      ipv4(17, whole.slice(from, from + 1480), (from + 1480 < whole.length ? 0x2000 : 0) | (from / 8)),
    );
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ]) {
      const packets = await read(
        frames(
          101,
          order.map((index) => Uint8Array.from(parts[index] ?? [])),
        ),
      );
      expect(packets.map(({ data }) => data.length)).toEqual([whole.length - 8]);
    }
  });

  test.each([
    ["a size before each packet", lengthPrefixEncode],
    ["SLIP", slipEncode],
  ])("splits TCP streams with %s, even if segments are repeated or out of order", async (_name, frame) => {
    const stream = Buffer.concat([gain, encode(new OscMessage("/pan", [int(3)])).slice(), gain].map((packet) => frame(packet)));
    const [a, b, c] = [stream.subarray(0, 10), stream.subarray(10, 30), stream.subarray(30)];
    const start = 0xffff_fff0;
    const at = (offset: number): number => (start + 1 + offset) >>> 0;
    const segments = [
      tcp(start, 2),
      tcp(at(0), 16, a),
      tcp(at(30), 16, c),
      tcp(at(0), 16, a),
      tcp(at(10), 16, b),
      tcp(at(stream.length), 17),
    ];
    const packets = await read(
      frames(
        101,
        segments.map((segment) => Uint8Array.from(ipv4(6, segment))),
      ),
    );
    expect(packets.map(({ data, transport }) => [decode(data), transport])).toEqual([
      [decode(gain), "tcp"],
      [new OscMessage("/pan", [int(3)]), "tcp"],
      [decode(gain), "tcp"],
    ]);
  });

  test("resumes SLIP after bytes missing from the capture, and reports the gap", async () => {
    const errors: OscError[] = [];
    const [one, two, three] = [slipEncode(gain), slipEncode(gain), slipEncode(gain)];
    const segments = [
      tcp(0, 2),
      tcp(1, 16, one),
      tcp(1 + one.length + two.length - 3, 16, [...two.slice(-3), ...three]),
      tcp(1 + one.length * 3, 17),
    ];
    const packets = await read(
      frames(
        101,
        segments.map((segment) => Uint8Array.from(ipv4(6, segment))),
      ),
      { onError: (error) => errors.push(error) },
    );
    expect(packets).toHaveLength(2);
    expect(errors.map(({ message }) => message)).toEqual([`${two.length - 3} bytes of a TCP stream are missing in the capture.`]);
  });

  test("silently skips data that isn't OSC", async () => {
    const errors: OscError[] = [];
    const web = [tcp(0, 2), tcp(1, 16, Buffer.from("GET / HTTP/1.1\r\n\r\n")), tcp(19, 17)].map((segment) =>
      Uint8Array.from(ipv4(6, segment)),
    );
    const dns = Uint8Array.from(ipv4(17, udp(Uint8Array.of(1, 2, 3, 4))));
    expect(await read(frames(101, [...web, dns]), { onError: (error) => errors.push(error) })).toEqual([]);
    expect(errors).toEqual([]);
  });

  test("IPv6 addresses survive a round trip", async () => {
    const addresses = ["::1", "::", "fe80::1:2", "2001:db8::1:0:0:1", "1:2:3:4:5:6:7:8", "0:0:1::"];
    const packets = addresses.map((address) => recorded(new OscMessage("/a"), T0, { source: { address, port: 1, family: "IPv6" } }));
    expect((await read(written("pcapng", packets))).map(({ source }) => source?.address)).toEqual([...addresses.slice(0, 5), "0:0:1::"]);
  });
});

describe("damage", () => {
  test("reports a line that can't be read with its position and skips only that line", async () => {
    const errors: OscError[] = [];
    const text = `${Buffer.from(written("jsonl", [show[0]!])).toString()}{"address":5}\n${Buffer.from(written("jsonl", [show[1]!])).toString()}`;
    const packets = await read(Buffer.from(text), { onError: (error) => errors.push(error) });
    expect(packets).toHaveLength(2);
    expect(errors).toMatchObject([{ code: "OSC_RECORDING_DAMAGED", offset: text.indexOf('{"address":5}') }]);
    expect(errors[0]?.message).toMatch(/^Line 2 \(at byte \d+\) can't be read: "address"/);
  });

  test.each(["score", "pcapng"] as const)("a truncated %s yields every complete packet, then the error with its offset", async (format) => {
    const whole = written(format, show);
    const packets: RecordedPacket[] = [];
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield whole.subarray(0, whole.length - 5);
    };
    const reading = (async () => {
      for await (const packet of await readRecording(open)) packets.push(packet);
    })();
    await expect(reading).rejects.toMatchObject({ code: "OSC_RECORDING_DAMAGED", offset: expect.any(Number) });
    expect(packets).toHaveLength(2);
  });

  test("reads a recording of any size in constant memory", async () => {
    const piece = written(
      "pcapng",
      Array.from({ length: 500 }, () => recorded(new OscMessage("/blob", [new Uint8Array(1000)]))),
    ).subarray(48);
    const PIECES = 400;
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield written("pcapng", []);
      for (let count = 0; count < PIECES; count++) yield piece;
    };
    let packets = 0;
    let most = 0;
    for await (const { data } of await readRecording(open)) {
      packets += 1;
      if (data.length === 0) throw new Error("empty");
      if (packets % 5000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    expect(packets).toBe(500 * PIECES);
    // 220 MB were read.
    expect(most).toBeLessThan(100e6);
  });

  test("rejects a file of unknown format with OSC_RECORDING_FORMAT", async () => {
    await expect(read(Buffer.from("MThd0000"))).rejects.toMatchObject({ code: "OSC_RECORDING_FORMAT" });
  });

  test("mutated files of every format never crash or hang, or yield far more bytes than they contain", async () => {
    const files = [written("jsonl", show), written("score", show), written("oscdump", show), written("pcapng", show)];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 8 }),
        fc.nat(400),
        async (file, changes, length) => {
          const bytes = file.slice(0, length);
          for (const [index, value] of changes) if (index < bytes.length) bytes[index] = value;
          try {
            const packets = await read(bytes, { onError: () => undefined }, 50);
            expect(packets.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThanOrEqual(bytes.length * 2 + 64);
          } catch (error) {
            expect(error).toMatchObject({ code: "OSC_RECORDING_FORMAT" });
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("files", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "oscine-recording-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("writes a recording and reads it twice", async () => {
    const path = join(folder, "show.jsonl");
    await using file = await createRecording(path);
    for (const packet of show) file.write(packet);
    await file.close();
    const recording = await openRecording(path);
    expect(recording.format).toBe("jsonl");
    for (const _ of [1, 2]) expect(await collect(recording)).toHaveLength(3);
    expect(file.stats()).toMatchObject({ packets: 3, dropped: 0, files: 1, bytes: (await readFile(path)).length });
  });

  test("maxSize splits a recording into files that can each be read alone", async () => {
    await using file = await createRecording(join(folder, "show.pcapng"), { maxSize: 300 });
    for (let count = 0; count < 10; count++) file.write(show[0]!);
    await file.close();
    const { files } = file.stats();
    expect(files).toBeGreaterThan(2);
    let packets = 0;
    for (let index = 0; index < files; index++) {
      const path = join(folder, index === 0 ? "show.pcapng" : `show.${index}.pcapng`);
      expect((await readFile(path)).length).toBeLessThanOrEqual(300);
      packets += (await collect(await openRecording(path))).length;
    }
    expect(packets).toBe(10);
  });

  test("rejects immediately if the file can't be created", async () => {
    await expect(createRecording(join(folder, "no", "such", "folder.jsonl"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
