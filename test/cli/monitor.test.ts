import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { OscMessage, decode, encode } from "../../src/codec/index.ts";
import { type FeedEntry, readFeedEvent } from "../../src/monitor/protocol.ts";
import { portOf, runTool, Tool } from "./run-tool.ts";
import { steadyPort } from "../steady-port.ts";

/** The first entries that the page of a tool shows. */
async function entriesOf(tool: Tool, count: number): Promise<readonly FeedEntry[]> {
  const [, page = ""] = await tool.saysErr(/^Monitor: (http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/)$/m);
  const socket = new WebSocket(`${page.replace("http:", "ws:")}feed`);
  const entries: FeedEntry[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on("message", (data) => {
      const event = readFeedEvent(data as Buffer);
      if (event?.kind === "entries") entries.push(...event.entries);
      if (entries.length >= count) resolve();
    });
    socket.once("error", reject);
  });
  socket.terminate();
  return entries;
}

async function sendBytes(port: string, ...packets: readonly Uint8Array[]): Promise<void> {
  const socket = createSocket("udp4");
  for (const packet of packets) {
    await new Promise((resolve) => socket.send(packet, Number(port), "127.0.0.1", resolve));
  }
  socket.close();
  await once(socket, "close");
}

describe("oscine monitor", () => {
  test("listens on URLs, prints the page's URL and shows packets there", async () => {
    await using tool = new Tool(["monitor", "127.0.0.1:0", "osc.tcp://127.0.0.1:0"]);
    const [, udp = ""] = await tool.saysErr(/^Listening on osc\.udp:\/\/127\.0\.0\.1:(\d+)\/ \(this machine only\)$/m);
    const [, tcp = ""] = await tool.saysErr(/^Listening on osc\.tcp:\/\/127\.0\.0\.1:(\d+)\/ \(this machine only\)$/m);
    expect(await runTool("send", `:${udp}`, "/over/udp", "1")).toMatchObject({ code: 0 });
    expect(await runTool("send", `osc.tcp://127.0.0.1:${tcp}/`, "/over/tcp", "2")).toMatchObject({ code: 0 });
    await sendBytes(udp, new TextEncoder().encode("junk"));
    const entries = await entriesOf(tool, 3);
    const shown = entries.map((entry) => {
      if (entry.kind !== "packet") return entry.code;
      return entry.bytes.length === 4 ? "junk" : `${entry.transport} ${(decode(entry.bytes) as OscMessage).address}`;
    });
    expect(shown.toSorted()).toEqual(["junk", "tcp /over/tcp", "udp /over/udp"]);
    expect((await tool.signal("SIGINT").ended).code).toBe(0);
  });

  test("keeps its URL across restarts with a token and a port", async () => {
    const token = "a-token-for-tests";
    const port = String(await steadyPort());
    for (const _start of [1, 2]) {
      await using tool = new Tool(["monitor", "127.0.0.1:0", "--port", port], { OSCINE_MONITOR_TOKEN: token });
      await tool.saysErr(new RegExp(`^Monitor: http://127\\.0\\.0\\.1:${port}/${token}/$`, "m"));
      await tool.signal("SIGTERM").ended;
    }
  });

  test("reports on one line that the browser can't be opened, and continues", async () => {
    await using tool = new Tool(["monitor", "127.0.0.1:0", "--open"], { PATH: "/nowhere" });
    await tool.saysErr(/^Can't open the browser: /m);
    expect((await tool.signal("SIGINT").ended).code).toBe(0);
  });

  test.each([
    [["monitor", ":0", "--port", "70000"], /--port must be an integer from 0 to 65535/],
    [["monitor", "osc.carrier-pigeon://x:1"], /unknown scheme/],
    [["serve", "--port", "0", "--open"], /add --monitor/],
    [["serve", "--port", "0", "--monitor", "--kind", "threading"], /use --kind async/],
  ])("%j prints one line and exits with code 2", async (words, message) => {
    const { code, out, err } = await runTool(...words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(message);
    expect(err).toMatch(/^oscine: [^\n]+\n$/);
  });

  test("rejects a short token on one line with exit code 1", async () => {
    const tool = new Tool(["monitor", ":0"], { OSCINE_MONITOR_TOKEN: "short" });
    expect(await tool.ended).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^oscine: [^\n]*16 to 256 characters[^\n]*\n$/) as string,
    });
  });
});

describe("oscine serve --monitor", () => {
  test("prints each message, and shows all packets on the page, even rejected ones", async () => {
    await using tool = new Tool(["serve", "--port", "0", "--monitor"]);
    const port = await portOf(tool);
    const good = encode(new OscMessage("/hello", [1, "x"]));
    await sendBytes(port, new TextEncoder().encode("junk"), good);
    await tool.saysOut(/\/hello +,is +1 "x"\n/);
    const entries = await entriesOf(tool, 2);
    expect(entries.map((entry) => entry.kind === "packet" && Buffer.from(entry.bytes).toString("latin1"))).toEqual([
      "junk",
      Buffer.from(good).toString("latin1"),
    ]);
    const { code, err } = await tool.signal("SIGINT").ended;
    expect(code).toBe(0);
    expect(err).toMatch(/\nreceived 2, handled 1, rejected 1 \(not-osc 1\), dropped 0\n$/);
  });
});
