import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  OscBundle,
  OscMessage,
  type OscPacket,
  type PacketClient,
  TCPClient,
  TimeTag,
  UDPClient,
  encode,
  lengthPrefixEncode,
} from "../../src/index.ts";
import { JackHome } from "./jack.ts";
import { lineOf } from "./line-text.ts";
import { type FieldProgram, Matrix } from "./matrix.ts";
import { steadyPort } from "../steady-port.ts";
import { RunningProgram, describeWith, run } from "./programs.ts";
import { BEEP } from "./synth-def.ts";

const SCSYNTH = { name: "scsynth", install: "apt-get install supercollider-server" };
const JACKD = { name: "jackd", install: "apt-get install jackd1" };

const SUPERCOLLIDER: FieldProgram = {
  name: "SuperCollider's scsynth",
  package: "supercollider-server",
  limits: [
    {
      direction: "hears",
      kinds: ["T", "F", "N", "I", "c"],
      cannot: "read these types: it ignores them, or reads 0",
      cure: 'the profile "supercollider" sends 1 and 0',
    },
    {
      direction: "hears",
      kinds: ["h", "t"],
      cannot: "survive these types: scsynth 3.13 stops responding",
      cure: 'the profile "supercollider" sends `h` as `i` and rejects `t`',
    },
    {
      direction: "hears",
      kinds: ["nested bundle"],
      cannot: "read a nested bundle: it misreads its bytes as commands",
      cure: 'the profile "supercollider" flattens bundles of one time and rejects others',
    },
    {
      direction: "hears",
      kinds: ["none"],
      cannot: "match address patterns such as `/st*`",
      cure: "send the full address",
    },
  ],
};

describeWith([SCSYNTH, JACKD], "scsynth, in a dialogue", () => {
  const matrix = new Matrix(SUPERCOLLIDER);

  test.each<[transport: string, option: string, client: (port: number) => PacketClient]>([
    ["UDP", "-u", (port) => new UDPClient("127.0.0.1", port)],
    ["TCP 1.0", "-t", (port) => new TCPClient("127.0.0.1", port, { mode: "1.0", reconnect: false })],
  ])("by %s", async (transport, option, connect) => {
    using jack = new JackHome(`scsynth${option}`);
    const port = await steadyPort();
    await using server = new RunningProgram("scsynth", [option, String(port), "-D", "0", "-R", "0"], jack.environment);
    await server.line(/server ready/);
    await using client = connect(port);
    await talk(client);
    await server.ended;
    matrix.addDialogue(transport, WORKS, "plain, dated", OTHERWISE);
  });

  test("takes what the profile makes of truth values, 64-bit ints and bundles within bundles", async () => {
    using jack = new JackHome("scsynth-profile");
    const port = await steadyPort();
    await using server = new RunningProgram("scsynth", ["-u", String(port), "-D", "0", "-R", "0"], jack.environment);
    await server.line(/server ready/);
    await using client = new UDPClient("127.0.0.1", port, { for: "supercollider" });
    const answer = async (question: OscPacket, replyTo: string): Promise<string> => {
      // The answer to this question alone: it is asked after what the packet sets.
      const reply = client.request("/c_get", [5], { replyTo, timeout: 20_000 });
      await client.send(question);
      return lineOf(await reply);
    };
    expect(await answer(new OscMessage("/notify", true), "/done")).toMatch(/^\/done ,sii "%2Fnotify" 0 \d+$/);
    expect(await answer(new OscMessage("/sync", 7n), "/synced")).toBe("/synced ,i 7");
    const nested = new OscBundle([
      new OscMessage("/c_set", [5, 0.5]),
      new OscBundle(new OscMessage("/c_set", [6, true])),
      new OscMessage("/sync", 8),
    ]);
    expect(await answer(nested, "/synced")).toBe("/synced ,i 8");
    const set = client.request("/c_get", [5, 6], { replyTo: "/c_set", timeout: 20_000 });
    expect(lineOf(await set)).toBe("/c_set ,ifif 5 0.5 6 1");
    await expect(client.send(new OscMessage("/sync", TimeTag.now()))).rejects.toMatchObject({ code: "OSC_RECEIVER_LIMIT" });
    await client.send(new OscMessage("/quit"));
    await server.ended;
  });

  matrix.check();
});

