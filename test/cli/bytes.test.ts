import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { receive, urlOf } from "../bridge/ends.ts";
import { Tool, portOf, runTool } from "./run-tool.ts";

/** The bytes of an annotated hex dump. */
function bytesIn(text: string): string {
  return Array.from(text.matchAll(/^[\da-f]{4} {2}((?:[\da-f]{2} ?)+)/gm), ([, bytes = ""]) => bytes.replaceAll(" ", "")).join("");
}

describe("oscine send", () => {
  test.each([
    [["/gain", "1", "true", "--for", "grandma3"], "/gain ,ii 1 1\n"],
    [["--numbers", "float", "--bundle", "/a", "1", "+", "/b", "x"], '/a ,f 1.0 @now\n/b ,s "x" @now\n'],
  ])("--dry-run shows what --verbose sends: %j", async (words, text) => {
    const receiver = await receive("udp");
    const dry = await runTool("send", urlOf("udp", receiver.address), ...words, "--dry-run");
    expect(dry).toMatchObject({ code: 0, err: "" });
    expect(receiver.packets).toEqual([]);
    const verbose = await runTool("send", urlOf("udp", receiver.address), ...words, "--verbose");
    expect(verbose).toEqual({ code: 0, out: "", err: dry.out });
    await vi.waitUntil(() => receiver.packets.length === 1, { timeout: 10_000, interval: 2 });
    expect(dry.out).toContain(`${text}# to ${urlOf("udp", receiver.address)}/, ${receiver.packets[0]!.length} bytes\n`);
    expect(bytesIn(dry.out)).toBe(Buffer.from(receiver.packets[0]!).toString("hex"));
  });

  test("--dry-run needs no receiver, and shows a stream's framing", async () => {
    const { out } = await runTool("send", "osc.tcp://127.0.0.1:9/?framing=1.0", "/x", "--dry-run");
    expect(out).toContain("# to osc.tcp://127.0.0.1:9/?framing=1.0, 8 bytes, framed by its size (OSC 1.0)\n");
    expect(await runTool("send", ":9", "--file", "no-such-file", "--dry-run")).toMatchObject({ code: 2 });
  });

  test.skipIf(process.platform !== "linux")("--interface selects the network interface for multicast, as for serve and dump", async () => {
    await using dump = new Tool(["dump", "239.2.3.4:0", "--interface", "lo", "--count", "1"]);
    const port = await portOf(dump);
    await using server = new Tool(["serve", `239.2.3.4:${port}`, "--interface", "127.0.0.1"]);
    await portOf(server);
    expect(await runTool("send", `239.2.3.4:${port}`, "/all", "1", "--interface", "lo")).toEqual({ code: 0, out: "", err: "" });
    expect((await dump.ended).out).toMatch(/127\.0\.0\.1:\d+ +\/all +,i +1\n/);
    await server.saysOut(/127\.0\.0\.1:\d+ +\/all +,i +1\n/);
  });
});

describe("oscine dump --bytes", () => {
  const packet = encode(new OscMessage("/gain", [0.5], "f"));

  test("shows a packet from a file or from hexadecimal digits on standard input", async () => {
    const file = join(await mkdtemp(join(tmpdir(), "oscine-bytes-")), "packet.bin");
    await writeFile(file, packet);
    const fromFile = await runTool("dump", "--bytes", file, "--json");
    expect(JSON.parse(fromFile.out)).toMatchObject({ address: "/gain", types: "f", args: [0.5] });
    const hex = Buffer.from(packet)
      .toString("hex")
      .replaceAll(/(....)/g, "$1 ");
    const { out } = await new Tool(["dump", "--raw", "--bytes", "-"]).input(`${hex}\n`).ended;
    expect(bytesIn(out)).toBe(Buffer.from(packet).toString("hex"));
  });

  test("reports what is wrong with a packet and exits with code 1", async () => {
    const { code, out, err } = await new Tool(["dump", "--raw", "--bytes", "-"]).input("2f676169 6e000000 2c660000 3f00").ended;
    expect(code).toBe(1);
    expect(bytesIn(out)).toBe("2f6761696e0000002c6600003f00");
    expect(err).toMatch(/OSC_TRUNCATED {2}An argument of type f has 2 of its 4 bytes \(at byte 12\)\n$/);
  });
});
