/** What a peer puts into addresses, texts and garbage reaches neither a terminal nor a log as it is: the real program, both of its outputs. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, test } from "vitest";
import { Tool, portOf } from "./run-tool.ts";

/** Forged lines, escape sequences in both forms, and what is invisible or turns the order of letters around. */
const HOSTILE = [
  ["a forged line", "\r\nListening on osc.udp://evil/\r\n"],
  ["ESC sequences", "\u001b[2J\u001b]0;title\u0007\u001bP$q\u001b\\"],
  ["C1 sequences", "\u009b31m\u0090q\u009c\u0085\u008d"],
  ["C0 controls and DEL", "\b\v\f\u0001\u007f\u000e"],
  ["an Arabic letter mark", "\u061c"],
  ["zero-width characters", "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e"],
  ["bidirectional controls", "\u202e\u202d\u2066\u2069\u200f"],
  ["tag characters", "\u{e0001}\u{e0041}\u{e007f}"],
  ["line and paragraph separators", "\u2028\u2029"],
] as const;
/** Everything but line feeds, each of which has to be accounted for. */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}

/** The same text in all places of a packet that are printed. */
function packets(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  return [
    // As an address, and as an argument of each type of text.
    Buffer.concat([
      string(`/x${text}`),
      string(",sSsb"),
      string(text),
      string(`x${text}y`),
      string("/plain"),
      Buffer.from([0, 0, 0, 4, 27, 155, 10, 13]),
    ]),
    // In a bundle, as a type tag, before its end, without a slash, and as no OSC at all.
    Buffer.concat([
      Buffer.from("#bundle\0\0\0\0\0\0\0\0\x01"),
      Buffer.from([0, 0, 0, string(`/b${text}`).length + 4]),
      string(`/b${text}`),
      string(","),
    ]),
    Buffer.concat([string(`/y${text}`), string(`,${text}`)]),
    Buffer.concat([string(`/z${text}`), string(",s"), bytes]),
    Buffer.concat([string(`word${text}`), string(",")]),
    bytes,
  ];
}

async function send(port: string, all: readonly Buffer[]): Promise<void> {
  const socket = createSocket("udp4");
  for (const packet of all) await new Promise((resolve) => socket.send(packet, Number(port), "127.0.0.1", resolve));
  socket.close();
  await once(socket, "close");
}

const LAST = Buffer.concat([string("/the/last"), string(",")]);

const TOOLS: readonly (readonly [string, readonly string[]])[] = [
  ["dump", ["dump", "127.0.0.1:0"]],
  ["dump --json", ["dump", "127.0.0.1:0", "--json"]],
  ["dump --raw", ["dump", "127.0.0.1:0", "--raw"]],
  ["serve", ["serve", "127.0.0.1:0"]],
  ["serve --kind threading", ["serve", "127.0.0.1:0", "--kind", "threading"]],
];

test.each(TOOLS)("oscine %s prints nothing of a packet that a terminal would act upon, and no forged line", async (_name, words) => {
  await using tool = new Tool(words);
  const port = await portOf(tool);
  for (const [, text] of HOSTILE) await send(port, packets(text));
  await send(port, [LAST]);
  await tool.saysOut(/the\/last/);
  const { out, err } = await tool.signal("SIGINT").ended;
  for (const output of [out, err]) {
    expect(output.split("\n").filter((line) => UNSAFE.test(line))).toEqual([]);
    expect(output.split("\n").filter((line) => line.startsWith("Listening on osc.udp://evil"))).toEqual([]);
  }
  // It was shown, only not as it is.
  expect(out + err).toMatch(/\\u009b31m|9b 33 31 6d|c2 9b 33 31/);
});

test("oscine bridge prints nothing of a bad packet that a terminal would act upon", async () => {
  const target = createSocket("udp4");
  await new Promise<void>((resolve) => target.bind(0, "127.0.0.1", resolve));
  await using tool = new Tool(["bridge", "127.0.0.1:0", "--scale", "/*=0,1:0,2", `127.0.0.1:${target.address().port}`]);
  const [, port = ""] = await tool.saysErr(/Listening on \S*:(\d+)/);
  const arrived = new Promise<void>((resolve) => target.on("message", (packet) => packet.includes("/the/last") && resolve()));
  for (const [, text] of HOSTILE) await send(port, packets(text));
  await send(port, [LAST]);
  await arrived;
  const { out, err } = await tool.signal("SIGINT").ended;
  target.close();
  expect((out + err).split("\n").filter((line) => UNSAFE.test(line))).toEqual([]);
});

test.each(TOOLS)("oscine %s cuts a long address, and what it reports of a long packet", async (name, words) => {
  await using tool = new Tool(words);
  const port = await portOf(tool);
  const long = "long".repeat(4000);
  await send(port, [
    Buffer.concat([string(`/${long}`), string(",i"), Buffer.alloc(4)]),
    Buffer.concat([string(`/${long}`), string(`,${long}`)]),
    string(long),
    LAST,
  ]);
  await tool.saysOut(/the\/last/);
  const { out, err } = await tool.signal("SIGINT").ended;
  expect(Math.max(...err.split("\n").map(({ length }) => length))).toBeLessThan(3000);
  // JSON and a hex dump are for programs, and whole.
  const isWhole = name.includes("--json") || name.includes("--raw");
  if (!isWhole) expect(Math.max(...out.split("\n").map(({ length }) => length))).toBeLessThan(3000);
});
