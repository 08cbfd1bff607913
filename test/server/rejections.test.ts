import { afterEach, expect, test } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { Program } from "./program.ts";

let program: Program;
afterEach(() => program.dispose());

test("reports the rejection of a promise that an async handler didn't await with its address, and continues", async () => {
  program = new Program("rejections.mjs");
  const client = await program.client();
  for (const [address, why] of [
    ["/at-once", "at once"],
    ["/later", "later"],
  ] as const) {
    client.send(new OscMessage(address));
    const [, json = ""] = await program.printed(new RegExp(`error (.*"A handler of ${address} .*)`));
    expect(JSON.parse(json)).toEqual({
      code: "OSC_HANDLER_FAILED",
      message: `A handler of ${address} started a promise that nothing awaits, and it was rejected: ${why}. Await or return it.`,
      port: client.wire.port,
    });
  }
  expect(await client.ask("/echo", 1)).toEqual(["/echo", 1]);
  client.send(new OscMessage("/close"));
  expect(await program.ended).toBe(0);
  expect(program.lines.at(-1)).toBe("listeners 0");
});

test("a rejection in the program itself ends it as without a server", async () => {
  program = new Program("rejections.mjs");
  const client = await program.client();
  client.send(new OscMessage("/other"));
  expect(await program.ended).toBe(1);
  expect(program.stderr).toContain("Error: of the program itself");
  expect(program.stdout).not.toContain("error ");
});
