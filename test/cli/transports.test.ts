import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { OscMessage, decode, encode } from "../../src/codec/index.ts";
import { openWire } from "../shared/wire.ts";
import { runTool, Tool } from "./run-tool.ts";

let folder = "";
let module = "";
let sockets = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oscine-cli-"));
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

/** Where to listen, as a URL, with any free port. */
const PLACES: readonly (readonly [name: string, place: () => string])[] = [
  ["osc.udp://", () => "osc.udp://127.0.0.1:0/"],
  ["osc.tcp://", () => "osc.tcp://127.0.0.1:0/"],
  ["osc.tcp:// in sizes", () => "osc.tcp://127.0.0.1:0/?framing=1.0"],
  ["osc.unix://", () => `osc.unix://${freePath()}`],
  ["osc.unix:// in sizes", () => `osc.unix://${freePath()}?framing=1.0`],
  ["ws://", () => "ws://127.0.0.1:0/osc"],
];

function freePath(): string {
  sockets += 1;
  return join(folder, `${sockets}.sock`);
}

/** The URL that a listening tool says it has. */
async function urlOf(tool: Tool): Promise<string> {
  const [, url = ""] = await tool.saysErr(/Listening on (\S+[^\s:])(?: \(|:? |\n)/);
  return url;
}

describe.each(PLACES)("%s", (_name, place) => {
  test("oscine serve answers oscine send", async () => {
    await using server = new Tool(["serve", module, place()]);
    const url = await urlOf(server);
    await server.saysErr(/ send \S+ \/hello 1 2\.5 text\n/);
    const { code, out, err } = await runTool("send", url, "/echo", "text", "--wait", "5000", "--count", "1");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/ \/echoed +,s +"text"\n$/);
    const { code: ended, err: said } = await server.signal("SIGINT").ended;
    expect(ended).toBe(0);
    expect(said).toMatch(/\nreceived 1, handled 1, rejected 0, dropped 0\n$/);
  });

  test("oscine dump shows packets from oscine send", async () => {
    await using dump = new Tool(["dump", place(), "--json", "--count", "3"]);
    const url = await urlOf(dump);
    expect(await new Tool(["send", url, "-"]).input("/n 1\n/n 2\n/n 3\n").ended).toMatchObject({ code: 0 });
    const { code, out } = await dump.ended;
    expect(code).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { args: unknown }).args)).toEqual([[1], [2], [3]]);
  });
});

describe.each(["blocking", "threading", "forking"])("--kind %s", (kind) => {
  test("answers on a Unix domain socket and removes its file", async () => {
    const path = freePath();
    await using server = new Tool(["serve", module, "--url", `osc.unix://${path}`, "--kind", kind]);
    expect(await urlOf(server)).toBe(`osc.unix://${path}`);
    const wire = await openWire("tcp-1.0", { address: path, port: 0, family: "unix" });
    const answer = new Promise<Uint8Array>((resolve) => wire.onPacket(resolve));
    wire.sendBytes(encode(new OscMessage("/echo", 7)));
    expect(decode(await answer)).toMatchObject({ address: "/echoed", args: [7] });
    await wire.close();
    expect((await server.signal("SIGTERM").ended).err).toMatch(/received 1, handled 1/);
    expect(existsSync(path)).toBe(false);
  });

  test("reports that a WebSocket needs --kind async", async () => {
    const { code, out, err } = await runTool("serve", "ws://127.0.0.1:0", "--kind", kind);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^oscine: ws:\/\/127\.0\.0\.1:0\/ needs --kind async[^\n]*oscine bridge[^\n]*\n$/);
  });
});

test("serve on a WebSocket accepts other programs' clients, but only at its path", async () => {
  await using server = new Tool(["serve", "ws://127.0.0.1:0/"]);
  const url = await urlOf(server);
  const wire = await openWire("websocket", { address: "127.0.0.1", port: Number(new URL(url).port), family: "IPv4" });
  wire.sendBytes(encode(new OscMessage("/hello", 1)));
  await server.saysOut(/ \/hello +,i +1\n/);
  await wire.close();
});

test("dump and serve accept each other's arguments", async () => {
  await using server = new Tool(["serve", "127.0.0.1:0"]);
  await server.saysErr(/^Listening on osc\.udp:\/\/127\.0\.0\.1:\d+\/ \(this machine only\): prints each message/);
  await using module_ = new Tool(["serve", "127.0.0.1:0", module]);
  await module_.saysErr(/: runs the handlers of \S+echo\.mjs.*\. Ctrl-C stops it\.\n/);
});

test("serve and dump on all interfaces print where to send", async () => {
  await using server = new Tool(["serve", ":0"]);
  await server.saysErr(/\(all interfaces\): prints each message.*\. Ctrl-C stops it\.\n.*:\n +\S.* send :\d+ \/hello/);
  await using dump = new Tool(["dump", ":0"]);
  await dump.saysErr(/^Listening on \S+ \(all interfaces\)\nSend to :\d+ from this machine(?:, from other machines to \S+)*/);
});

