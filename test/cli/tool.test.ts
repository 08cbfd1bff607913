import { createSocket } from "node:dgram";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encode, OscMessage } from "../../src/codec/index.ts";
import { lengthPrefixEncode, slipEncode } from "../../src/framing/index.ts";
import { nativeSockets } from "../../src/transport/native/self-test.ts";
import { canFork } from "../server/pool-program.ts";
import { portOf, runTool, Tool } from "./run-tool.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oscine-cli-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("oscine serve", () => {
  test("shows a message from oscine send, and totals at the end", async () => {
    await using server = new Tool(["serve", "--port", "0"]);
    const port = await portOf(server);
    await server.saysErr(new RegExp(`send :${port} /hello 1 2\\.5 text\\n +oscsend 127\\.0\\.0\\.1 ${port} /hello ifs 1 2\\.5 text\\n`));
    expect(await runTool("send", `:${port}`, "/hello", "1", "2.5", "text")).toEqual({ code: 0, out: "", err: "" });
    await server.saysOut(/^\d\d:\d\d:\d\d\.\d{3} {2}127\.0\.0\.1:\d+ +\/hello +,ifs +1 2\.5 "text"\n/m);
    sendBytes(port, "junk");
    await server.saysErr(/^\S+ {2}127\.0\.0\.1:\d+ {2}OSC_REJECTED {2}The packet is not OSC: [^\n]+\n$/m);
    const { code, out, err } = await server.signal("SIGINT").ended;
    expect(code).toBe(0);
    expect(out).not.toMatch(/Listening|received/);
    expect(err).toMatch(/\nreceived 2, handled 1, rejected 1 \(not-osc 1\), dropped 0\n$/);
  });

  test.each(["async", "blocking", "threading", "forking"])(
    "--kind %s runs a module's dispatcher, and --wait shows its reply",
    async (kind) => {
      const module = await writeModule("gain.mjs", 'dispatcher.map("/gain", (address, value) => [`${address}/is`, value]);');
      await using server = new Tool(["serve", module, "--url", "127.0.0.1:0", "--kind", kind]);
      const port = await portOf(server);
      const readable = await runTool("send", `127.0.0.1:${port}`, "/gain", ",f", "0.5", "--wait", "5000", "--count", "1");
      expect(readable).toMatchObject({ code: 0, err: "" });
      expect(readable.out).toMatch(new RegExp(`^\\S+ +127\\.0\\.0\\.1:${port} +/gain/is +,f +0\\.5\\n$`));
      const json = await runTool("send", `:${port}`, "/gain", ",s", "x", "--wait", "5000", "--count", "1", "--json");
      expect(JSON.parse(json.out)).toMatchObject({
        from: `127.0.0.1:${port}`,
        transport: "udp",
        address: "/gain/is",
        types: "s",
        args: ["x"],
      });
      expect(await runTool("send", `:${port}`, "/other", "--wait", "50")).toEqual({ code: 1, out: "", err: "no reply within 50 ms\n" });
      const { code, out, err } = await server.signal("SIGINT").ended;
      expect([code, out]).toEqual([0, ""]);
      const [firstLine] = err.split("\n");
      if (kind === "forking") expect(firstLine).toMatch(canFork() ? /forked processes/ : /spawned processes/);
      else expect(firstLine).not.toMatch(/processes/);
      expect(err).toMatch(/received 3, handled 3, rejected 0, dropped 0, messages without a handler 1\n$/);
      // The address is known only where packets are handled in the thread that received them.
      expect(err).toMatch(/^No handler match(?:es \/other|ed 1 message \(1 in all\))\.$/m);
    },
  );

  test("--kind forking spawns processes if they can't be forked, and reports it", async () => {
    const noKoffi = fileURLToPath(new URL("../server/programs/no-koffi.cjs", import.meta.url));
    const module = await writeModule("echo.mjs", 'dispatcher.map("/echo", () => "/echoed");');
    await using server = new Tool(["serve", module, "--url", "127.0.0.1:0", "--kind", "forking"], { NODE_OPTIONS: `--require ${noKoffi}` });
    const port = await portOf(server);
    await server.saysErr(/^[^\n]+ \(spawned processes\)/);
    expect((await runTool("send", `:${port}`, "/echo", "--wait", "10000", "--count", "1")).out).toContain("/echoed");
  });

  test.each(["async", "blocking", "threading"])("--kind %s reports whether it uses native sockets", async (kind) => {
    await using server = new Tool(["serve", "--port", "0", "--kind", kind]);
    await portOf(server);
    const [, native] = await server.saysErr(/: prints each message( \(native sockets\))?\. Ctrl-C stops it\./);
    expect(native !== undefined).toBe(!(nativeSockets() instanceof Error));
  });

  test.each(["async", "blocking", "threading", "forking"])(
    "--kind %s prints one line if a handler throws, and lets a handler stop the server",
    async (kind) => {
      const module = await writeModule(
        "faulty.mjs",
        `dispatcher.map("/fail", () => { throw new Error("out of\\n ink"); });
       dispatcher.map("/end", (context) => { context.shutdown(); }, { needsContext: true });`,
      );
      await using server = new Tool(["serve", module, "--port", "0", "--kind", kind]);
      const port = await portOf(server);
      await runTool("send", `:${port}`, "/fail");
      await server.saysErr(/^\S+ {2}127\.0\.0\.1:\d+ {2}OSC_HANDLER_FAILED {2}[^\n]*out of[^\n]*ink[^\n]*\n$/m);
      await runTool("send", `:${port}`, "/end");
      const { code, err } = await server.ended;
      expect(code).toBe(0);
      expect(err).toMatch(/received 2, handled 2, rejected 0, dropped 0, handler errors 1\n$/);
    },
  );

  test.each([
    ["async", "", slipEncode],
    ["async", "?framing=1.0", lengthPrefixEncode],
    ["blocking", "?framing=1.1", slipEncode],
    ["threading", "", lengthPrefixEncode],
    ["forking", "", slipEncode],
  ])("--kind %s on osc.tcp://%s answers on the client's connection", async (kind, query, frame) => {
    const module = await writeModule("echo.mjs", 'dispatcher.map("/echo", (address, value) => ["/echoed", value]);');
    await using server = new Tool(["serve", module, "--url", `osc.tcp://127.0.0.1:0/${query}`, "--kind", kind]);
    const port = await portOf(server);
    const expected = frame(encode(new OscMessage("/echoed", "text")));
    const answer = await exchange(port, frame(encode(new OscMessage("/echo", "text"))), expected.length);
    expect(answer.toString("hex")).toBe(Buffer.from(expected).toString("hex"));
    expect((await server.signal("SIGTERM").ended).err).toMatch(/\nreceived 1, handled 1, rejected 0, dropped 0\n$/);
  });

  test("reports a few unmatched messages per second, with the nearest address", async () => {
    const module = await writeModule("filter.mjs", 'dispatcher.map("/filter", () => "/ok");');
    await using server = new Tool(["serve", module, "--url", "127.0.0.1:0"]);
    const port = await portOf(server);
    await new Tool(["send", `:${port}`, "-"]).input("/fliter 1\n".repeat(100)).ended;
    await server.saysErr(/^(?:No handler matches \/fliter\. Did you mean \/filter\?\n){5}/m);
    await server.saysErr(/^No handler matched 95 other messages \(100 in all\)\.$/m);
    const { err } = await server.signal("SIGINT").ended;
    expect(err.match(/No handler matches/g)).toHaveLength(5);
    expect(err).toMatch(/messages without a handler 100\n$/);
  });

  test.each(["async", "threading"])("--kind %s with --no-strict-timing handles tomorrow's bundle immediately", async (kind) => {
    const module = await writeModule("late.mjs", 'dispatcher.map("/late", () => "/now");');
    await using server = new Tool(["serve", module, "--url", "127.0.0.1:0", "--kind", kind, "--no-strict-timing"]);
    const port = await portOf(server);
    const words = ["--at", "+300s", "/late", "--wait", "8000", "--count", "1"];
    expect(await runTool("send", `:${port}`, ...words)).toMatchObject({ code: 0, out: expect.stringMatching(/ \/now /) as string });
  });

  test("--port without a host listens on the same interfaces as a URL without a host", async () => {
    await using byPort = new Tool(["serve", "--port", "0"]);
    await byPort.saysErr(/^Listening on osc\.udp:\/\/0\.0\.0\.0:\d+\/ \(all interfaces\): /);
    await using byUrl = new Tool(["serve", ":0"]);
    await byUrl.saysErr(/^Listening on osc\.udp:\/\/0\.0\.0\.0:\d+\/ \(all interfaces\): /);
    await using byHost = new Tool(["serve", "--host", "127.0.0.1", "--port", "0"]);
    await byHost.saysErr(/^Listening on osc\.udp:\/\/127\.0\.0\.1:\d+\/ \(this machine only\): /);
  });

  test("reports a module that Node loads as CommonJS", async () => {
    const project = await mkdtemp(join(folder, "commonjs-"));
    await writeFile(join(project, "package.json"), '{ "type": "commonjs" }');
    const path = join(project, "handlers.js");
    await writeFile(path, 'import { Dispatcher } from "oscine";\nexport default new Dispatcher();\n');
    const { code, err } = await runTool("serve", path, "--port", "0");
    expect(code).toBe(2);
    expect(err).toMatch(/^oscine: .*because package\.json says "type": "commonjs".*Rename it to \S+handlers\.mjs.*$/m);
  });

  test("prints one line and exits with code 1 if the port is taken", async () => {
    await using server = new Tool(["serve", "--port", "0"]);
    const port = await portOf(server);
    const { code, out, err } = await runTool("serve", "--port", port);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(new RegExp(`^oscine: [^\\n]*0\\.0\\.0\\.0:${port}[^\\n]*EADDRINUSE[^\\n]*\\n$`));
  });

  test.each([
    ["no-default.mjs", "export const x = 1;", /default export of \S+ must be a Dispatcher .*it is missing/],
    ["object.mjs", "export default {};", /it is a plain object/],
    ["throws.mjs", 'throw new Error("no ink");', /cannot be loaded: Error: no ink/],
    ["syntax.mjs", "export default (", /cannot be loaded: SyntaxError/],
    ["import.mjs", 'import "no-such-package-anywhere";', /cannot be loaded: .*no-such-package-anywhere/],
  ])("prints one line and exits with code 2 for a module such as %s", async (name, text, message) => {
    const path = join(folder, name);
    await writeFile(path, text);
    const { code, err } = await runTool("serve", path, "--port", "0");
    expect(code).toBe(2);
    expect(err).toMatch(/^oscine: [^\n]+\n$/);
    expect(err).toMatch(message);
  });
});

