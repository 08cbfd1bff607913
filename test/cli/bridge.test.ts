import { describe, expect, test, vi } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { WebSocketClient } from "../../src/client/index.ts";
import { Client, receive, urlOf } from "../bridge/ends.ts";
import { Tool, runTool } from "./run-tool.ts";

const until = (condition: () => boolean): Promise<unknown> => vi.waitUntil(condition, { timeout: 10_000, interval: 5 });

async function portOf(tool: Tool): Promise<number> {
  const [, port] = await tool.saysErr(/^Listening on \S+?:(\d+) /m);
  return Number(port);
}

describe("oscine bridge", () => {
  test("lets a WebSocket client speak to a UDP program, and says what it did", async () => {
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

  test("shows to all who connect what comes, with ?listen", async () => {
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
    [":0", ":9000", "--only", "no-slash"],
    ["ws://127.0.0.1:0", ":9000", "--origin", "example.org/page"],
  ];
  test.each(wrong.map((words) => ({ words, name: words.join(" ") })))("tells what is wrong with: $name", async ({ words }) => {
    const { code, out, err } = await runTool("bridge", ...words);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^oscine: .+\n$/);
  });
});