const WORKS = [
  "`/version`, `/status`, also without type tags",
  "`/notify`, `/sync`, `/quit` with `/done` and `/synced`",
  "`/d_recv` of a synth definition, with a message to run after it in a blob",
  "`/s_new`, `/s_get`, `/n_free` with `/n_go`, `/n_set`, `/n_end`",
  "`/c_set` and `/c_get` of `i` `f` `d`",
  "errors as `/fail`",
];
const OTHERWISE = "`T` `F` `N` `I`: no value<br>`c`: `,c 65` → `0`";

/** Everything that the row says, asked of a server that runs. Ends it. */
async function talk(client: PacketClient): Promise<void> {
  const ask = async (message: OscMessage, replyTo: string): Promise<string> =>
    lineOf(await client.request(message.address, [...message.args], { types: message.types, replyTo, timeout: 20_000 }));

  expect(await ask(new OscMessage("/version"), "/version.reply")).toMatch(/^\/version\.reply ,siisss "scsynth" 3 \d+ /);
  const status = await client.request("/status", [], { replyTo: "/status.reply", timeout: 20_000 });
  expect(status.types).toBe("iiiiiffdd");
  expect(status.args.slice(0, 5), "one group, no synths, no definitions").toEqual([1, 0, 0, 1, 0]);
  expect(status.args[7], "the sample rate of the dummy driver").toBe(48_000);
  const again = client.request("/sync", [1], { replyTo: "/status.reply", timeout: 20_000 });
  await client.send(OscMessage.withoutTypeTags("/status"));
  expect((await again).types).toBe("iiiiiffdd");

  expect(await ask(new OscMessage("/notify", 1), "/done")).toMatch(/^\/done ,sii "%2Fnotify" 0 \d+$/);
  expect(await ask(new OscMessage("/sync", 42), "/synced")).toBe("/synced ,i 42");

  const afterwards = encode(new OscMessage("/sync", 43));
  expect(await ask(new OscMessage("/d_recv", [BEEP, afterwards]), "/synced")).toBe("/synced ,i 43");
  expect(await ask(new OscMessage("/s_new", ["beep", 1000, 0, 0, "freq", 660]), "/n_go")).toBe("/n_go ,iiiii 1000 0 -1 -1 0");
  expect(await ask(new OscMessage("/s_get", [1000, "freq", "amp"]), "/n_set")).toBe(
    `/n_set ,isfsf 1000 "freq" 660 "amp" ${Math.fround(0.2)}`,
  );
  expect(await ask(new OscMessage("/n_free", 1000), "/n_end")).toBe("/n_end ,iiiii 1000 0 -1 -1 0");

  for (const [types, value, read] of [
    ["i", -3, -3],
    ["f", 0.25, 0.25],
    ["d", 0.1, Math.fround(0.1)],
    ["T", true, 7],
    ["F", false, 7],
    ["N", null, 7],
    ["I", Infinity, 7],
    ["c", "A", 0],
  ] as const) {
    await client.send(new OscBundle([new OscMessage("/c_set", [5, 7], "if"), new OscMessage("/c_set", [5, value], `i${types}`)]));
    expect(await ask(new OscMessage("/c_get", 5), "/c_set"), `,${types}`).toBe(`/c_set ,if 5 ${read}`);
  }

  await expectBundle(client, TimeTag.IMMEDIATELY);
  await expectBundle(client, TimeTag.in(50));

  expect(await ask(new OscMessage("/s_new", ["nosuch", 1001, 0, 0]), "/fail")).toBe('/fail ,ss "%2Fs_new" "SynthDef%20not%20found"');
  expect(await ask(new OscMessage("/n_free", 999), "/fail")).toBe('/fail ,ss "%2Fn_free" "Node%20999%20not%20found"');
  expect(await ask(new OscMessage("/nosuch", 1), "/fail")).toBe('/fail ,ss "%2Fnosuch" "Command%20not%20found"');
  expect(await ask(new OscMessage("/st*"), "/fail")).toBe('/fail ,ss "%2Fst*" "Command%20not%20found"');
  expect(await ask(new OscMessage("/quit"), "/done")).toBe('/done ,s "%2Fquit"');
}

