import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { UDPClient } from "../../src/index.ts";
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
      cannot: "read `h`: it takes four bits of the eight bytes, and all arguments after it are wrong",
      cure: "send `i`, or text",
    },
    {
      direction: "hears",
      kinds: ["d", "S", "c", "r", "m"],
      cannot: "read these types: it passes over them without their bytes, so that all arguments after them are wrong",
      cure: "send `f` for `d`, `s` for `S` and `c`, `b` or `i` for `r` and `m`",
    },
    {
      direction: "sends",
      kinds: ["h"],
      cannot: "write `h`: it writes 1 byte for 8, and what comes is no packet; our server reports it and goes on",
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

  test("hears the values of UDPClient", async () => {
    await using program = new RunningProgram("perl", [PEER, "listen"]);
    const [, port] = await program.line(/^port (\d+)$/);
    await using client = new UDPClient("127.0.0.1", Number(port));
    const outcomes = await hear({ program, send: (packet) => client.send(packet), shows: (packet) => linesOf(packet), read: sameLine });
    matrix.add("hears", "UDP", outcomes);
  });

  test("is heard by AsyncOSCUDPServer", async () => {
    const items = itemsOf(["none", ..."ifsbtTFNI", "[]", "bundle", "nested bundle", "dated bundle"]);
    const outcomes = await listen(items, (port) => void run("perl", [PEER, "send", String(port)], scriptOf(items)));
    matrix.add("sends", "UDP", outcomes);
  });

  matrix.check();
});
