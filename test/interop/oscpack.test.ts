import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OscMessage, RECEIVERS, UDPClient, encode } from "../../src/index.ts";
import { hear, listen, scriptOf } from "./exchange.ts";
import { ITEMS } from "./items.ts";
import { linesOf, sameLine } from "./line-text.ts";
import { Matrix } from "./matrix.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith, run } from "./programs.ts";

const NEEDED = [
  { name: "g++", install: "apt-get install g++" },
  {
    name: "oscpack",
    install: "apt-get install liboscpack-dev",
    isPresent: () => existsSync("/usr/include/oscpack/osc/OscOutboundPacketStream.h"),
  },
];

describeWith(NEEDED, "oscpack", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-oscpack-"));
  const peer = join(folder, "oscpack-peer");
  const matrix = new Matrix({
    name: "oscpack",
    package: "liboscpack-dev",
    limits: [
      {
        direction: "hears",
        kinds: [],
        cannot: "receive more than 4,096 bytes: most programs crash with an exception",
        cure: 'the profile "oscpack" rejects larger datagrams',
      },
    ],
  });
  beforeAll(() => {
    run("g++", [
      "-Wall",
      "-Wextra",
      "-Werror",
      "-o",
      peer,
      fileURLToPath(new URL("programs/oscpack-peer.cpp", import.meta.url)),
      "-loscpack",
    ]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("hears every value of UDPClient", async () => {
    const port = await steadyPort();
    await using program = new RunningProgram(peer, ["listen", String(port)]);
    await program.line(/^ready$/);
    await using client = new UDPClient("127.0.0.1", port);
    matrix.add(
      "hears",
      "UDP",
      await hear({ program, send: (packet) => client.send(packet), shows: (packet) => linesOf(packet), read: sameLine }),
    );
    // The largest datagram that its profile lets through.
    const { maxDatagram } = RECEIVERS.oscpack;
    const largest = new OscMessage("/largest", new Uint8Array(maxDatagram - 20).fill(7));
    expect(encode(largest)).toHaveLength(maxDatagram);
    await client.send(largest);
    await program.line(new RegExp(`^/largest ,b <(?:07){${maxDatagram - 20}}>$`));
  });

  test("is heard by AsyncOSCUDPServer with every value", async () => {
    const outcomes = await listen(ITEMS, (port) => void run(peer, ["send", String(port)], scriptOf(ITEMS)));
    matrix.add("sends", "UDP", outcomes);
  });

  matrix.check();
});
