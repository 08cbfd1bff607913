import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Dispatcher, OscMessage, type OscReply, UDPClient, encode } from "../../src/index.ts";
import { blocksOf } from "../shared/document-blocks.ts";
import { Listener } from "./listener.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith } from "./programs.ts";

const ENVIRONMENT = { PYTHONPATH: process.env["PYTHON_OSC_PATH"] ?? process.env["PYTHONPATH"] ?? "", PYTHONDONTWRITEBYTECODE: "1" };
const PYTHON_OSC = {
  name: "python-osc",
  install: "put a checkout's path into PYTHON_OSC_PATH",
  isPresent: () => spawnSync("python3", ["-c", "import pythonosc"], { env: { ...process.env, ...ENVIRONMENT } }).status === 0,
  isOptional: true,
};

/** How often a server that does not say when it is ready is sent a message, in milliseconds. */
const PAUSE_MS = 100;

describeWith([PYTHON_OSC], "the programs of python-osc in docs/coming-from-python-osc.md", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-python-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const blocks = blocksOf(join("docs", "coming-from-python-osc.md")).filter(({ language }) => language === "python");

  function start(code: string, port: number): RunningProgram {
    const file = join(folder, `${port}.py`);
    writeFileSync(file, code.replace("1337", String(port)));
    return new RunningProgram("python3", ["-u", file], ENVIRONMENT);
  }

  test("are there", () => {
    expect(blocks.length).toBe(2);
  });

  test.each(blocks.filter(({ code }) => code.includes("Server(")))("$name hears", async ({ code }) => {
    const port = await steadyPort();
    await using program = start(code, port);
    await using client = new UDPClient("127.0.0.1", port, { onError: () => undefined });
    const timer = setInterval(() => {
      for (const address of ["/something/else", "/filter"]) void client.send(new OscMessage(address, 0.5));
    }, PAUSE_MS);
    try {
      await program.line(/^\/(?:something\/else|filter) 0\.5$/);
    } finally {
      clearInterval(timer);
    }
  });

  test.each(blocks.filter(({ code }) => code.includes("Client(")))("$name sends", async ({ code }) => {
    await using listener = await Listener.open();
    await using program = start(`${code}\nclient.send_message("/end", [])\n`, listener.port);
    const packets = await listener.heard("/end");
    const types = packets.map((packet) => (packet instanceof OscMessage ? packet.types : null));
    expect(types).toEqual(["i", "f", "ifs", ""]);
    await program.ended;
  });

  /** What a handler returns, in Python and in TypeScript, as the page's table has it. */
  const REPLIES: readonly (readonly [python: string, ours: OscReply])[] = [
    ['"/reply"', "/reply"],
    ['("/reply", 1, 2)', ["/reply", 1, 2]],
    ['("/reply", [1, 2])', ["/reply", [1, 2]]],
  ];

  test.each(REPLIES)("a handler's %s is the same reply on both sides", async (python, ours) => {
    const port = await steadyPort();
    const code = [
      "from pythonosc.dispatcher import Dispatcher",
      "from pythonosc.osc_server import BlockingOSCUDPServer",
      "dispatcher = Dispatcher()",
      `dispatcher.map("/ask", lambda *_: ${python})`,
      'BlockingOSCUDPServer(("127.0.0.1", 1337), dispatcher).serve_forever()',
    ].join("\n");
    await using _program = start(code, port);
    await using client = new UDPClient("127.0.0.1", port, { onError: () => undefined });
    const theirs = await client.request("/ask", [], { replyTo: "/reply", timeout: PAUSE_MS, retries: 50 });

    const dispatcher = new Dispatcher();
    dispatcher.map("/ask", () => ours);
    const [own] = dispatcher.callHandlersForPacket(encode(new OscMessage("/ask")), { address: "127.0.0.1", port, family: "IPv4" });
    expect(own).toBeInstanceOf(OscMessage);
    if (own instanceof OscMessage) expect([theirs.types, theirs.args]).toEqual([own.types, own.args]);
  });
});
