import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { OscBundle, OscMessage, type OscPacket, type OscValue, type ReceiverName, TCPClient, UDPClient } from "../../src/index.ts";
import { type Hearer, expectProfile, hear, itemsOf, listen, untilItHears } from "./exchange.ts";
import { ITEMS, type Item } from "./items.ts";
import { general, messagesOf, tokenOf, typedValues } from "./line-text.ts";
import type { Listener } from "./listener.ts";
import { type FieldProgram, Matrix, type Outcome } from "./matrix.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith } from "./programs.ts";

const PD = { name: "pd", install: "apt-get install puredata-core" };
const PD_OSC = {
  name: "pd-osc",
  install: "apt-get install pd-osc",
  isPresent: () => existsSync("/usr/lib/pd/extra/osc/packOSC.pd_linux"),
};
/** pd-osc has it write and read SLIP frames. */
const SLIP = {
  name: "pd-mrpeach",
  install: "apt-get install pd-mrpeach",
  isPresent: () => existsSync("/usr/lib/pd/extra/mrpeach/slipenc.pd_linux"),
};
/** How netsend and netreceive are told the transport; bytes, and not Pd's own messages. */
const OPTIONS = { udp: "-u -b", tcp: "-b" } as const;
type Transport = keyof typeof OPTIONS;
const INTS = {
  kinds: ["i"],
  cannot: "hold an int beyond ±2^24 exactly: its numbers are 32-bit floats",
  cure: "send large ids as text or in two parts",
} as const;

const VANILLA: FieldProgram = {
  name: "Pure Data, oscparse and oscformat",
  package: "puredata-core",
  limits: [
    { direction: "both", ...INTS },
    {
      direction: "both",
      kinds: ["h", "d", "t", "S", "c", "r", "m", "T", "F", "N", "I"],
      cannot: "read or send any type but `i`, `f`, `s`, `b`: it skips the others",
      cure: "send `f` for `d`, `i` for `T` and `F`, `s` for `S`; or use pd-osc",
    },
    { direction: "sends", kinds: ["[]"], cannot: "send arrays", cure: "have it send the values alone" },
    {
      direction: "sends",
      kinds: ["bundle", "nested bundle", "dated bundle"],
      cannot: "send bundles",
      cure: "none needed: its messages arrive in order",
    },
  ],
};

const EXTERNAL: FieldProgram = {
  name: "Pure Data, pd-osc",
  package: "pd-osc",
  limits: [
    { direction: "both", ...INTS },
    {
      direction: "hears",
      kinds: ["h", "d", "t", "[]"],
      cannot: "read these types: the message has no values",
      cure: "send `f` for `d`, `i` or text for `h`, arrays as their values",
    },
    { direction: "hears", kinds: ["r"], cannot: "read a colour exactly: it becomes one rounded number", cure: "send four ints" },
    {
      direction: "sends",
      kinds: ["b"],
      cannot: "send a blob that is not the last argument",
      cure: "put the blob last",
    },
    {
      direction: "sends",
      kinds: ["h", "d", "t", "S", "c", "r", "[]"],
      cannot: "send these types",
      cure: "have it send `f`, `i` and `s`",
    },
    {
      direction: "sends",
      kinds: ["dated bundle"],
      cannot: "set an exact time tag, only a delay",
      cure: "none needed",
    },
  ],
};

describeWith([PD], "Pure Data", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-pd-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  function runPatch(name: string, objects: readonly string[], connections: readonly string[]): RunningProgram {
    const lines = [
      "#N canvas 0 0 600 400 10;",
      ...objects.map((object) => `#X ${object};`),
      ...connections.map((one) => `#X connect ${one};`),
      "",
    ];
    const file = join(folder, `${name}.pd`);
    writeFileSync(file, lines.join("\n"));
    return new RunningProgram("pd", ["-nogui", "-noaudio", "-nomidi", file]);
  }

  /** Prints what comes to a port, read by an object of the patch. */
  async function hearing(transport: Transport, reader: string, { profile, ...reading }: Reading): Promise<Outcome[]> {
    const port = await steadyPort();
    const objects = [`obj 20 20 netreceive ${OPTIONS[transport]} ${port}`, `obj 20 60 ${reader}`, "obj 20 100 print heard"];
    await using program = runPatch("listener", objects, ["0 0 1 0", "1 0 2 0"]);
    const options = { onError: (): void => undefined };
    await using client = transport === "udp" ? new UDPClient("127.0.0.1", port, options) : new TCPClient("127.0.0.1", port, options);
    await untilItHears(program, (packet) => client.send(packet));
    const hearer: Hearer = { program, send: (packet) => client.send(packet), ...reading };
    const outcomes = await hear(hearer);
    if (profile !== undefined) await expectProfile(profile, hearer, holdsLargeInt);
    return outcomes;
  }

  /** Sends messages that a message box gives to an object which writes OSC. */
  async function sending(
    transport: Transport,
    writer: string,
    items: readonly Item[],
    wordsOf: (packet: OscPacket) => string,
  ): Promise<Outcome[]> {
    const tell = async (port: number, listener: Listener): Promise<void> => {
      const words = [...items.map(({ packet }) => packet), new OscMessage("/mark")].map(wordsOf).join(" \\, ");
      const objects = [
        "obj 20 20 loadbang",
        "obj 20 40 t b b",
        `msg 20 80 connect 127.0.0.1 ${port}`,
        `msg 20 100 ${words}`,
        `obj 20 120 ${writer}`,
        "obj 20 140 list prepend send",
        "obj 20 160 list trim",
        `obj 20 200 netsend ${OPTIONS[transport]}`,
      ];
      await using _program = runPatch("sender", objects, [
        "0 0 1 0",
        "1 1 2 0",
        "2 0 7 0",
        "1 0 3 0",
        "3 0 4 0",
        "4 0 5 0",
        "5 0 6 0",
        "6 0 7 0",
      ]);
      await listener.heard("/mark");
    };
    return await listen(items, tell, { transport });
  }

  describe("with oscparse and oscformat", () => {
    const matrix = new Matrix(VANILLA);

    test("hears the values of UDPClient", async () => {
      matrix.add(
        "hears",
        "UDP",
        await hearing("udp", "oscparse", {
          shows: (packet) => messagesOf(packet).map((message) => shown(message, sized)),
          read: addressOfList,
          profile: "puredata",
        }),
      );
    });

    test("is heard by AsyncOSCUDPServer", async () => {
      const items = itemsOf(["none", "i", "f", "s", "b"]).filter(canSay);
      const wordsOf = (packet: OscPacket): string =>
        messagesOf(packet)
          .map((message) => `set ${message.address} \\, format ${message.types} \\, list ${values(message, sized).join(" ")}`)
          .join(" \\, ");
      matrix.add("sends", "UDP", await sending("udp", "oscformat", items, wordsOf));
    });

    matrix.check();
  });

  describeWith([PD_OSC, SLIP], "with pd-osc", () => {
    const matrix = new Matrix(EXTERNAL);

    test.each<[name: string, transport: Transport, reader: string]>([
      ["UDP", "udp", "osc/unpackOSC"],
      ["TCP 1.1", "tcp", "osc/unpackOSCstream"],
    ])("hears the values of our clients, by %s", async (name, transport, reader) => {
      const shows = (packet: OscPacket): string[] => messagesOf(packet).map((message) => shown(message, plain));
      matrix.add("hears", name, await hearing(transport, reader, { shows, read: (line) => line.replace(/^heard: /, "") }));
    });

    test.each<[name: string, transport: Transport, writer: string]>([
      ["UDP", "udp", "osc/packOSC"],
      ["TCP 1.1", "tcp", "osc/packOSCstream"],
    ])("is heard by our servers, by %s", async (name, transport, writer) => {
      const items = itemsOf(["none", ..."ifsbmTFNI", "bundle", "nested bundle"]).filter(canSay);
      matrix.add("sends", name, await sending(transport, writer, items, sendTyped));
    });

    matrix.check();
  });
});

