import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { OscBundle, OscMessage, type OscPacket, type OscValue, UDPClient, fitPacket } from "../../src/index.ts";
import { type Hearer, expectProfile, hear, itemsOf, listen, untilItHears } from "./exchange.ts";
import { ITEMS } from "./items.ts";
import { messagesOf, tokenOf, typedValues } from "./line-text.ts";
import { type FieldProgram, Matrix } from "./matrix.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith } from "./programs.ts";

const CSOUND: FieldProgram = {
  name: "Csound",
  package: "csound",
  limits: [
    {
      direction: "hears",
      kinds: ["h"],
      cannot: "hold an `h` beyond ±2^53 exactly: its numbers are doubles",
      cure: "send `i`, or large ids as text",
    },
    {
      direction: "hears",
      kinds: ["S"],
      cannot: "tell `S` from `s`",
      cure: "none needed",
    },
    {
      direction: "hears",
      kinds: ["b", "t", "r", "m", "T", "F", "N", "I", "[]"],
      cannot: "receive these types: OSClisten drops the message",
      cure: "send `i`, `f`, `d`, `c`, `h`, `s`",
    },
    {
      direction: "sends",
      kinds: ["b", "t", "S", "r", "[]"],
      cannot: "send these types",
      cure: "have it send numbers and text",
    },
    {
      direction: "sends",
      kinds: ["bundle"],
      cannot: "set a bundle's time tag: it is always 0",
      cure: "none needed: 0 means immediately here",
    },
    {
      direction: "sends",
      kinds: ["nested bundle", "dated bundle"],
      cannot: "send these bundles, or text in a bundle",
      cure: "have it send messages when they are due",
    },
  ],
};

describeWith([{ name: "csound", install: "apt-get install csound" }], "Csound", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-csound-"));
  const matrix = new Matrix(CSOUND);
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs instruments, one each, in real time and without sound, until it is ended. */
  function runCsound(name: string, head: readonly string[], instruments: readonly string[]): RunningProgram {
    const file = join(folder, `${name}.csd`);
    const all = instruments.map((body, index) => `instr ${index + 1}\n${body}\nendin`);
    const score = instruments.map((_body, index) => `i ${index + 1} 0 600`);
    const orchestra = ["sr = 1000", "ksmps = 10", "nchnls = 1", ...head, ...all];
    const parts = [
      "<CsoundSynthesizer>",
      "<CsInstruments>",
      ...orchestra,
      "</CsInstruments>",
      "<CsScore>",
      ...score,
      "</CsScore>",
      "</CsoundSynthesizer>",
      "",
    ];
    writeFileSync(file, parts.join("\n"));
    return new RunningProgram("csound", ["-+rtaudio=null", "-odac", "-+msg_color=0", "-d", "-m0", "-b", "64", "-B", "256", file]);
  }

  test("hears the values of UDPClient", async () => {
    const port = await steadyPort();
    const addressed = ["/probe", "/mark/1", "/mark/2"].map((address) => new OscMessage(address, 1));
    const messages = ITEMS.flatMap(({ packet }) => [...messagesOf(packet), ...fittedMessages(packet)]);
    // One for each address with its type tags: those of an item, and those that the profile makes of it.
    const listeners = new Map([...messages, ...addressed].map((message) => [`${message.address} ${message.types}`, listenerOf(message)]));
    await using program = runCsound("listener", [`gihandle OSCinit ${port}`], [...listeners.values()]);
    await using client = new UDPClient("127.0.0.1", port, { onError: () => undefined });
    await untilItHears(program, (packet) => client.send(packet));
    const shows = (packet: OscPacket): string[] => messagesOf(packet).map(shown);
    const hearer: Hearer = { program, send: (packet) => client.send(packet), shows, read };
    matrix.add("hears", "UDP", await hear(hearer));
    await expectProfile("csound", hearer, (packet) => !(packet instanceof OscBundle) && !canSay(packet));
  });

  test("is heard by AsyncOSCUDPServer", async () => {
    const items = itemsOf(["none", ..."ifshdcmTFNI", "bundle"]).filter(({ packet }) => canSay(packet));
    const outcomes = await listen(items, async (port, listener) => {
      const statements = items.map(({ packet }) => (packet instanceof OscBundle ? sendBundle(packet, port) : send(packet, port)));
      await using _program = runCsound("sender", [], [[...statements, send(new OscMessage("/mark"), port)].join("\n")]);
      await listener.heard("/mark");
    });
    matrix.add("sends", "UDP", outcomes);
  });

  matrix.check();
});

