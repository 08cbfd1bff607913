import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { type PacketClient, TCPClient, UDPClient } from "../../src/index.ts";
import { hear, itemsOf, listen, scriptOf } from "./exchange.ts";
import { linesOf, sameLine } from "./line-text.ts";
import { type FieldProgram, Matrix } from "./matrix.ts";
import { RunningProgram, describeWith, run } from "./programs.ts";

const PERL = { name: "perl", install: "apt-get install perl" };
const MODULE = {
  name: "Protocol::OSC",
  install: "apt-get install libprotocol-osc-perl",
  isPresent: (): boolean => {
    try {
      run("perl", ["-MProtocol::OSC", "-e", "1"]);
      return true;
    } catch {
      return false;
    }
  },
};

const PEER = fileURLToPath(new URL("programs/protocol-osc-peer.pl", import.meta.url));
const PROTOCOL_OSC: FieldProgram = {
  name: "Perl's Protocol::OSC",
  package: "libprotocol-osc-perl",
  limits: [
    {
      direction: "hears",
      kinds: ["h"],
      cannot: "read `h`: later arguments are wrong",
      cure: "send `i`, or text",
    },
    {
      direction: "hears",
      kinds: ["d", "S", "c", "r", "m"],
      cannot: "read these types: later arguments are wrong",
      cure: "send `f` for `d`, `s` for `S` `c`, `b` or `i` for `r` `m`",
    },
    {
      direction: "sends",
      kinds: ["h"],
      cannot: "write `h`: it writes 1 byte of 8, and the server rejects the packet",
      cure: "have it send `i`, or text",
    },
    {
      direction: "sends",
      kinds: ["t"],
      cannot: "write the fraction of a `t` argument",
      cure: "have it date a bundle, or send `d` as text",
    },
    { direction: "sends", kinds: ["d", "S", "c", "r", "m"], cannot: "write these types", cure: "have it send `f`, `s`, `b`" },
  ],
};

describeWith([PERL, MODULE], "Perl's Protocol::OSC", () => {
  const matrix = new Matrix(PROTOCOL_OSC);

  test.each<[transport: string, words: readonly string[], client: (port: number) => PacketClient]>([
    ["UDP", [], (port) => new UDPClient("127.0.0.1", port)],
    ["TCP 1.0", ["tcp"], (port) => new TCPClient("127.0.0.1", port, { mode: "1.0" })],
  ])("hears the values of our clients, by %s", async (transport, words, connect) => {
    await using program = new RunningProgram("perl", [PEER, "listen", ...words]);
    const [, port] = await program.line(/^port (\d+)$/);
    await using client = connect(Number(port));
    const outcomes = await hear({ program, send: (packet) => client.send(packet), shows: (packet) => linesOf(packet), read: sameLine });
    matrix.add("hears", transport, outcomes);
  });

  test.each<[transport: string, kind: "udp" | "tcp"]>([
    ["UDP", "udp"],
    ["TCP 1.0", "tcp"],
  ])("is heard by our servers, by %s", async (transport, kind) => {
    const items = itemsOf(["none", ..."ifsbtTFNI", "[]", "bundle", "nested bundle", "dated bundle"]);
    const tell = (port: number): void => void run("perl", [PEER, "send", String(port), kind], scriptOf(items));
    matrix.add("sends", transport, await listen(items, tell, { transport: kind }));
  });

  matrix.check();
});
