import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, encode } from "../../../src/codec/index.ts";
import { type OpenRecording, durationText, loadRecording, saveRecording } from "../../../src/monitor/page/recording.ts";
import { type ReadEntry, readEntry } from "../../../src/monitor/page/rows.ts";
import type { FeedEntry } from "../../../src/monitor/protocol.ts";
import { type RecordedPacket, type WritableFormat, createRecordingWriter, readRecording } from "../../../src/recording/index.ts";
import { MessageFilter } from "../../../src/text/message-filter.ts";
import { packetEntry } from "./entries.ts";

const START = Date.UTC(2026, 10, 30, 12);
const SENDER = { address: "10.0.0.7", port: 9000, family: "IPv4" } as const;

function recorded(time: number, packet: OscMessage | OscBundle | Uint8Array): RecordedPacket {
  const data = packet instanceof Uint8Array ? packet : encode(packet).slice();
  return { time, source: SENDER, destination: null, transport: "udp", data };
}

function fileOf(packets: readonly RecordedPacket[], format: WritableFormat = "jsonl"): Blob {
  const writer = createRecordingWriter(format);
  return new Blob([writer.header(), ...packets.map((packet) => writer.packet(packet))] as Uint8Array<ArrayBuffer>[]);
}

async function packetsOf(parts: readonly Uint8Array[]): Promise<RecordedPacket[]> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield* parts;
  }
  const packets: RecordedPacket[] = [];
  for await (const packet of await readRecording(bytes, { format: "jsonl" })) packets.push(packet);
  return packets;
}

function shownAddresses({ window }: OpenRecording): (string | undefined)[] {
  const rows = Array.from({ length: window.shownEnd - window.start }, (_, index) => window.at(window.start + index));
  return rows.map((row) => (row?.kind === "message" ? row.message.address : row?.code));
}

const SHOW = [
  recorded(START, new OscMessage("/a", 1)),
  recorded(START + 1000, new OscMessage("/b/x", 2)),
  recorded(START + 2000, new OscMessage("/a", 3)),
  recorded(START + 4000, new TextEncoder().encode("junk")),
];

describe("saving what the monitor shows", () => {
  const LATIN_1 = Uint8Array.of(0x2f, 0xe9, 0, 0, 0x2c, 0, 0, 0);
  const bundle = new OscBundle([new OscMessage("/a", "x"), new OscMessage("/b")], TimeTag.IMMEDIATELY);
  const records: ReadEntry[] = [new OscMessage("/a", 1), bundle, LATIN_1, new TextEncoder().encode("junk")].map((packet, index) =>
    readEntry(packetEntry(index + 1, packet, START + index)),
  );

  test("keeps time, sender, transport and every byte, even of bad packets", async () => {
    const read = await packetsOf(saveRecording(records, null));
    expect(read.map(({ data }) => Buffer.from(data).toString("hex"))).toEqual(
      records.map(({ entry }) => Buffer.from(entry.kind === "packet" ? entry.bytes : []).toString("hex")),
    );
    expect(read[3]).toMatchObject({ time: START + 3, source: { address: "127.0.0.1", port: 9, family: "IPv4" }, transport: "udp" });
  });

  test("writes the same bytes as the recording's writer", () => {
    const writer = createRecordingWriter("jsonl");
    const source = { address: "127.0.0.1", port: 9, family: "IPv4" } as const;
    expect(saveRecording(records, null)).toEqual(
      records.map(({ entry }, index) =>
        writer.packet({ ...recorded(START + index, entry.kind === "packet" ? entry.bytes : new Uint8Array(0)), source }),
      ),
    );
  });

  test("applies the filter, also within bundles, and omits packets without an address", async () => {
    const read = await packetsOf(saveRecording(records, new MessageFilter(["/a"])));
    const wanted = [new OscMessage("/a", 1), new OscBundle([new OscMessage("/a", "x")], TimeTag.IMMEDIATELY)];
    expect(read.map(({ data }) => Buffer.from(data))).toEqual(wanted.map((packet) => Buffer.from(encode(packet))));
    expect(saveRecording(records, new MessageFilter(["/c"]))).toEqual([]);
  });

  test("omits problems without a packet", () => {
    const problem: FeedEntry = { kind: "problem", number: 1, time: START, from: "", code: "OSC_X", message: "x" };
    expect(saveRecording([readEntry(problem)], null)).toEqual([]);
  });
});

