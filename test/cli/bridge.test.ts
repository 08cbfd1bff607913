import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { OscMessage, decode, float } from "../../src/codec/index.ts";
import { WebSocketClient } from "../../src/client/index.ts";
import { Client, receive, urlOf } from "../bridge/ends.ts";
import { formatMessage } from "../../src/text/format.ts";
import { Tool, runTool } from "./run-tool.ts";

const until = (condition: () => boolean): Promise<unknown> => vi.waitUntil(condition, { timeout: 10_000, interval: 5 });

async function portOf(tool: Tool): Promise<number> {
  const [, port] = await tool.saysErr(/^Listening on \S+?:(\d+) /m);
  return Number(port);
}

describe("oscine bridge", () => {
  test("connects a WebSocket client with a UDP program, and prints totals", async () => {
    const synth = await receive("udp");
    synth.onPacket = (packet, answer) => answer(packet);
    await using tool = new Tool(["bridge", "ws://127.0.0.1:0", urlOf("udp", synth.address)]);
    await using client = new WebSocketClient(`ws://127.0.0.1:${await portOf(tool)}/`, { onError: () => undefined });
    expect((await client.request("/status", [1, "a"])).args).toEqual([1, "a"]);
    const { code, out, err } = await tool.signal("SIGINT").ended;
    expect([code, out]).toEqual([0, ""]);
    expect(err).toContain(`Sending to ${urlOf("udp", synth.address)}\n`);
    expect(err).toMatch(/forward: 1 packet received, 1 sent\nback: {4}1 packet received, 1 sent\n$/);
  });

  test("applies its rules", async () => {
    const receiver = await receive("udp");
    const rules = ["--only", "/a/*", "--only", "/end", "--drop", "/a/secret", "--rename", "/a=/b", "--rate", "/b/fast=0.1", "--one-way"];
    await using tool = new Tool(["bridge", "127.0.0.1:0", urlOf("udp", receiver.address), ...rules]);
    const client = await Client.connect("udp", { address: "127.0.0.1", port: await portOf(tool), family: "IPv4" });
    client.say(...["/a/1", "/a/secret", "/c", "/a/fast", "/a/fast", "/end"].map((address) => new OscMessage(address)));
    await until(() => receiver.packets.length === 3);
    const names = receiver.packets.map((packet) => Buffer.from(packet).toString().replace(/\0.*$/s, ""));
    expect(names).toEqual(["/b/1", "/b/fast", "/end"]);
    const { err } = await tool.signal("SIGTERM").ended;
    expect(err).toContain("filtered 2");
  });

  test("applies rules for values, and rules from a file in both directions", async () => {
    const receiver = await receive("udp");
    receiver.onPacket = (packet, answer) => answer(packet);
    const flags = ["--scale", "/n=-1,1:0,10", "--clip", "/n=0,9", "--cast", "/n=int", "--pick", "/p=1,0", "--changes", "--drop", "/end"];
    await using tool = new Tool([
      "bridge",
      "127.0.0.1:0",
      urlOf("udp", receiver.address),
      "--rules",
      "examples/bridge-rules.json",
      ...flags,
    ]);
    const client = await Client.connect("udp", { address: "127.0.0.1", port: await portOf(tool), family: "IPv4" });
    client.say(
      new OscMessage("/n", float(0)),
      new OscMessage("/n", float(0.01)),
      new OscMessage("/n", float(1)),
      new OscMessage("/p", ["a", 1]),
      new OscMessage("/fader/7", 127),
      new OscMessage("/xy", [float(0.25), float(0.5)]),
    );
    await until(() => client.packets.length === 5);
    const texts = (packets: readonly Uint8Array[]): readonly string[] =>
      packets.map((packet) => formatMessage({ message: decode(packet) as OscMessage, timeTag: null }));
    expect(texts(receiver.packets)).toEqual(["/n ,i 5", "/n ,i 9", '/p ,is 1 "a"', "/mixer/ch/7/gain ,f 1.0", "/xy ,ff 0.5 0.25"]);
    expect(texts(client.packets)).toContain("/mixer/ch/7/gain ,i 127");
    const { err } = await tool.signal("SIGTERM").ended;
    expect(err).toMatch(/forward: 6 packets received, 5 sent, unchanged 1\n/);
  });

  test.each([
    ['{ "rules": [\n  { "drop": "/a" },\n  { "scale": [0] } ] }', "3: rules[1]: scale must be two numbers, such as [0, 1]; got [0]."],
    ['{ "rulesBack": [\n\n{ "drpo": "/a" }] }', "3: rulesBack[0]: a rule must have "],
    ['[{ "drop": "a" }]', "1: rules[0]: "],
    ['{\n  "rules": [\n    { "drop": "/a", }\n] }', `3: this isn't JSON: expected a name in double quotes, or "}"; got }.`],
    ['{\n  "rules": [\n', "2: the text ends where a value must follow."],
    ['{\n  "rules": [{ drop: 1 }] }', `2: this isn't JSON: expected a name in double quotes, or "}"; got drop.`],
    ['{ "rules": [],\n"rule": [] }', '1: unknown property "rule": the file may have rules and rulesBack. Did you mean rules?'],
    ['{ "rules": 7 }', "1: rules must be a list of rules; got 7 (number)."],
    ['"rules"', "1: the file must be "],
  ])("reports the line of an error in a rules file: %j", async (text, message) => {
    const file = join(await mkdtemp(join(tmpdir(), "oscine-rules-")), "stage.json");
    await writeFile(file, text);
    const { code, err } = await runTool("bridge", ":0", ":9000", "--rules", file);
    expect([code, err]).toEqual([2, expect.stringMatching(/^oscine: .+\n$/)]);
    expect(err).toContain(`${file}:${message}`);
  });

  test("sends packets to all connected clients with ?listen", async () => {
    await using tool = new Tool(["bridge", "127.0.0.1:0", "ws://127.0.0.1:0/?listen"]);
    const [, port] = await tool.saysErr(/Listening on \S+:(\d+) \(ws:.*sending to every client/);
    await using client = new WebSocketClient(`ws://127.0.0.1:${port}/`);
    await client.connect();
    const sender = await Client.connect("udp", { address: "127.0.0.1", port: await portOf(tool), family: "IPv4" });
    sender.say(new OscMessage("/news", 1));
    for await (const { address } of client.messages()) {
      expect(address).toBe("/news");
      break;
    }
  });

  const wrong: readonly (readonly string[])[] = [
    [],
    [":9000"],
    ["osc.xyz://:1", ":9000"],
    [":0", ":9000", "--rename", "/a"],
    [":0", ":9000", "--rename", "/a=b"],
    [":0", ":9000", "--rate", "/a=fast"],
    [":0", ":9000", "--rate", "0"],
    [":0", ":9000", "--scale", "0,127"],
    [":0", ":9000", "--scale", "/a=0,x:0,1"],
    [":0", ":9000", "--clip", "/a"],
    [":0", ":9000", "--cast", "/a=text"],
    [":0", ":9000", "--pick", "/a=-1"],
    [":0", ":9000", "--changes=a"],
    [":0", ":9000", "--rules", "no-such-file.json"],
    [":0", ":9000", "--only", "no-slash"],
    ["ws://127.0.0.1:0", ":9000", "--origin", "example.org/page"],
  ];
  test.each(wrong.map((words) => ({ words, name: words.join(" ") })))("reports what is wrong with: $name", async ({ words }) => {
    const { code, out, err } = await runTool("bridge", ...words);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^oscine: .+\n$/);
  });
});
