import { afterEach, describe, expect, test } from "vitest";
import { PoolProgram, descendants, isAlive } from "./pool-program.ts";

const running: PoolProgram[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.dispose()));
});

describe.each(["Threading", "Forking"])("a started %s server whose I/O thread has ended", (kind) => {
  test("says so, can be closed, and leaves neither threads nor processes", async () => {
    const program = await PoolProgram.start(["pool-io-lost.mjs", kind]);
    running.push(program);
    expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    expect(await program.ask("/hang")).toEqual(["/hanging"]);
    const started = process.platform === "linux" ? descendants(program.child.pid as number) : [];
    const stats = await program.close();
    expect(program.errors).toMatchObject([{ code: "OSC_THREAD_FAILED" }]);
    expect(stats.received).toBe(2);
    expect([program.child.exitCode, program.child.signalCode]).toEqual([0, null]);
    while (started.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
