import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { PoolProgram } from "./pool-program.ts";

const root = new URL("../../", import.meta.url);
const running: PoolProgram[] = [];

afterEach(() => Promise.all(running.splice(0).map((program) => program.dispose())));

async function start(example: string): Promise<PoolProgram> {
  const program = new PoolProgram([`../../../examples/${example}`, "0"], { flags: ["--import", "tsx"] });
  running.push(program);
  await program.until(() => program.told.has("ready"));
  return program;
}

/** The code of an example without the comment above it and what it imports. */
function codeOf(example: string): string {
  return readFileSync(new URL(`examples/${example}`, root), "utf8").replaceAll(/^(import|\/\*\*) .*$/gm, "");
}

test.each(["Threading", "Forking"])("the blocking example works with %s by changing only the class", (kind) => {
  const expected = codeOf("blocking-server.ts").replace("BlockingOSCUDPServer", `${kind}OSCUDPServer`);
  expect(codeOf(`${kind.toLowerCase()}-server.ts`)).toBe(expected);
});

test.each(["threading", "forking"])("examples/%s-server.ts prints messages", async (kind) => {
  const source = readFileSync(new URL(`examples/${kind}-server.ts`, root), "utf8");
  const made = source
    .replace("const port = 1337;", "const port = 0;")
    .replace("server.serveForever();", "console.log(`Listening on port ${server.serverAddress.port}`);\nserver.serveForever();");
  const folder = new URL("coverage/examples/", root);
  mkdirSync(folder, { recursive: true });
  const copy = new URL(`${kind}-server-${process.pid}.ts`, folder);
  writeFileSync(copy, made);
  try {
    const program = new PoolProgram([`../../../coverage/examples/${kind}-server-${process.pid}.ts`], { flags: ["--import", "tsx"] });
    running.push(program);
    await program.until(() => program.told.has("ready"));
    program.send("/something/else", 1, "two");
    await program.until(() => program.lines.includes("/something/else: 1, two"));
    program.send("/other");
    await program.until(() => program.lines.includes("DEFAULT /other: "));
  } finally {
    rmSync(fileURLToPath(copy));
  }
});

test("examples/kinds/light-handlers.ts shares memory between threads", async () => {
  const program = await start("kinds/light-handlers.ts");
  for (let channel = 0; channel < 8; channel++) program.send("/fader", channel, 0.5);
  let reply = await program.ask("/sum");
  while (reply[1] !== 4) reply = await program.ask("/sum");
  program.send("/quit");
  await program.closed;
  expect(program.child.exitCode).toBe(0);
});

test("examples/kinds/heavy-handlers.ts answers each in a process of its own", async () => {
  const program = await start("kinds/heavy-handlers.ts");
  program.send("/primes", 5_000_000);
  program.send("/ping");
  await program.until(() => program.replies.length === 2);
  // In the order in which they are done, which depends on how many processors there are.
  expect(program.replies.toSorted((a, b) => a.length - b.length)).toEqual([["/pong"], ["/primes", 5_000_000, 348_513]]);
});

test("examples/kinds/crashing-handler.ts loses only the packets that crash and hang", async () => {
  const program = await start("kinds/crashing-handler.ts");
  program.send("/convert", "bad");
  program.send("/convert", "endless");
  expect(await program.ask("/convert", "good")).toEqual(["/converted", "GOOD"]);
  await program.until(
    () => program.lines.filter((line) => line.startsWith("OSC_CHILD_FAILED (127.0.0.1): A packet was lost")).length === 2,
  );
  program.send("/quit");
  await program.closed;
});
