import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { AsyncOSCUDPServer, Dispatcher, OscMessage, TimeTag, UDPClient, type OscValue } from "../../src/index.ts";
import { LIBLO_TOOLS, RunningProgram, describeWith, run } from "./programs.ts";
import { steadyPort } from "../steady-port.ts";

const OSCSEND = { name: "oscsend", install: LIBLO_TOOLS };
const OSCDUMP = { name: "oscdump", install: LIBLO_TOOLS };
const COMMAND_LINE = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

interface Case {
  readonly types: string;
  /** As oscsend and `oscine send` take them. */
  readonly words: readonly string[];
  /** As a handler gets them. */
  readonly values: readonly OscValue[];
  /** As `oscine dump --json` prints them. */
  readonly json: readonly unknown[];
  /** As oscdump prints them. */
  readonly dumped: string;
}

/** Every type that oscsend 0.31 knows, with the ends of its range. */
const CASES: readonly Case[] = [
  { types: "", words: [], values: [], json: [], dumped: "" },
  { types: "i", words: ["1"], values: [1], json: [1], dumped: "1" },
  { types: "i", words: ["-2147483648"], values: [-2147483648], json: [-2147483648], dumped: "-2147483648" },
  { types: "i", words: ["2147483647"], values: [2147483647], json: [2147483647], dumped: "2147483647" },
  {
    types: "h",
    words: ["-9223372036854775808"],
    values: [-9223372036854775808n],
    json: ["-9223372036854775808"],
    dumped: "-9223372036854775808",
  },
  {
    types: "h",
    words: ["9223372036854775807"],
    values: [9223372036854775807n],
    json: ["9223372036854775807"],
    dumped: "9223372036854775807",
  },
  { types: "f", words: ["2.5"], values: [2.5], json: [2.5], dumped: "2.500000" },
  { types: "f", words: ["0.1"], values: [Math.fround(0.1)], json: [Math.fround(0.1)], dumped: "0.100000" },
  { types: "d", words: ["0.1"], values: [0.1], json: [0.1], dumped: "0.100000" },
  { types: "d", words: ["-1e300"], values: [-1e300], json: [-1e300], dumped: `${BigInt(-1e300)}.000000` },
  { types: "s", words: ["text"], values: ["text"], json: ["text"], dumped: '"text"' },
  { types: "s", words: [""], values: [""], json: [""], dumped: '""' },
  { types: "s", words: ["Grüße, 世界 🎛"], values: ["Grüße, 世界 🎛"], json: ["Grüße, 世界 🎛"], dumped: '"Grüße, 世界 🎛"' },
  { types: "S", words: ["symbol"], values: ["symbol"], json: ["symbol"], dumped: "'symbol" },
  { types: "c", words: ["A"], values: ["A"], json: [65], dumped: "'A'" },
  { types: "m", words: ["01903c7f"], values: [[1, 0x90, 0x3c, 0x7f]], json: ["01903c7f"], dumped: "MIDI [0x01 0x90 0x3c 0x7f]" },
  { types: "T", words: [], values: [true], json: [true], dumped: "#T" },
  { types: "F", words: [], values: [false], json: [false], dumped: "#F" },
  { types: "N", words: [], values: [null], json: [null], dumped: "Nil" },
  { types: "I", words: [], values: [Number.POSITIVE_INFINITY], json: ["Infinitum"], dumped: "Infinitum" },
  {
    types: "isfTdhNcIFSm",
    words: ["7", "seven", "0.5", "0.25", "77", "z", "sym", "00803c00"],
    values: [7, "seven", 0.5, true, 0.25, 77n, null, "z", Number.POSITIVE_INFINITY, false, "sym", [0, 0x80, 0x3c, 0]],
    json: [7, "seven", 0.5, true, 0.25, "77", null, 122, "Infinitum", false, "sym", "00803c00"],
    dumped: `7 "seven" 0.500000 #T 0.250000 77 Nil 'z' Infinitum #F 'sym MIDI [0x00 0x80 0x3c 0x00]`,
  },
];
const ADDRESSED = CASES.map((one, index) => ({ ...one, address: `/case/${index}`, title: `,${one.types} ${one.words.join(" ")}` }));

