import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { type OscMessage, type OscPacket, type OscValue, type PacketClient, TCPClient, UDPClient } from "../../src/index.ts";
import { type Hearer, expectProfile, hear, itemsOf, listen, scriptOf } from "./exchange.ts";
import { messagesOf, tokenOf } from "./line-text.ts";
import { type FieldProgram, Matrix } from "./matrix.ts";
import { RunningProgram, describeWith } from "./programs.ts";

const PEER = fileURLToPath(new URL("programs/python-osc-peer.py", import.meta.url));
const ENVIRONMENT = {
  PYTHONPATH: process.env["PYTHON_OSC_PATH"] ?? process.env["PYTHONPATH"] ?? "",
  PYTHONDONTWRITEBYTECODE: "1",
};

const MODULE = {
  name: "python-osc",
  install: "put a checkout's path into PYTHON_OSC_PATH",
  isPresent: () => python(["-c", "import pythonosc.osc_tcp_server"]).status === 0,
  isOptional: true,
};

const PYTHON_OSC: FieldProgram = {
  name: "python-osc",
  version: versionOfCheckout,
  limits: [
    {
      direction: "hears",
      kinds: ["S", "c", "I"],
      cannot: "read these types: it skips them, and arguments after `S` or `c` are wrong",
      cure: "send `s` for `S` and `c`, `N` or `T` for `I`",
    },
    {
      direction: "sends",
      kinds: ["t", "S", "c", "I"],
      cannot: "send these types",
      cure: "have it send `s`, `N`, or `h` for the bits of a time tag",
    },
  ],
};

describeWith([MODULE], "python-osc", () => {
  const matrix = new Matrix(PYTHON_OSC);

  test.each<[server: string, words: readonly string[], client: (port: number) => PacketClient]>([
    ["UDP, BlockingOSCUDPServer", ["udp"], (port) => new UDPClient("127.0.0.1", port)],
    ["UDP, AsyncIOOSCUDPServer", ["asyncio"], (port) => new UDPClient("127.0.0.1", port)],
    ["TCP 1.0, ThreadingOSCTCPServer", ["tcp", "1.0"], (port) => new TCPClient("127.0.0.1", port, { mode: "1.0" })],
    ["TCP 1.1, ThreadingOSCTCPServer", ["tcp", "1.1"], (port) => new TCPClient("127.0.0.1", port, { mode: "1.1" })],
  ])("hears the values of our clients, by %s", async (transport, words, connect) => {
    await using program = new RunningProgram("python3", [PEER, "listen", ...words], ENVIRONMENT);
    const [, port] = await program.line(/^port (\d+)$/);
    await using client = connect(Number(port));
    const shows = (packet: OscPacket): string[] => messagesOf(packet).map((message) => shown(message));
    const hearer: Hearer = { program, send: (packet) => client.send(packet), shows, read: sameNumbers };
    matrix.add("hears", transport, await hear(hearer));
    await expectProfile("python-osc", hearer);
  });

  test.each<[client: string, kind: "udp" | "tcp", mode: string]>([
    ["UDP, UDPClient", "udp", ""],
    ["TCP 1.0, TCPClient", "tcp", "1.0"],
    ["TCP 1.1, TCPClient", "tcp", "1.1"],
  ])("is heard by our servers, by %s", async (transport, kind, mode) => {
    const items = itemsOf(["none", ..."ifsbhdrmTFN", "[]", "bundle", "nested bundle", "dated bundle"]);
    const tell = (port: number): void => {
      const { status, stderr } = python([PEER, "send", kind, String(port), mode || "1.1"], scriptOf(items));
      if (status !== 0) throw new Error(stderr);
    };
    matrix.add("sends", transport, await listen(items, tell, { transport: kind }));
  });

  matrix.check();
});

function python(words: readonly string[], input = ""): SpawnSyncReturns<string> {
  return spawnSync("python3", words, { input, encoding: "utf8", timeout: 30_000, env: { ...process.env, ...ENVIRONMENT } });
}

function versionOfCheckout(): string {
  try {
    const project = readFileSync(join(ENVIRONMENT.PYTHONPATH, "pyproject.toml"), "utf8");
    return /^version = "(.+)"$/m.exec(project)?.[1] ?? "?";
  } catch {
    return "?";
  }
}

/** A message as its handler prints it: the values without type tags. */
function shown({ address, types, args }: OscMessage): string {
  const tags = [...types].values();
  const token = (value: OscValue): string => {
    const tag = tags.next().value ?? "";
    switch (tag) {
      case "[": {
        const inside = (value as readonly OscValue[]).map(token);
        tags.next();
        return ["[", ...inside, "]"].join(" ");
      }
      case "r":
        return String(Number.parseInt(tokenOf(tag, value), 16));
      default:
        return { T: "True", F: "False", N: "None", I: "inf" }[tag] ?? tokenOf(tag, value);
    }
  };
  return [address, ...args.map(token)].join(" ");
}

/** Numbers as we write them. */
function sameNumbers(line: string): string {
  if (!line.startsWith("/")) return "";
  return line.replace(/ -?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?= |$)/g, (number) => (/[.e]/.test(number) ? ` ${Number(number)}` : number));
}
