/** The command line over serial ports: both ends of a cable. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { StreamClient, UDPClient } from "../../src/client/index.ts";
import { type OscMessage, decode } from "../../src/codec/index.ts";
import { readFeedEvent } from "../../src/monitor/protocol.ts";
import { receive } from "../bridge/ends.ts";
import { Cable, hasCables } from "../shared/cable.ts";
import { Tool, runTool } from "./run-tool.ts";

let folder = "";
let module = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oscine-cli-serial-"));
  module = join(folder, "echo.mjs");
  const oscine = new URL("../../dist/index.js", import.meta.url).href;
  await writeFile(
    module,
    `import { Dispatcher } from ${JSON.stringify(oscine)};
     const dispatcher = new Dispatcher();
     dispatcher.map("/echo", (address, value) => ["/echoed", value]);
     export default dispatcher;`,
  );
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A client at the other end of what a tool reads. */
function boardAt(path: string): StreamClient {
  const board = new StreamClient(`osc.serial://${path}`, { reconnect: { minDelay: 10, maxDelay: 100 }, onError: () => undefined });
  onTestFinished(() => board.close());
  return board;
}

describe.runIf(hasCables)("osc.serial://", () => {
  test.each(["", "?baud=9600", "?framing=1.0"])("oscine serve answers oscine send, with %j", async (query) => {
    const cable = await Cable.plugged();
    await using server = new Tool(["serve", module, `osc.serial://${cable.there}${query}`]);
    // Nothing about other machines, or how to send from this one.
    await server.saysErr(/^Reading osc\.serial:\/\/\S+: runs the handlers of \S+\. Ctrl-C stops it\.\n$/);
    const url = `osc.serial://${cable.here}${query}`;
    for (const word of ["one", "two"]) {
      const { code, out, err } = await runTool("send", url, "/echo", word, "--wait", "20000", "--count", "1");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(new RegExp(` /echoed +,s +"${word}"\n$`));
    }
    const { code, err } = await server.signal("SIGINT").ended;
    expect(code).toBe(0);
    expect(err).toMatch(/\nreceived 2, handled 2, rejected 0, dropped 0\n$/);
  });

  test("oscine dump shows packets from oscine send, also with lines and --proto", async () => {
    const cable = await Cable.plugged();
    await using dump = new Tool(["dump", `osc.serial://${cable.there}`, "--json", "--count", "3"]);
    await dump.saysErr(/^Reading osc\.serial:/);
    const send = new Tool(["send", `osc.serial://${cable.here}`, "-", "--proto", "1.0"]).input("/n 1\n/n 2\n/n 3\n");
    expect(await send.ended).toMatchObject({ code: 0 });
    const { code, out } = await dump.ended;
    expect(code).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { args: unknown }).args)).toEqual([[1], [2], [3]]);
  });

  test("oscine dump continues after the board is unplugged and plugged in again", async () => {
    const cable = await Cable.plugged();
    await using dump = new Tool(["dump", `osc.serial://${cable.there}`]);
    await dump.saysErr(/^Reading osc\.serial:/);
    expect(await runTool("send", `osc.serial://${cable.here}`, "/before")).toMatchObject({ code: 0 });
    await dump.saysOut(/ \/before\b/);
    await cable.unplug();
    await dump.saysErr(/ENOENT {2}Cannot open \S+: there is no such port/);
    await cable.plug();
    // What is sent before dump has opened the port again is lost.
    await using _board = new Tool(["send", `osc.serial://${cable.here}`, "/after", "--rate", "10", "--repeat", "1000"]);
    await dump.saysOut(/ \/after\b/);
  }, 40_000);

  test("oscine bridge connects a board with a program in both directions", async () => {
    const cable = await Cable.plugged();
    const program = await receive("udp");
    program.onPacket = (packet, answer) => answer(packet);
    await using fromBoard = new Tool(["bridge", `osc.serial://${cable.there}`, `:${program.address.port}`]);
    await fromBoard.saysErr(/^Sending to /m);
    expect((await boardAt(cable.here).request("/sensor", [1, "a"])).args).toEqual([1, "a"]);
    const { err } = await fromBoard.signal("SIGINT").ended;
    expect(err).toMatch(/forward: 1 packet received, 1 sent\nback: {4}1 packet received, 1 sent\n$/);
  });

  test("oscine bridge forwards a program's packets to a board", async () => {
    const cable = await Cable.plugged();
    const board = boardAt(cable.there);
    board.dispatcher.map("/led", (_address, value) => ["/led/is", value]);
    void board.handleMessages({ timeout: Infinity });
    await board.connect();
    await using tool = new Tool(["bridge", "127.0.0.1:0", `osc.serial://${cable.here}?baud=115200`]);
    const [, port] = await tool.saysErr(/^Listening on \S+?:(\d+) /m);
    const client = new UDPClient("127.0.0.1", Number(port));
    onTestFinished(() => client.close());
    expect((await client.request("/led", true, { replyTo: "/led/is", timeout: 5000 })).args).toEqual([true]);
  });

  test("oscine monitor shows a board's packets in the browser", async () => {
    const cable = await Cable.plugged();
    await using tool = new Tool(["monitor", `osc.serial://${cable.there}`]);
    await tool.saysErr(/^Reading osc\.serial:\S+\n/);
    const [, page = ""] = await tool.saysErr(/^Monitor: (http:\S+)$/m);
    const socket = new WebSocket(`${page.replace("http:", "ws:")}feed`);
    const shown = new Promise<string>((resolve, reject) => {
      socket.on("message", (data) => {
        const event = readFeedEvent(data as Buffer);
        for (const entry of event?.kind === "entries" ? event.entries : []) {
          if (entry.kind === "packet") resolve(`${entry.transport} ${(decode(entry.bytes) as OscMessage).address}`);
        }
      });
      socket.once("error", reject);
    });
    expect(await runTool("send", `osc.serial://${cable.here}`, "/sensor", "1")).toMatchObject({ code: 0 });
    expect(await shown).toBe("serial /sensor");
    socket.terminate();
  });
});

describe.each(["serve", "dump", "send", "bridge", "monitor", "record"])("oscine %s", (command) => {
  test("names serial ports in its help", async () => {
    expect((await runTool(command, "--help")).out).toMatch(/osc\.serial:\/\/|the same URLs as "oscine dump"|URLs that "oscine dump" takes/);
  });

  test("reports a missing serial port on one line", async () => {
    const rest = { bridge: [":9"], send: ["/x"], record: ["-o", join(folder, "x.jsonl")] }[command] ?? [];
    const { code, out, err } = await runTool(command, "osc.serial:///dev/there-is-no-such-port", ...rest);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^oscine: [^\n]*\/dev\/there-is-no-such-port: there is no such port[^\n]*\(ENOENT\)\.\n$/m);
  });
});

test.each(["blocking", "threading", "forking"])("--kind %s reports that a serial port needs --kind async", async (kind) => {
  const { code, err } = await runTool("serve", "osc.serial:///dev/ttyACM0", "--kind", kind);
  expect(code).toBe(2);
  expect(err).toMatch(/^oscine: osc\.serial:\/\/\/dev\/ttyACM0 needs --kind async, because a serial port needs the event loop[^\n]*\n$/);
});
