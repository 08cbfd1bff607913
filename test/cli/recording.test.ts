import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OscMessage, decode, encode, float } from "../../src/codec/index.ts";
import { UDPClient } from "../../src/index.ts";
import { createRecording, openRecording } from "../../src/recording/file.ts";
import { Tool, portOf, runTool } from "./run-tool.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oscine-record-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A show of some messages, 20 ms apart. */
async function show(name: string, addresses: readonly string[] = ["/mixer/gain", "/cue/go", "/mixer/pan"]): Promise<string> {
  const path = join(folder, name);
  await using file = await createRecording(path);
  for (const [index, address] of addresses.entries()) {
    const data = encode(new OscMessage(address, [float(index / 2)])).slice();
    file.write({ time: 1_700_000_000_000 + index * 20, source: null, destination: null, transport: "udp", data });
  }
  return path;
}

async function addressesIn(path: string): Promise<string[]> {
  const addresses: string[] = [];
  for await (const { data } of await openRecording(path)) addresses.push((decode(data) as OscMessage).address);
  return addresses;
}

describe("oscine record", () => {
  test("records every byte until Ctrl-C, and prints totals", async () => {
    const path = join(folder, "bytes.jsonl");
    await using tool = new Tool(["record", "127.0.0.1:0", "-o", path]);
    const [, port = ""] = await tool.saysErr(/Recording osc\.udp:\/\/127\.0\.0\.1:(\d+)\/ into .* \(jsonl\)/);
    await using client = new UDPClient("127.0.0.1", Number(port));
    const packets = [Buffer.from("2f61000000000000", "hex"), Buffer.from("rubbish!"), encode(new OscMessage("/a", ["é"])).slice()];
    for (const packet of packets) await client.sendBytes(packet);
    await expect.poll(async () => (await stat(path)).size).toBeGreaterThan(250);
    const { code, err } = await tool.signal("SIGINT").ended;
    expect(code).toBe(0);
    expect(err).toMatch(/3 packets, [\d.]+\/s, [\d.]+ kB, \d+ s\n$/);
    const recorded: string[] = [];
    for await (const { data } of await openRecording(path)) recorded.push(Buffer.from(data).toString("hex"));
    expect(recorded).toEqual(packets.map((packet) => Buffer.from(packet).toString("hex")));
  });

  test("keeps recorded packets after kill -9", async () => {
    const path = join(folder, "killed.pcapng");
    await using tool = new Tool(["record", "127.0.0.1:0", "-o", path, "--match", "/cue/*"]);
    const [, port = ""] = await tool.saysErr(/:(\d+)\/ into/);
    await using client = new UDPClient("127.0.0.1", Number(port));
    for (const address of ["/cue/1", "/mixer/gain", "/cue/2"]) await client.send(new OscMessage(address, [1]));
    await expect.poll(async () => (await stat(path)).size).toBeGreaterThan(48 + 2 * 70);
    await tool.signal("SIGKILL").ended;
    expect(await addressesIn(path)).toEqual(["/cue/1", "/cue/2"]);
  });

  test("stops after --duration, and starts another file after --max-size", async () => {
    const path = join(folder, "rotated.jsonl");
    await using tool = new Tool(["record", "127.0.0.1:0", "-o", path, "--duration", "1.5", "--max-size", "0.3k"]);
    const [, port = ""] = await tool.saysErr(/:(\d+)\/ into/);
    await using client = new UDPClient("127.0.0.1", Number(port));
    for (let index = 0; index < 5; index++) await client.send(new OscMessage("/a", [index]));
    expect((await tool.ended).err).toMatch(/5 packets.*, 3 files/);
    expect([
      ...(await addressesIn(path)),
      ...(await addressesIn(join(folder, "rotated.1.jsonl"))),
      ...(await addressesIn(join(folder, "rotated.2.jsonl"))),
    ]).toHaveLength(5);
  });

  test.each([
    [["record", ":0"], /takes URLs to listen on and a file/],
    [["record", "-o", "x.jsonl"], /takes URLs to listen on and a file/],
    [["record", ":0", "-o", "x", "--format", "wav"], /--format must be jsonl, score, oscdump or pcapng; got "wav"/],
    [["record", ":0", "-o", "x", "--max-size", "lots"], /--max-size must be a number of bytes/],
    [["record", ":0", "-o", "/no/such/folder/x.jsonl"], /can't be written: ENOENT/],
    [["play", "x.jsonl"], /takes a file and a URL/],
    [["play", "/no/such/file", ":9"], /can't be read: ENOENT/],
    [["play", "x.jsonl", ":9", "--speed", "0"], /--speed must be more than 0/],
    [["play", "x.jsonl", ":9", "--rename", "/a"], /--rename must be an old and a new address/],
    [["convert", "x.jsonl"], /takes two files/],
    [["convert", "x.jsonl", "x.jsonl"], /give OUT another name/],
  ])("rejects %j with advice", async (words, message) => {
    const { code, err } = await runTool(...words);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  test("overwrites an existing file only with --force", async () => {
    const path = await show("exists.jsonl");
    expect((await runTool("record", ":0", "-o", path)).err).toMatch(/already exists.*--force/);
    expect((await runTool("record", "127.0.0.1:0", "-o", path, "--force", "--duration", "0.1")).code).toBe(0);
    expect(await addressesIn(path)).toEqual([]);
  });
});

describe("oscine play", () => {
  test("sends a renamed and filtered recording with its timing", async () => {
    const path = await show("show.jsonl");
    await using dump = new Tool(["dump", "127.0.0.1:0", "--count", "2"]);
    const port = await portOf(dump);
    const { code, err } = await runTool("play", path, `127.0.0.1:${port}`, "--match", "/mixer/*", "--rename", "/mixer=/desk");
    expect([code, err]).toEqual([0, "played 2 packets\n"]);
    expect((await dump.ended).out).toMatch(/\/desk\/gain .* 0\.0\n.*\/desk\/pan .* 1\.0\n$/s);
  });

  test("--dry-run prints what would be sent, from any format and from standard input", async () => {
    const path = await show("dry.jsonl");
    const capture = join(folder, "dry.pcapng");
    expect((await runTool("convert", path, capture)).err).toMatch(/dry\.pcapng: 3 packets \(pcapng\)/);
    for (const { out } of [
      await runTool("play", capture, "--dry-run", "--from", "0.02"),
      await new Tool(["play", "-", "--dry-run", "--from", "0.02"]).input(await readFile(path, "utf8")).ended,
    ]) {
      expect(out.match(/\/\w+\/\w+/g)).toEqual(["/cue/go", "/mixer/pan"]);
    }
  });

  test("--loop plays a recording N times", async () => {
    const path = await show("loop.jsonl", ["/a"]);
    expect((await runTool("play", path, "127.0.0.1:9", "--loop", "3")).err).toBe("played 3 packets\n");
  });

  test("reports a damaged line and skips only that line", async () => {
    const path = await show("damaged.jsonl");
    await writeFile(path, (await readFile(path, "utf8")).replace('"/cue/go"', '"cue/go"'));
    const { code, out, err } = await runTool("play", path, "--dry-run");
    expect([code, out.trim().split("\n").length]).toEqual([0, 2]);
    expect(err).toMatch(/OSC_RECORDING_DAMAGED {2}Line 2 \(at byte \d+\) can't be read/);
  });
});

test("oscine dump reads recordings", async () => {
  const path = await show("dump.osc");
  const { code, out, err } = await runTool("dump", path, "--match", "/mixer/*");
  expect(code).toBe(0);
  expect(out.match(/\/mixer\/\w+/g)).toEqual(["/mixer/gain", "/mixer/pan"]);
  expect(err).toMatch(/2 messages\n$/);
  expect((await runTool("dump", path, ":0")).err).toMatch(/URLs or files, not both/);
});

test("oscine convert reports how many packets the format can't hold", async () => {
  const path = join(folder, "odd.jsonl");
  await writeFile(path, '{"address":"/a","args":["two\\nlines"]}\n{"address":"/b","args":[1]}\n');
  const { code, err } = await runTool("convert", path, join(folder, "odd.txt"));
  expect(code).toBe(1);
  expect(err).toMatch(/OSC_RECORDING_UNSUPPORTED.*\n.*odd\.txt: 1 packet \(oscdump\); 1 packet can't be written in this format\n$/);
});
