import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { OscMessage, type OscPacket, type PacketClient, TCPClient, UDPClient } from "../../src/index.ts";
import { hear, itemsOf, listen, untilItHears } from "./exchange.ts";
import { fixed, lineOf, messagesOf, tokenOf, typedValues } from "./line-text.ts";
import type { Listener } from "./listener.ts";
import { type FieldProgram, Matrix } from "./matrix.ts";
import { steadyPort } from "../steady-port.ts";
import { LIBLO_TOOLS, RunningProgram, describeWith, run } from "./programs.ts";

const OSCDUMP: FieldProgram = {
  name: "oscdump of liblo-tools",
  package: "liblo-tools",
  limits: [
    {
      direction: "hears",
      kinds: ["r", "[]"],
      cannot: "read colours or arrays: liblo rejects the message",
      cure: "send a colour as `i` or `b`, an array as its values",
    },
  ],
};

const OSCSEND: FieldProgram = {
  name: "oscsend of liblo-tools",
  package: "liblo-tools",
  limits: [
    {
      direction: "sends",
      kinds: ["b", "t", "r", "[]"],
      cannot: "take these types on its command line",
      cure: "use `oscine send`, which takes all types",
    },
    {
      direction: "sends",
      kinds: ["bundle", "nested bundle", "dated bundle"],
      cannot: "send bundles",
      cure: "use oscsendfile, which sends plain ones",
    },
  ],
};

const OSCSENDFILE: FieldProgram = {
  name: "oscsendfile of liblo-tools",
  package: "liblo-tools",
  limits: [
    {
      direction: "sends",
      kinds: ["b", "t", "r", "m", "S", "c", "[]"],
      cannot: "read these types from oscdump's text, nor text with spaces, nor `T F N I` before other values",
      cure: "record with `oscine`, or write the file by hand",
    },
    {
      direction: "sends",
      kinds: ["none"],
      cannot: "send messages without arguments: it crashes, or takes the types of the line before",
      cure: "play the file with `oscine play`",
    },
    {
      direction: "sends",
      kinds: ["nested bundle", "dated bundle"],
      cannot: "keep bundles: it makes one per time, dated from now",
      cure: "none needed for messages",
    },
  ],
};

describeWith([{ name: "oscdump", install: LIBLO_TOOLS }], "oscdump", () => {
  const matrix = new Matrix(OSCDUMP);

  test.each<[transport: string, url: string, client: (port: number) => PacketClient]>([
    ["UDP", "osc.udp://:", (port) => new UDPClient("127.0.0.1", port, { onError: () => undefined })],
    ["TCP 1.0", "osc.tcp://:", (port) => new TCPClient("127.0.0.1", port, { mode: "1.0", onError: () => undefined })],
    ["TCP 1.1", "osc.tcp://:", (port) => new TCPClient("127.0.0.1", port, { mode: "1.1", onError: () => undefined })],
  ])("hears the values of our clients, by %s", async (transport, url, connect) => {
    const port = await steadyPort();
    await using program = new RunningProgram("oscdump", ["-L", `${url}${port}`]);
    await using client = connect(port);
    await untilItHears(program, (packet) => client.send(packet));
    const shows = (packet: OscPacket): string[] => messagesOf(packet).map((message) => dumped(message));
    const read = (line: string): string => /^[\da-f]{8}\.[\da-f]{8} (.*)$/.exec(line)?.[1]?.trimEnd() ?? "";
    matrix.add("hears", transport, await hear({ program, send: (packet) => client.send(packet), shows, read }));
  });

  matrix.check();
});

describeWith([{ name: "oscsend", install: LIBLO_TOOLS }], "oscsend", () => {
  const matrix = new Matrix(OSCSEND);

  test.each<[transport: string, kind: "udp" | "tcp"]>([
    ["UDP", "udp"],
    ["TCP 1.0", "tcp"],
  ])("is heard by our servers, by %s", async (transport, kind) => {
    const items = itemsOf(["none", ..."ifshdScmTFNI"]);
    const tell = async (port: number, listener: Listener): Promise<void> => {
      for (const message of [...items.flatMap(({ packet }) => messagesOf(packet)), new OscMessage("/mark")]) {
        run("oscsend", [`osc.${kind}://127.0.0.1:${port}/`, message.address, message.types, ...wordsOf(message)]);
        // Each comes by a connection of its own.
        await listener.heard(message.address);
      }
    };
    matrix.add("sends", transport, await listen(items, tell, { transport: kind }));
  });

  matrix.check();
});

describeWith([{ name: "oscsendfile", install: LIBLO_TOOLS }], "oscsendfile", () => {
  const matrix = new Matrix(OSCSENDFILE);
  const folder = mkdtempSync(join(tmpdir(), "oscine-oscsendfile-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("is heard by AsyncOSCUDPServer, all lines of one time in one bundle", async () => {
    const items = itemsOf([..."ifshdTFNI", "bundle"]).filter(({ packet }) => canRead(packet));
    // One time for each item, a little after the one before, as oscdump would have written them.
    const lines = [...items.map(({ packet }) => packet), new OscMessage("/mark")].flatMap((packet, index) => {
      const time = `e93c8e80.${(0x10_0000 * (index + 1)).toString(16).padStart(8, "0")}`;
      return messagesOf(packet).map((message) => [time, message.address, message.types, ...wordsOf(message)].join(" "));
    });
    const file = join(folder, "messages.txt");
    writeFileSync(file, `${lines.join("\n")}\n`);
    const outcomes = await listen(items, (port) => void run("oscsendfile", ["127.0.0.1", String(port), file]), { lines: flat });
    matrix.add("sends", "UDP", outcomes);
  });

  matrix.check();
});

/** Words of a line are cut at spaces, and `T` and the like take none of them. */
function canRead(packet: OscPacket): boolean {
  return messagesOf(packet).every(({ types, args }) => {
    const isPlainText = args.every((value) => typeof value !== "string" || /^\S+$/.test(value));
    return isPlainText && !/[TFNI]./.test(types);
  });
}

/** A message as oscdump prints it. */
function dumped(message: OscMessage): string {
  const shown = typedValues(message).map(([tag, value]) => {
    switch (tag) {
      case "f":
      case "d":
        return fixed(value as number, 6);
      case "s":
        return `"${String(value)}"`;
      case "S":
        return `'${String(value)}`;
      case "c":
        return `'${String(value)}'`;
      case "b": {
        const bytes = [...(value as Uint8Array)];
        return `[${bytes.length}b ${bytes.map((byte) => (byte === 0 ? "00" : `0x${byte.toString(16)}`)).join(" ")}]`;
      }
      case "m":
        return `MIDI [${(value as readonly number[]).map((byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(" ")}]`;
      case "t":
        return tokenOf("t", value).replace(/^.{8}/, "$&.");
      default:
        return { T: "#T", F: "#F", N: "Nil", I: "Infinitum" }[tag] ?? tokenOf(tag, value);
    }
  });
  return [message.address, message.types, ...shown].join(" ").trimEnd();
}

/** The values of a message as oscsend and oscsendfile take them. */
function wordsOf(message: OscMessage): string[] {
  const worded = typedValues(message).filter(([tag]) => !"TFNI".includes(tag));
  return worded.map(([tag, value]) => ("sSc".includes(tag) ? String(value) : tokenOf(tag, value)));
}

/** The messages of a packet, whatever bundle they come in. */
function flat(packet: OscPacket): string[] {
  return messagesOf(packet).map((message) => lineOf(message));
}