describe("a recording in the page", () => {
  test("is shown completely at first", async () => {
    const recording = await loadRecording(fileOf(SHOW), "show.jsonl");
    expect(shownAddresses(recording)).toEqual(["/a", "/b/x", "/a", "OSC_BAD_ADDRESS"]);
    expect(recording).toMatchObject({ name: "show.jsonl", start: START, length: 4000, position: 4000, isRelative: false, note: "" });
    expect(recording).toMatchObject({ messages: 3, badPackets: 1 });
    expect(recording.tree.rows().map(({ address, count }) => [address, count])).toEqual([
      ["/a", 2],
      ["/b", 1],
      ["/b/x", 1],
    ]);
    expect(recording.plots.seriesOf("/a")?.data()).toEqual([
      [START / 1000, START / 1000 + 2],
      [1, 3],
    ]);
    expect([recording.plots.windowSeconds, recording.plotsEnd()]).toEqual([4, START + 4000]);
    expect(recording.window.at(recording.window.start)?.record.entry).toMatchObject({ from: "10.0.0.7:9000", transport: "udp" });
  });

  test("shows list, tree and plots as of any time, forwards and backwards", async () => {
    const recording = await loadRecording(fileOf(SHOW), "show.jsonl");
    recording.seek(1500);
    expect(shownAddresses(recording)).toEqual(["/a", "/b/x"]);
    expect(recording).toMatchObject({ messages: 2, badPackets: 0, position: 1500 });
    expect(recording.tree.rows().map(({ last, count }) => [last?.args, count])).toEqual([
      [[1], 1],
      [undefined, 1],
      [[2], 1],
    ]);
    expect(recording.plots.seriesOf("/a")?.data()).toEqual([[START / 1000], [1]]);
    expect(recording.now()).toBe(START + 1500);

    recording.seek(0);
    expect(shownAddresses(recording)).toEqual(["/a"]);
    recording.seek(2000);
    expect(shownAddresses(recording)).toEqual(["/a", "/b/x", "/a"]);
    expect(recording.tree.rows()[0]).toMatchObject({ count: 2, lastTime: START + 2000 });
    recording.seek(4000);
    expect(recording).toMatchObject({ messages: 3, badPackets: 1 });
  });

  test("keeps closed levels closed while seeking", async () => {
    const recording = await loadRecording(fileOf(SHOW), "show.jsonl");
    const level = recording.tree.rows().find(({ address }) => address === "/b")!;
    recording.tree.setOpen(level, false);
    recording.seek(0);
    recording.seek(4000);
    expect(recording.tree.rows().map(({ address }) => address)).toEqual(["/a", "/b"]);
  });

  test("filters at any time", async () => {
    const recording = await loadRecording(fileOf(SHOW), "show.jsonl");
    recording.seek(1500);
    recording.setFilter(new MessageFilter(["/a"]));
    expect(shownAddresses(recording)).toEqual(["/a"]);
    recording.seek(4000);
    expect(shownAddresses(recording)).toEqual(["/a", "/a"]);
    recording.seek(1500);
    recording.setFilter(null);
    expect(shownAddresses(recording)).toEqual(["/a", "/b/x"]);
  });

  test("plots a selected address over the whole recording", async () => {
    const packets = Array.from({ length: 4 }, (_, index) => recorded(START + index * 1000, new OscMessage(`/${index}`, index)));
    const recording = await loadRecording(fileOf(packets), "show.jsonl");
    expect(recording.plots.addresses).toEqual(["/0", "/1", "/2"]);
    recording.togglePlot("/3");
    expect(recording.plots.seriesOf("/3")?.data()).toEqual([[START / 1000 + 3], [3]]);
    expect(recording.messages).toBe(4);
  });

  test("plots hours within bounded memory", async () => {
    const packets = Array.from({ length: 6000 }, (_, index) => recorded(START + index * 1000, new OscMessage("/a", index % 7)));
    const recording = await loadRecording(fileOf(packets), "show.jsonl");
    const [times = []] = recording.plots.seriesOf("/a")?.data() ?? [];
    expect([times[0], times.at(-1)]).toEqual([START / 1000, START / 1000 + 5999]);
    expect(times.length).toBeLessThanOrEqual(601 * 4);
  });

  test("keeps its beginning up to the limits, and notes this", async () => {
    const byCount = await loadRecording(fileOf(SHOW), "show.jsonl", { maxRecords: 2, maxBytes: 1e9 });
    expect(shownAddresses(byCount)).toEqual(["/a", "/b/x"]);
    expect(byCount.note).toBe("Only the first 2 packets are shown: the page can't keep more.");
    const weight = readEntry(packetEntry(1, SHOW[0]!.data)).weight;
    const bySize = await loadRecording(fileOf(SHOW), "show.jsonl", { maxRecords: 100, maxBytes: weight * 1.5 });
    expect(shownAddresses(bySize)).toEqual(["/a"]);
    const whole = await loadRecording(fileOf(SHOW), "show.jsonl", { maxRecords: 4, maxBytes: 1e9 });
    expect(whole.note).toBe("");
  });

  test("truncates senders longer than any address, and counts their memory", async () => {
    const sender = { address: "x".repeat(10_000), port: 0, family: "unix" } as const;
    const packets = SHOW.map((packet) => ({ ...packet, source: sender }));
    const recording = await loadRecording(fileOf(packets), "show.jsonl", { maxRecords: 100, maxBytes: 50_000 });
    expect(recording.window.size).toBe(2);
    expect(recording.window.at(recording.window.start)?.record.entry.from).toBe("x".repeat(255));
  });

  test("clamps times that a Date can't represent", async () => {
    const line = '{"time":1e300,"address":"/a","types":"i","args":[1]}\n';
    const recording = await loadRecording(new Blob([line]), "show.jsonl");
    expect(recording.start).toBe(8.64e15);
    expect(saveRecording(recording.window.records(), null)).toHaveLength(1);
  });

  test("is saved as it was read, also without senders", async () => {
    const file = fileOf([...SHOW, { ...SHOW[0]!, time: START + 5000, source: null, transport: null }]);
    const { window } = await loadRecording(file, "show.jsonl");
    expect(await new Blob(saveRecording(window.records(), null) as Uint8Array<ArrayBuffer>[]).text()).toBe(await file.text());
  });

  test("orders packets by their times", async () => {
    const recording = await loadRecording(fileOf([SHOW[2]!, SHOW[0]!, SHOW[1]!]), "show.jsonl");
    expect(recording.length).toBe(2000);
    recording.seek(0);
    expect(recording.tree.rows()[0]?.last?.args).toEqual([1]);
  });

  test.each(["score", "oscdump", "pcapng"] as const)("is read from the format %s", async (format) => {
    const recording = await loadRecording(fileOf(SHOW.slice(0, 3), format), "show");
    expect(shownAddresses(recording)).toEqual(["/a", "/b/x", "/a"]);
    expect(Math.round(recording.length)).toBe(2000);
    expect(recording.isRelative).toBe(format === "score");
    recording.seek(1000.5);
    expect(shownAddresses(recording)).toEqual(["/a", "/b/x"]);
  });

  test("reports damage and shows the rest", async () => {
    const good = fileOf(SHOW.slice(0, 2));
    const recording = await loadRecording(new Blob([good, "{broken\n", good]), "show.jsonl");
    expect(recording.messages).toBe(4);
    expect(recording.note).toMatch(/^1 error in the file\. Line 3 \(at byte \d+\) can't be read: /);
  });

  test("reports why a file can't be opened", async () => {
    await expect(loadRecording(new Blob(["Dear diary"]), "x")).rejects.toMatchObject({ code: "OSC_RECORDING_FORMAT" });
    await expect(loadRecording(new Blob([]), "x")).rejects.toThrow("The file contains no packets.");
    await expect(loadRecording(new Blob(["{broken"]), "x")).rejects.toThrow("Line 1 (at byte 0) can't be read");
  });
});

test("a duration has hours only if there are any", () => {
  expect([0, 1250.4, 61_002, 3_723_004].map(durationText)).toEqual(["0:00.000", "0:01.250", "1:01.002", "1:02:03.004"]);
});