/** The words that have packOSC send a packet. */
function sendTyped(packet: OscPacket): string {
  if (packet instanceof OscBundle) return ["[", ...packet.elements.map(sendTyped), "]"].join(" \\, ");
  if (packet.types === "") return `send ${packet.address}`;
  return `sendtyped ${packet.address} ${packet.types} ${values(packet, plain).join(" ")}`;
}

type Bytes = (bytes: Uint8Array) => readonly number[];
/** A blob as oscparse and oscformat have it: the number of bytes, and the bytes. */
const sized: Bytes = (bytes) => [bytes.length, ...bytes];
const plain: Bytes = (bytes) => [...bytes];

/** Values as Pd writes them in a patch. */
function values(message: OscMessage, blob: Bytes): string[] {
  return typedValues(message).flatMap(([tag, value]) => {
    if (tag === "s")
      return [
        String(value)
          .replace(/[\\,;$]/g, "\\\\\\$&")
          .replace(/ /g, "\\ "),
      ];
    if (tag === "b") return blob(value as Uint8Array).map(String);
    if (tag === "m") return (value as readonly number[]).map(String);
    if (tag === "f") return [(value as number).toPrecision(9)];
    return tag === "i" ? [String(value)] : [];
  });
}

/** A message as Pd prints it where it holds all values. */
function shown(message: OscMessage, blob: Bytes): string {
  const atoms = typedValues(message).flatMap(([tag, value]): readonly string[] => {
    if (tag === "s" || tag === "S") return [String(value).replace(/[ ,;\\$]/g, "\\$&")];
    if (tag === "b") return blob(value as Uint8Array).map(String);
    if (tag === "i") return [String(value)];
    return atomsOf(tag, value);
  });
  return [message.address, ...atoms].join(" ");
}

function atomsOf(tag: string, value: OscValue): readonly string[] {
  switch (tag) {
    case "f":
    case "d":
      return [general(value as number)];
    case "c":
      return [String(String(value).codePointAt(0))];
    case "m":
      return (value as readonly number[]).map(String);
    case "T":
      return ["1"];
    case "F":
    case "N":
      return ["0"];
    case "I":
      return ["INF"];
    default:
      return [tokenOf(tag, value)];
  }
}

/** `heard: list v 49 a 1` as `/v/49/a 1`: oscparse gives the parts of an address and the values in one list. */
function addressOfList(line: string): string {
  const [, first, second, rest] = /^heard: list (\w+) (\d+)(.*)$/.exec(line) ?? [];
  if (first === undefined || rest === undefined) return line;
  const isBundle = first === "v" && ITEMS[Number(second)]?.kind.endsWith("bundle");
  return `/${first}/${second}${isBundle ? rest.replace(" ", "/") : rest}`;
}

/** How to read what a patch prints, and the profile for its reader. */
interface Reading extends Pick<Hearer, "shows"> {
  readonly read: (line: string) => string;
  readonly profile?: ReceiverName;
}

/** All numbers are floats of 32 bits. */
function holdsLargeInt(packet: OscPacket): boolean {
  return messagesOf(packet).some(({ args }) =>
    args.some((value) => typeof value === "number" && Number.isInteger(value) && Math.abs(value) > 2 ** 24 && Math.abs(value) < 2 ** 32),
  );
}

/** Pd has no way to write an empty symbol. */
function canSay({ packet }: Item): boolean {
  return messagesOf(packet).every(({ args }) => !args.includes(""));
}