/** Both messages of a bundle are taken, in order. */
async function expectBundle(client: PacketClient, timeTag: TimeTag): Promise<void> {
  const bundle = new OscBundle([new OscMessage("/c_set", [6, 0.5], "if"), new OscMessage("/c_get", 6)], timeTag);
  // The question that goes first is answered first, with the value from before.
  const before = client.request("/c_get", [6], { replyTo: "/c_set", timeout: 20_000 });
  const after = client.request("/sync", [44], { replyTo: "/c_set", timeout: 20_000 });
  await client.send(bundle);
  expect((await before).args[0]).toBe(6);
  expect(lineOf(await after)).toBe("/c_set ,if 6 0.5");
}

describeWith([SCSYNTH], "scsynth without real time", () => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-score-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The sound of a score. */
  function render(name: string, score: Uint8Array): Buffer {
    const [file, sound] = [join(folder, `${name}.osc`), join(folder, `${name}.wav`)];
    writeFileSync(file, score);
    run("scsynth", ["-D", "0", "-N", file, "_", sound, "44100", "WAV", "int16", "-o", "1"]);
    return readFileSync(sound);
  }

  test("renders our score into the same sound as that of sclang", () => {
    // The time tags of a score count from 0.
    const at = (seconds: number, message: OscMessage): OscBundle => {
      return new OscBundle(message, new TimeTag(Math.floor(seconds), Math.round((seconds % 1) * 2 ** 32)));
    };
    const score = [
      at(0, new OscMessage("/g_new", [1, 0, 0])),
      at(0, new OscMessage("/d_recv", BEEP)),
      at(0.1, new OscMessage("/s_new", ["beep", 1000, 0, 0, "freq", 660])),
      at(0.5, new OscMessage("/s_new", ["beep", 1001, 0, 0])),
      at(1, new OscMessage("/c_set", [0, 0])),
    ];
    const ours = render("ours", Buffer.concat(score.map((bundle) => lengthPrefixEncode(encode(bundle)))));
    const sclangs = render("sclang", scoreOfSclang());
    expect(ours.equals(sclangs)).toBe(true);
    expect(zeroCrossings(ours, 0.15, 0.25), "660 Hz for 0.1 s").toBeCloseTo(2 * 660 * 0.1, -1);
    expect(zeroCrossings(ours, 0, 0.09), "silence before").toBe(0);
  });
});

/** What sclang wrote for the same score. */
function scoreOfSclang(): Uint8Array {
  const streams = readFileSync(new URL("../vectors/streams.jsonl", import.meta.url), "utf8")
    .trim()
    .split("\n");
  const records = streams.map((line) => JSON.parse(line) as { source: string; transport: string; stream: string });
  const score = records.find(({ source, transport }) => source === "sclang" && transport === "file");
  if (score === undefined) throw new Error("streams.jsonl holds no score of sclang");
  return Buffer.from(score.stream, "hex");
}

/** How often the sound changes its sign between two moments, in seconds. The file has one channel of 16 bits. */
function zeroCrossings(wav: Buffer, from: number, to: number): number {
  const start = wav.indexOf("data") + 8;
  const samples = Array.from({ length: Math.floor((to - from) * 44_100) }, (_none, index) =>
    wav.readInt16LE(start + 2 * (Math.floor(from * 44_100) + index)),
  );
  return samples.filter((sample, index) => index > 0 && sample < 0 !== (samples[index - 1] ?? 0) < 0).length;
}