describeWith([OSCSEND], "oscsend", () => {
  test("every type reaches a handler of AsyncOSCUDPServer with its value", async () => {
    const received = new Map<string, readonly OscValue[]>();
    const dispatcher = new Dispatcher();
    const all = new Promise<void>((resolve) => {
      dispatcher.map("/case/*", (address: string, ...args: readonly OscValue[]) => {
        received.set(address, args);
        if (received.size === ADDRESSED.length) resolve();
      });
    });
    const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher);
    const [transport] = await server.createServeEndpoint();
    try {
      const { port } = server.serverAddress;
      for (const { address, types, words } of ADDRESSED) run("oscsend", ["127.0.0.1", String(port), address, types, ...words]);
      await all;
    } finally {
      await transport.close();
    }
    for (const { address, title, values } of ADDRESSED) expect(received.get(address), title).toEqual(values);
  });

  test("every type is printed by `oscine dump --json` with its type tag and value", async () => {
    await using dump = new RunningProgram(process.execPath, [COMMAND_LINE, "dump", "osc.udp://127.0.0.1:0/", "--json"]);
    const [, port = ""] = await dump.line(/^Listening on osc\.udp:\/\/127\.0\.0\.1:(\d+)\//);
    for (const { address, types, words } of ADDRESSED) run("oscsend", [`osc.udp://127.0.0.1:${port}/`, address, types, ...words]);
    const isJson = (line: string): boolean => line.startsWith("{");
    const lines = await dump.until((all) => all.filter(isJson).length === ADDRESSED.length);
    const printed = lines.filter(isJson).map((line) => JSON.parse(line) as { address: string; types: string; args: unknown[] });
    expect(printed.map(({ address, types, args }) => ({ address, types, args }))).toEqual(
      ADDRESSED.map(({ address, types, json }) => ({ address, types, args: json })),
    );
  });
});

describeWith([OSCDUMP], "oscdump", () => {
  /** Sends with `send` to an oscdump, and gives what that printed of it: `address types values`, without the time. */
  async function dumped(count: number, send: (port: number) => Promise<void> | void): Promise<string[]> {
    const port = await steadyPort();
    await using dump = new RunningProgram("oscdump", ["-L", String(port)]);
    // oscdump does not say when it listens, so that it is asked until it answers.
    await using probe = new UDPClient("127.0.0.1", port, { onError: () => undefined });
    const answered = dump.line(/ \/probe/);
    const asking = setInterval(() => void probe.send(new OscMessage("/probe")), 20);
    await answered.finally(() => clearInterval(asking));
    const printed = (): string[] => dump.lines.filter((line) => !line.includes(" /probe")).map((line) => line.replace(/^[\da-f.]+ /, ""));
    await send(port);
    await dump.until(() => printed().length >= count);
    return printed();
  }
  const expected = ADDRESSED.map(({ address, types, dumped: text }) => [address, types, text].filter((part) => part !== "").join(" "));
  const trimmed = (lines: readonly string[]): string[] => lines.map((line) => line.trimEnd());

  test("prints every type that UDPClient sends", async () => {
    const lines = await dumped(ADDRESSED.length, async (port) => {
      await using client = new UDPClient("127.0.0.1", port);
      for (const { address, types, values } of ADDRESSED) await client.send(new OscMessage(address, values, types));
    });
    expect(trimmed(lines)).toEqual(expected);
  });

  test("prints every type that `oscine send` sends", async () => {
    const lines = await dumped(ADDRESSED.length, (port) => {
      for (const { address, types, words } of ADDRESSED) {
        run(process.execPath, [COMMAND_LINE, "send", `osc.udp://127.0.0.1:${port}/`, address, `,${types}`, ...words]);
      }
    });
    expect(trimmed(lines)).toEqual(expected);
  });

  test("prints a blob and a time tag", async () => {
    const lines = await dumped(2, async (port) => {
      await using client = new UDPClient("127.0.0.1", port);
      await client.send(new OscMessage("/client", [Uint8Array.of(1, 255, 3, 0, 219), TimeTag.fromBigInt(0xdeadbeef12345678n)]));
      run(process.execPath, [COMMAND_LINE, "send", `127.0.0.1:${port}`, "/command", ",bt", "01ff0300db", "0xdeadbeef12345678"]);
    });
    const values = "bt [5b 0x1 0xff 0x3 00 0xdb] deadbeef.12345678";
    expect(trimmed(lines)).toEqual([`/client ${values}`, `/command ${values}`]);
  });
});