describe("oscine dump", () => {
  const EVERY_TYPE = [
    "/all",
    ",ifsbhtdScrmTFNI[i[s]]",
    "1",
    "0.1",
    "two words",
    "0x00ff",
    "-9223372036854775808",
    "0x83aa7e8080000000",
  ].concat(["1e300", "symbol", "x", "#11223344", "00903c7f", "7", "deep"]);

  test("--json shows every type without loss, and oscine send reads it back", async () => {
    await using dump = new Tool(["dump", "127.0.0.1:0", "--json", "--count", "2"]);
    const port = await portOf(dump);
    await runTool("send", `:${port}`, ...EVERY_TYPE);
    const [line = ""] = await dump.saysOut(/^.+\n/);
    expect(JSON.parse(line)).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      from: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      transport: "udp",
      address: "/all",
      types: "ifsbhtdScrmTFNI[i[s]]",
      args: [
        1,
        0.100_000_001_490_116_12,
        "two words",
        "00ff",
        "-9223372036854775808",
        "83aa7e8080000000",
        1e300,
        "symbol",
        120,
        "11223344",
        "00903c7f",
        true,
        false,
        null,
        "Infinitum",
        [7, ["deep"]],
      ],
    });
    expect(await new Tool(["send", `:${port}`, "--json"]).input(line).ended).toEqual({ code: 0, out: "", err: "" });
    const { code, out, err } = await dump.ended;
    expect(code).toBe(0);
    const [first, second] = out.trimEnd().split("\n").map(messageOf);
    expect(second).toEqual(first);
    expect(err).toMatch(/\n2 {2}\/all\n2 messages\n$/);
  });

  test("--json preserves malformed packets byte for byte", async () => {
    const packets = ["2f6100002c7300004be4736500000000", "2f6100002c690000000000010a0b0c0d", "2f6100002c6600007fc12345"];
    await using first = new Tool(["dump", "osc.udp://127.0.0.1:0", "--json", "--count", "3"]);
    const port = await portOf(first);
    for (const packet of packets) sendBytes(port, Buffer.from(packet, "hex"));
    const { out } = await first.ended;
    const socket = createSocket("udp4");
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      socket.on("message", (bytes) => {
        if (received.push(bytes.toString("hex")) === packets.length) resolve();
      });
    });
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    await new Tool(["send", `127.0.0.1:${socket.address().port}`, "--json"]).input(out).ended;
    await all;
    socket.close();
    expect(received.toSorted()).toEqual(packets.toSorted());
  });

  test("oscine send also reads readable lines back, with the time tags of bundles", async () => {
    await using dump = new Tool(["dump", "127.0.0.1:0", "--count", "4"]);
    const port = await portOf(dump);
    await runTool("send", `:${port}`, "--at", "2026-10-04T20:00:00.25Z", ...EVERY_TYPE, "+", "/b");
    const [lines] = await dump.saysOut(/^.+\n.+\n/);
    expect(lines).toMatch(/ {2}\/b .*@2026-10-04T20:00:00\.25Z\n$/);
    const sent = await new Tool(["send", `:${port}`, "-"]).input(`# comment\n\n${lines}`).ended;
    expect(sent).toMatchObject({ code: 0, err: expect.stringMatching(/^sent 2 packets in /) as string });
    const { out } = await dump.ended;
    const [first, second, third, fourth] = out.trimEnd().split("\n").map(withoutTimeAndSender);
    expect([third, fourth]).toEqual([first, second]);
  });

  test("osc.tcp:// shows both framings", async () => {
    await using dump = new Tool(["dump", "osc.tcp://127.0.0.1:0/", "--json", "--count", "2"]);
    const port = await portOf(dump);
    const frames = [slipEncode(encode(new OscMessage("/slip"))), lengthPrefixEncode(encode(new OscMessage("/sized")))];
    for (const frame of frames) await exchange(port, frame, 0);
    const { out } = await dump.ended;
    const shown = out.trimEnd().split("\n").map(messageOf);
    expect(shown.map(({ transport }) => transport)).toEqual(["tcp", "tcp"]);
    expect(new Set(shown.map(({ address }) => address))).toEqual(new Set(["/sized", "/slip"]));
  });

  test("--raw prints an annotated hex dump, also of bad packets", async () => {
    await using dump = new Tool(["dump", "127.0.0.1:0", "--raw", "--count", "2"]);
    const port = await portOf(dump);
    sendBytes(port, encode(new OscMessage("/mixer/gain", 0.5)));
    await dump.saysOut(/# f 0\.5\n/);
    sendBytes(port, "junk");
    const { out, err } = await dump.ended;
    expect(out).toMatch(/^# \S+ {2}127\.0\.0\.1:\d+ {2}udp {2}20 bytes\n/);
    expect(out).toContain("\n0000  2f 6d 69 78 65 72 2f 67 61 69 6e 00              # /mixer/gain\n000c  2c 66 00 00 ");
    expect(out).toMatch(/\n0000 {2}6a 75 6e 6b +# not OSC/);
    expect(err).toMatch(
      /OSC_REJECTED {2}The packet is not OSC: it begins with 6a 75 6e 6b, [^\n]+\n(?:.*\n)*1 message; 1 packet could not be read\n$/,
    );
  });

  test("--match matches across slashes and inside bundles", async () => {
    const match = ["--match", "/mixer/*", "--match", "/note/o[nf]"];
    await using dump = new Tool(["dump", "127.0.0.1:0", "--json", "--count", "2", ...match]);
    const port = await portOf(dump);
    await runTool("send", `:${port}`, "--bundle", "/other", "+", "/mixer/1/gain", "1");
    await runTool("send", `:${port}`, "/other");
    await runTool("send", `:${port}`, "/note/on");
    const { out } = await dump.ended;
    expect(out.trimEnd().split("\n").map(messageOf)).toEqual([
      { transport: "udp", timetag: "0000000000000001", elements: [{ address: "/mixer/1/gain", types: "i", args: [1] }] },
      { transport: "udp", address: "/note/on", types: "", args: [] },
    ]);
  });

  test("listens on several URLs, and exits after --timeout", async () => {
    await using dump = new Tool(["dump", "127.0.0.1:0", "127.0.0.1:0", "--timeout", "0.05"]);
    const { code, out, err } = await dump.ended;
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toMatch(/^(?:Listening on osc\.udp:\/\/127\.0\.0\.1:\d+\/ \(this machine only\)\n){2}0 messages\n$/);
    expect(await runTool("dump", "127.0.0.1:0", "--timeout", "0", "--quiet")).toEqual({ code: 0, out: "", err: "" });
  });

  test("exits quietly when its reader goes away", async () => {
    await using dump = new Tool(["dump", "127.0.0.1:0"]);
    const port = await portOf(dump);
    await runTool("send", `:${port}`, "/first");
    await dump.saysOut(/\/first/);
    dump.closeOutput();
    await using sender = new Tool(["send", `:${port}`, "/more", "--repeat", "100000", "--rate", "100"]);
    const { code, err } = await dump.ended;
    expect(code).toBe(0);
    expect(err).not.toMatch(/EPIPE|Error|at .*:\d+:\d+/);
    expect((await sender.signal("SIGTERM").ended).code).toBe(0);
  });

  test("fits lines in 80 columns, and a long address widens only its own line", async () => {
    await using dump = new Tool(["dump", "127.0.0.1:0", "--count", "4"]);
    const port = await portOf(dump);
    const long = `/${"x".repeat(100)}`;
    await new Tool(["send", `:${port}`, "-"]).input(`/mixer/1/gain 0.5\n${long} 1\n/mixer/2/gain 0.25\n/note/on ,iiT 60 100\n`).ended;
    const lines = (await dump.ended).out.trimEnd().split("\n");
    expect(lines[2]?.indexOf(",f")).toBe(lines[0]?.indexOf(",f"));
    expect(lines.filter((line) => line.length > 80)).toEqual([lines[1]]);
  });

  test("prints counts on SIGTERM, the most frequent first", async () => {
    await using dump = new Tool(["dump", "127.0.0.1:0"]);
    const port = await portOf(dump);
    await new Tool(["send", `:${port}`, "-"]).input("/a\n/b\n/b\n/end\n").ended;
    await dump.saysOut(/\/end/);
    const { code, err } = await dump.signal("SIGTERM").ended;
    expect(code).toBe(0);
    expect(err).toMatch(/\n2 {2}\/b\n1 {2}\/a\n1 {2}\/end\n4 messages\n$/);
  });

  test.each([
    [{}, false],
    [{ FORCE_COLOR: "1" }, true],
    [{ FORCE_COLOR: "0" }, false],
    [{ NO_COLOR: "1" }, false],
  ])("with %j in the environment, output to a pipe has colours: %s", async (environment, colored) => {
    await using dump = new Tool(["dump", "127.0.0.1:0", "--count", "1"], environment);
    const port = await portOf(dump);
    sendBytes(port, encode(new OscMessage("/x\u001b[31m", 1)));
    const { out } = await dump.ended;
    expect(out.includes("\u001b[2m")).toBe(colored);
    expect(out).not.toContain("\u001b[31m");
    expect(out).toContain('"/x\\u001b[31m"');
  });
});

describe("oscine send", () => {
  test("prints one line and exits with code 1 if a name doesn't resolve", async () => {
    const { code, out, err } = await runTool("send", "no-such-host.invalid:9000", "/x", "--wait");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^oscine: [^\n]*no-such-host\.invalid[^\n]*\n$/);
  });

  test.each([
    ["", []],
    ["?framing=1.0", []],
    ["", ["--proto", "1.0"]],
    ["?framing=1.0", ["--proto", "1.1"]],
  ])("osc.tcp:// with %j and %j is answered in its own framing", async (query, proto) => {
    const module = await writeModule("echo.mjs", 'dispatcher.map("/echo", (address, value) => ["/echoed", value]);');
    const framing = proto[1] ?? (query === "" ? "1.1" : "1.0");
    await using server = new Tool(["serve", module, "--url", `osc.tcp://127.0.0.1:0/?framing=${framing}`]);
    const port = await portOf(server);
    const { code, out } = await runTool("send", `osc.tcp://:${port}/${query}`, ...proto, "/echo", "text", "--wait", "5000", "--count", "1");
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(` {2}127\\.0\\.0\\.1:${port} {2}/echoed +,s +"text"\n$`));
  });

  test("osc.tcp:// carries packets too large for a datagram, and keeps lines in order", async () => {
    const path = join(folder, "many.txt");
    await writeFile(path, `/large ,b ${"ab".repeat(100_000)}\n${Array.from({ length: 300 }, (_, index) => `/n ${index}`).join("\n")}`);
    await using dump = new Tool(["dump", "osc.tcp://127.0.0.1:0/", "--json", "--count", "301"]);
    const port = await portOf(dump);
    const { code, err } = await runTool("send", `osc.tcp://:${port}/`, "--file", path);
    expect(code).toBe(0);
    expect(err).toMatch(/^sent 301 packets in /);
    const [large, ...rest] = (await dump.ended).out.trimEnd().split("\n").map(messageOf);
    expect(large).toMatchObject({ address: "/large", args: ["ab".repeat(100_000)] });
    expect(rest.map(({ args }) => args)).toEqual(Array.from({ length: 300 }, (_, index) => [index]));
  });

  test("osc.tcp:// prints one line and exits with code 1 if nothing listens", async () => {
    const { code, out, err } = await runTool("send", "osc.tcp://127.0.0.1:9/", "/x");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^oscine: [^\n]*127\.0\.0\.1:9[^\n]*ECONNREFUSED[^\n]*\n$/);
  });

  test("rejects a packet too large for a datagram with its size", async () => {
    const path = join(folder, "large.bin");
    await writeFile(path, new Uint8Array(70_000));
    const { code, err } = await runTool("send", ":9000", "/x", ",b", `@${path}`);
    expect(code).toBe(1);
    expect(err).toMatch(/^oscine: [^\n]*70012 bytes[^\n]*\n$/);
  });

  test("stops at an invalid line and reports its number", async () => {
    for (const [text, message] of [
      ["/a\n{", /^oscine: Line 2: This is not JSON/],
      ["/a ,i x", /^oscine: Line 1: "x" does not fit type i/],
      ['{"address":"/a","types":"s","args":["\\u0000"]}', /^oscine: Line 1: Type tag s/],
      ["/a ,b @/etc/hostname", /^oscine: Line 1: .*does not fit type b/],
    ] as const) {
      const { code, err } = await new Tool(["send", ":9", "-"]).input(text).ended;
      expect(code).toBe(2);
      expect(err).toMatch(message);
    }
  });

  test("--numbers float, --repeat and --file work together", async () => {
    const path = join(folder, "lines.txt");
    await writeFile(path, '/a 1 2\r\n/b ,i 1\n{"address":"/c","args":[1]}');
    await using dump = new Tool(["dump", "127.0.0.1:0", "--json", "--count", "6"]);
    const port = await portOf(dump);
    const { code, err } = await runTool("send", `:${port}`, "--file", path, "--numbers", "float", "--repeat", "2", "--rate", "1000");
    expect(code).toBe(0);
    expect(err).toMatch(/^sent 6 packets in \d/);
    const { out } = await dump.ended;
    const types = out
      .trimEnd()
      .split("\n")
      .map((line) => messageOf(line)["types"]);
    expect(types).toEqual(["ff", "i", "f", "ff", "i", "f"]);
  });

  test("--repeat works with standard input", async () => {
    await using dump = new Tool(["dump", "127.0.0.1:0", "--count", "4"]);
    const port = await portOf(dump);
    await new Tool(["send", `:${port}`, "-", "--repeat", "2"]).input("/a\n/b\n").ended;
    const { err } = await dump.ended;
    expect(err).toMatch(/\n2 {2}\/a\n2 {2}\/b\n4 messages\n$/);
  });
});

/** A handlers module, and its path. */
async function writeModule(name: string, body: string): Promise<string> {
  const path = join(folder, name);
  const oscine = new URL("../../dist/index.js", import.meta.url).href;
  await writeFile(
    path,
    `import { Dispatcher } from ${JSON.stringify(oscine)};\nconst dispatcher = new Dispatcher();\n${body}\nexport default dispatcher;\n`,
  );
  return path;
}

function sendBytes(port: string, bytes: string | Uint8Array): void {
  const socket = createSocket("udp4");
  socket.send(bytes, Number(port), "127.0.0.1", () => socket.close());
}

/** Sends bytes over TCP, and reads so many that come back. */
function exchange(port: string, bytes: Uint8Array, size: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect(Number(port), "127.0.0.1", () => (size === 0 ? socket.end(bytes) : socket.write(bytes)));
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length >= size) socket.end();
    });
    socket.on("error", reject).on("close", () => resolve(received));
  });
}

function messageOf(line: string): Record<string, unknown> {
  const { time: _time, from: _from, ...rest } = JSON.parse(line) as Record<string, unknown>;
  return rest;
}

function withoutTimeAndSender(line: string): string {
  return line.replace(/^\S+ +\S+ +/, "");
}
