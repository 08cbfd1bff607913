// Makes docs/images/terminal.svg anew, from what the command line tool writes in two terminals:
//
//   npm run screenshots
//
// Needs bash, and port 1337 of this machine.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { drawTerminals } from "./terminal-svg.ts";

const IMAGES = fileURLToPath(new URL("../docs/images/", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const PATIENCE_MS = 20_000;
const PROMPT = "\u001b[32m$\u001b[0m ";

/** What is typed in the second terminal, each with how many lines the first one then shows more. */
const COMMANDS: readonly (readonly [command: string, lines: number])[] = [
  ["oscine send :1337 /mixer/1/gain 0.5", 1],
  ["oscine send :1337 /scene/next 3 'Act 2' true", 1],
  ["oscine send :1337 --at +250ms /note/on 60 100 + /light/3 ,r '#ff8800ff'", 2],
  ["echo hi > /dev/udp/127.0.0.1/1337", 1],
];

const folder = mkdtempSync(join(tmpdir(), "oscine-picture-"));
try {
  chmodSync(PROGRAM, 0o755);
  symlinkSync(PROGRAM, join(folder, "oscine"));
  const { FORCE_COLOR: _, NO_COLOR: __, ...inherited } = process.env;
  const env = { ...inherited, FORCE_COLOR: "1", PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}` };
  mkdirSync(IMAGES, { recursive: true });
  writeFileSync(join(IMAGES, "terminal.svg"), await record(env));
  console.log("docs/images/terminal.svg");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function record(env: NodeJS.ProcessEnv): Promise<string> {
  const typed: string[] = [];
  const server = spawn(join(folder, "oscine"), ["serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
  try {
    const seen = linesOf(server);
    await seen.atLeast(4);
    for (const [command, lines] of COMMANDS) {
      const before = seen.lines.length;
      const printed = execFileSync("bash", ["-c", command], { env, encoding: "utf8" });
      typed.push(`${PROMPT}${command}`, ...printed.split("\n").filter((line) => line !== ""));
      await seen.atLeast(before + lines);
    }
    server.kill("SIGINT");
    await once(server, "close");
    return drawTerminals(
      [
        { title: "a server", lines: [`${PROMPT}oscine serve`, ...seen.lines] },
        { title: "another terminal", lines: typed },
      ],
      "oscine serve prints each message that arrives, and says why it refuses what is no OSC",
    );
  } finally {
    server.kill("SIGKILL");
  }
}

/** The lines of both outputs of a program, in the order in which they came. */
function linesOf(program: ChildProcess): { readonly lines: string[]; atLeast(count: number): Promise<void> } {
  const lines: string[] = [];
  for (const stream of [program.stdout, program.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const parts = `${rest}${text}`.split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    });
  }
  const atLeast = async (count: number): Promise<void> => {
    for (const start = performance.now(); lines.length < count; await sleep(10)) {
      if (performance.now() - start > PATIENCE_MS || program.exitCode !== null)
        throw new Error(`The server wrote only:\n${lines.join("\n")}`);
    }
  };
  return { lines, atLeast };
}
