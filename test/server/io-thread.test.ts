import { afterEach, describe, expect, test } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { Program } from "./program.ts";

const running: Program[] = [];
afterEach(async () => {
  for (const program of running.splice(0)) await program.dispose();
});

function start(name: string, ...parameters: string[]): Program {
  const program = new Program(name, ...parameters);
  running.push(program);
  return program;
}

describe("a server whose I/O thread has ended", () => {
  test("throws from the blocked call and never hangs", async () => {
    const program = start("io-thread-lost.mjs", "blocked");
    const client = await program.client();
    expect(await client.ask("/here")).toEqual(["/here"]);
    client.send(new OscMessage("/kill"));
    expect(await program.told("threw")).toMatchObject({ code: "OSC_THREAD_FAILED" });
    expect(await program.told("then")).toMatchObject({ code: "OSC_THREAD_FAILED" });
    expect(await program.ended).toBe(0);
    expect(program.stdout).not.toContain("reported");
  }, 30_000);

  test("reports it if the thread isn't blocked and never hangs", async () => {
    const program = start("io-thread-lost.mjs", "free");
    expect(await program.told("reported")).toMatchObject({ code: "OSC_THREAD_FAILED" });
    expect(await program.told("threw")).toMatchObject({ code: "OSC_THREAD_FAILED" });
    expect(await program.ended).toBe(0);
  });
});
