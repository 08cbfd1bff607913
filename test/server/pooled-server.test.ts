import { afterEach, expect, test } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { Program } from "./program.ts";

const running: Program[] = [];
afterEach(async () => {
  for (const program of running.splice(0)) await program.dispose();
});

test.each(["Threading", "Forking"])(
  "%s: handleRequest lets exactly one packet through and waits for its end, or calls handleTimeout",
  async (kind) => {
    const program = new Program("pooled-request.mjs", kind);
    running.push(program);
    const client = await program.client();
    for (let number = 1; number <= 5; number++) client.send(number === 2 ? new OscMessage("/throw") : new OscMessage("/hello", [number]));
    expect(await client.nextMessages(2)).toEqual([
      ["/hello", 1],
      ["/hello", 3],
    ]);
    expect(await program.ended).toBe(0);
    expect(program.lines.slice(1)).toEqual([
      "timed out",
      "impatient false",
      "request true 1",
      "error OSC_HANDLER_FAILED",
      "request true 2",
      "request true 3",
      "second EADDRINUSE",
    ]);
  },
);