describe("a usage error prints one line to standard error", () => {
  test.each([
    [["serve", ":1", ":2"], 2, /one URL; got 2: :1 :2/],
    [["serve", ":1", "--url", ":2"], 2, /one URL: leave out :1 or --url/],
    [["serve", ":1", "--port", "2"], 2, /leave out --host and --port/],
    [["serve", "wss://:0"], 2, /can't be listened on/],
    [["serve", "tcp://:9000"], 2, /perhaps osc\.tcp:\/\/:9000/],
    [["dump", "wss://:0"], 2, /can't be listened on/],
    [["dump", "ws://127.0.0.1:0/?token=1"], 2, /has a query after "\?", which only clients can use/],
    [["dump", "ws://127.0.0.1:0/?listen"], 2, /valid only for targets of "oscine bridge"/],
    [["dump", "osc.unix://x.sock"], 2, /as in osc\.unix:\/\/\/x\.sock/],
    [["dump", `osc.unix:///${"x".repeat(200)}`], 2, /at most 103 bytes/],
    [["dump", "osc.unix:///no/such/folder/x.sock"], 1, /Cannot listen on \/no\/such\/folder\/x\.sock/],
    [["send", "osc.unix:///no/such/x.sock", "/x"], 1, /\/no\/such\/x\.sock.*ENOENT/],
    [["send", "ws://127.0.0.1:9/", "/x"], 1, /No connection to ws:\/\/127\.0\.0\.1:9\/.*ECONNREFUSED/],
    [["send", "ws://:0/", "/x"], 2, /Port 0 is only for listening/],
    [["send", "/hello", "1"], 2, /is an OSC address.*as in :9000 \/hello/],
    [["send", "127.0.0.1", "9000", "/hello", "1"], 2, /as one word: 127\.0\.0\.1:9000 \/hello/],
    [["send", "ws://127.0.0.1:9", "/x", "--proto", "1.0"], 2, /--proto sets the framing/],
    [["send", "osc.tcp://127.0.0.1:9", "/x", "--proto", "2"], 2, /framing must be 1\.0/],
  ])("oscine %j", async (words, exitCode, message) => {
    const { code, out, err } = await runTool(...words);
    expect({ code, out }).toEqual({ code: exitCode, out: "" });
    expect(err).toMatch(/^oscine: [^\n]+\n$/);
    expect(err).toMatch(message);
  });

  test("a handlers module in a folder without oscine", async () => {
    const path = join(folder, "lonely.mjs");
    await writeFile(path, 'import { Dispatcher } from "oscine";\nexport default new Dispatcher();\n');
    const { code, err } = await runTool("serve", path, "--port", "0");
    expect(code).toBe(2);
    expect(err).toMatch(/^oscine: [^\n]*not installed in its folder: run "npm install oscine" there\.\n$/);
  });

  test("a Unix domain socket that is in use", async () => {
    const url = `osc.unix://${freePath()}`;
    await using first = new Tool(["dump", url]);
    await urlOf(first);
    const { code, err } = await runTool("dump", url);
    expect(code).toBe(1);
    expect(err).toMatch(/^oscine: [^\n]*EADDRINUSE[^\n]*\n$/);
  });
});

describe.each(["serve", "dump", "monitor", "bridge"])("pages of other sites and oscine %s on ws://", (command) => {
  const words = (...flags: readonly string[]): string[] => [
    command,
    "ws://127.0.0.1:0/",
    ...(command === "bridge" ? ["osc.udp://127.0.0.1:9"] : []),
    ...flags,
  ];

  /** The status that a page of that origin gets. */
  async function connectFrom(tool: Tool, origin: string): Promise<number> {
    const [, port] = await tool.saysErr(/^Listening on \S*?127\.0\.0\.1:(\d+)/m);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { origin });
    return new Promise((resolve, reject) => {
      socket.once("open", () => {
        socket.terminate();
        resolve(101);
      });
      socket.once("unexpected-response", (_request, response) => {
        socket.terminate();
        resolve(response.statusCode ?? 0);
      });
      socket.once("error", reject);
    });
  }

  test("are rejected with a line that names --origin, which allows them", async () => {
    await using closed = new Tool(words());
    expect(await connectFrom(closed, "https://stage.example.org")).toBe(403);
    await closed.saysErr(
      /OSC_REJECTED {2}A page was refused because its origin "https:\/\/stage\.example\.org" isn't allowed: add it to --origin\./,
    );
    expect(await connectFrom(closed, "http://localhost:5173")).toBe(101);
    await using open = new Tool(words("--origin", "https://stage.example.org"));
    expect(await connectFrom(open, "https://stage.example.org")).toBe(101);
  });
});
