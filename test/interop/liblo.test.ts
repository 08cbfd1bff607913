import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PacketClient, TCPClient, UDPClient } from "../../src/index.ts";
import { type Hearer, expectProfile, hear, itemsOf, listen, scriptOf } from "./exchange.ts";
import { TYPE_TAGS } from "./items.ts";
import { linesOf, sameLine } from "./line-text.ts";
import { type FieldProgram, Matrix } from "./matrix.ts";
import { RunningProgram, compilesWith, describeWith, run } from "./programs.ts";

const HEADERS = {
  name: "a C compiler with liblo's headers",
  install: "apt-get install gcc libc6-dev liblo-dev",
  isPresent: () => compilesWith("lo/lo.h"),
};

const LIBLO: FieldProgram = {
  name: "liblo, in a C program",
  package: "liblo-dev",
  limits: [
    {
      direction: "hears",
      kinds: ["r", "[]"],
      cannot: "read colours or arrays: it rejects the message",
      cure: "send a colour as `i` or `b`, an array as its values",
    },
    { direction: "sends", kinds: ["r", "[]"], cannot: "send colours or arrays", cure: "have it send `i`, and the values alone" },
  ],
};

describeWith([HEADERS], "liblo", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-liblo-"));
  const peer = join(folder, "liblo-peer");
  const matrix = new Matrix(LIBLO);
  const sent = itemsOf([...TYPE_TAGS.filter((tag) => tag !== "r" && tag !== "[]"), "bundle", "nested bundle", "dated bundle"]);
  beforeAll(() => {
    run("gcc", ["-Wall", "-Wextra", "-Werror", "-o", peer, fileURLToPath(new URL("programs/liblo-peer.c", import.meta.url)), "-llo"]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each<[transport: string, kind: "udp" | "tcp", client: (port: number) => PacketClient]>([
    ["UDP", "udp", (port) => new UDPClient("127.0.0.1", port)],
    ["TCP 1.0", "tcp", (port) => new TCPClient("127.0.0.1", port, { mode: "1.0" })],
    ["TCP 1.1", "tcp", (port) => new TCPClient("127.0.0.1", port, { mode: "1.1" })],
  ])("hears every value that it knows, by %s", async (transport, kind, connect) => {
    await using program = new RunningProgram(peer, ["listen", kind]);
    const [, port] = await program.line(/^port (\d+)$/);
    await using client = connect(Number(port));
    const hearer: Hearer = { program, send: (packet) => client.send(packet), shows: (packet) => linesOf(packet), read: sameLine };
    matrix.add("hears", transport, await hear(hearer));
    await expectProfile("liblo", hearer);
  });

  test.each<[transport: string, kind: "udp" | "tcp", words: readonly string[]]>([
    ["UDP", "udp", []],
    ["TCP 1.0", "tcp", []],
    ["TCP 1.1, an END after each packet", "tcp", ["slip", "1"]],
    ["TCP 1.1, an END on both sides", "tcp", ["slip", "2"]],
  ])("is heard by our servers with every value, by %s", async (transport, kind, words) => {
    const tell = (port: number): void => void run(peer, ["send", `osc.${kind}://127.0.0.1:${port}/`, ...words], scriptOf(sent));
    matrix.add("sends", transport, await listen(sent, tell, { transport: kind }));
  });

  test("tells the names of its methods, in a reply to #reply", async () => {
    await using program = new RunningProgram(peer, ["names"]);
    const [, port] = await program.line(/^port (\d+)$/);
    const faults: string[] = [];
    await using client = new UDPClient("127.0.0.1", Number(port), { onError: ({ code }) => void faults.push(code) });
    const reply = await client.request("/synth/", [], { replyTo: "#reply", timeout: 5000 });
    expect(reply.args).toEqual(["/synth/", "gain", "pan"]);
    expect(reply.errors).toMatchObject([{ code: "OSC_BAD_ADDRESS", offset: 0 }]);
    expect(faults).toEqual(["OSC_BAD_ADDRESS"]);
  });

  matrix.check();
});