/** What the profile makes of an item, where it lets it through. */
function fittedMessages(packet: OscPacket): OscMessage[] {
  try {
    return messagesOf(fitPacket(packet, "csound"));
  } catch {
    return [];
  }
}

/** An instrument that prints what comes to the address of a message with its type tags. */
function listenerOf(message: OscMessage): string {
  const typed = typedValues(message).filter(([tag, value]) => tokenOf(tag, value) !== "");
  const names = typed.map(([tag], index) => (tag === "s" || tag === "S" ? `S${index}` : `k${index}`));
  const formats = typed.map(([tag]) => (tag === "s" || tag === "S" ? "%s" : "%.17g"));
  return [
    "kcount init 0",
    ...names.map((name) => (name.startsWith("S") ? `${name} = ""` : `${name} init 0`)),
    `knew OSClisten gihandle, ${[message.address, message.types].map((text) => `"${text}"`).join(", ")}${names.map((name) => `, ${name}`).join("")}`,
    "if (knew == 1) then",
    "kcount += 1",
    `printf "${[message.address, `,${message.types}`, ...formats].join(" ")}\\n", kcount${names.map((name) => `, ${name}`).join("")}`,
    "endif",
  ].join("\n");
}

function send(message: OscMessage, port: number): string {
  const words = typedValues(message).map(([tag, value]) => `, ${literal(tag, value)}`);
  return `OSCsend 1, "127.0.0.1", ${port}, "${message.address}", "${message.types}"${words.join("")}`;
}

/** A value in the orchestra's language; the flags take a place there. */
function literal(tag: string, value: OscValue): string {
  if (tag === "s") return `"${String(value)}"`;
  if (tag === "m") return `0x${tokenOf("m", value)}`;
  return tokenOf(tag, value) || "0";
}

/** OSCbundle takes arrays: of addresses, of type tag strings, and of numbers with a row for each message. */
function sendBundle(bundle: OscBundle, port: number): string {
  const messages = messagesOf(bundle);
  const rows = messages.map(({ args }) => [args[0] ?? 0, args[1] ?? 0].join(", "));
  return [
    `Saddress[] fillarray ${messages.map(({ address }) => `"${address}"`).join(", ")}`,
    `Stypes[] fillarray ${messages.map(({ types }) => `"${types}"`).join(", ")}`,
    `kvalues[][] init ${messages.length}, 2`,
    `kvalues fillarray ${rows.join(", ")}`,
    `OSCbundle 1, "127.0.0.1", ${port}, Saddress, Stypes, kvalues`,
  ].join("\n");
}

/** OSCbundle takes no text, and the language no number that a double cannot hold. */
function canSay(packet: OscPacket): boolean {
  if (packet instanceof OscBundle) return messagesOf(packet).every(({ args }) => args.every((value) => typeof value === "number"));
  return packet.args.every((value) => typeof value !== "bigint" || Number.isSafeInteger(Number(value)));
}

/** A message as the listener prints it: all numbers are Csound's one kind. */
function shown(message: OscMessage): string {
  const tokens = typedValues(message).map(([tag, value]) => (tag === "s" || tag === "S" ? String(value) : tokenOf(tag, value)));
  return [message.address, `,${message.types}`, ...tokens.filter((token, index) => token !== "" || message.types[index] === "s")].join(" ");
}

/** Numbers as we write them, and nothing of what else it prints. */
function read(line: string): string {
  if (!line.startsWith("/")) return "";
  return line.replace(/ -?\d[\d.]*(?:e[+-]\d+)?(?= |$)/g, (number) => ` ${String(Number(number))}`);
}
