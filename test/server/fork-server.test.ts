import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { OscServerError } from "../../src/errors.ts";
import { childPoolDescription } from "../../src/server/pool/pool-options.ts";
import { PollTable, specialMemory } from "../../src/server/pool/fork-calls.ts";
import { PoolProgram, type ProcessId, type ToldError, canFork, descendants, isAlive } from "./pool-program.ts";

const running: PoolProgram[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.dispose()));
});

async function start(options: object, handlers = "dispatcher"): Promise<PoolProgram> {
  const program = await PoolProgram.start(["pool.mjs", "Forking", handlers, JSON.stringify({ strategy: "fork", ...options })]);
  running.push(program);
  return program;
}

/** The process that forks, and those that wait for packets, when there are so many of them and no others. */
async function forkServerAndSpares(program: PoolProgram, spares: number): Promise<ProcessId[]> {
  const [, , busy] = await program.ask("/who");
  const alive = (): ProcessId[] => descendants(program.child.pid as number).filter(isAlive);
  const areSpare = (): boolean => alive().length === 1 + spares && alive().every(({ pid }) => pid !== busy);
  await expect.poll(areSpare, { timeout: 10_000 }).toBe(true);
  return alive();
}

describe.skipIf(!canFork())("forked processes", () => {
  test("have their own random numbers, handle one packet each and start in the same state", async () => {
    const program = await start({});
    const replies = [await program.ask("/who"), await program.ask("/who"), await program.ask("/who")];
    expect(new Set(replies.map(([, , pid]) => pid)).size).toBe(3);
    expect(replies.map(([, , , , handled]) => handled)).toEqual([1, 1, 1]);
    // The program runs once more, not once for each packet.
    expect(program.told.get("run")).toEqual(["main", "process"]);
    expect(await program.quit()).toMatchObject({ forked: 4, handled: 4 });
    expect(program.stderr).toBe("");
  });

  test("are forked in advance, as many as spareChildren, and end with the server", async () => {
    const program = await start({ spareChildren: 3 });
    for (let index = 0; index < 20; index += 1) expect(await program.ask("/echo", index)).toEqual(["/echoed", index]);
    const processes = await forkServerAndSpares(program, 3);
    expect(await program.quit()).toMatchObject({ forked: 22, handled: 22, dropped: 0 });
    expect(processes.filter(isAlive)).toEqual([]);
  });

  test("are replaced if they die before receiving a packet", async () => {
    const program = await start({ spareChildren: 2 });
    const [, ...spares] = await forkServerAndSpares(program, 2);
    for (const { pid } of spares) process.kill(pid, "SIGKILL");
    await expect.poll(() => spares.filter(isAlive), { timeout: 10_000 }).toEqual([]);
    expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    const [, ...others] = await forkServerAndSpares(program, 2);
    expect(others.map(({ pid }) => pid).filter((pid) => spares.some((spare) => spare.pid === pid))).toEqual([]);
    expect(await program.quit()).toMatchObject({ handled: 4, dropped: 0, faults: 0 });
  });

  test("lose no packet if they die before reading it", async () => {
    const program = await start({ spareChildren: 2 });
    const [, ...spares] = await forkServerAndSpares(program, 2);
    for (const { pid } of spares) process.kill(pid, "SIGSTOP");
    const areStopped = (): boolean => spares.every(({ pid }) => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "latin1")));
    await expect.poll(areStopped, { timeout: 10_000 }).toBe(true);
    for (const index of [1, 2]) program.send("/echo", index);
    // A third is answered by another process, so the two have been given to those that cannot look.
    expect(await program.ask("/who")).toHaveLength(5);
    expect(program.replies.filter(([address]) => address === "/echoed")).toEqual([]);
    for (const { pid } of spares) process.kill(pid, "SIGKILL");
    await program.until(() => program.replies.filter(([address]) => address === "/echoed").length === 2);
    expect(await program.quit()).toMatchObject({ handled: 5, dropped: 0, faults: 0 });
  });

  test("never exceed maxChildren, and other packets wait", async () => {
    const program = await start({ maxChildren: 2 });
    for (let index = 0; index < 6; index += 1) program.send("/sleep", 60);
    let most = 0;
    while (program.replies.length < 12) {
      // The one that forks is there, too.
      most = Math.max(most, descendants(program.child.pid as number).filter(isAlive).length - 1);
      const before = program.replies.length;
      await program.until(() => program.replies.length > before);
    }
    expect(most).toBe(2);
    expect(await program.quit()).toMatchObject({ forked: 7, handled: 7, dropped: 0 });
  });

  test("come from a new fork server if the old one dies, and packets in progress are reported", async () => {
    const program = await start({});
    expect(await program.ask("/hang")).toEqual(["/hanging"]);
    const [forkServer] = descendants(program.child.pid as number);
    process.kill(forkServer?.pid as number, "SIGKILL");
    await program.until(() => program.errors.length > 0);
    expect(program.errors).toMatchObject([
      { code: "OSC_CHILD_FAILED", message: expect.stringContaining("the fork server ended: signal SIGKILL") },
    ]);
    expect(await program.ask("/echo", "again")).toEqual(["/echoed", "again"]);
    const [another] = descendants(program.child.pid as number);
    expect(another?.pid).not.toBe(forkServer?.pid);
    expect(await program.quit()).toMatchObject({ dropped: 1, inProgress: 0 });
  });

  test("are waited for while a fork server that failed to start is tried again", async () => {
    const program = await start({});
    const forkServers = (): number[] =>
      descendants(program.child.pid as number)
        .filter(isAlive)
        .map(({ pid }) => pid);
    const kill = (pid: number | undefined): true => process.kill(pid as number, "SIGKILL");
    expect(await program.ask("/hang")).toEqual(["/hanging"]);
    kill(forkServers()[0]);
    await program.until(() => program.errors.length === 1);
    // The next packet starts another, which is killed before it is ready.
    program.send("/echo", "lost");
    await expect.poll(() => forkServers().length, { interval: 5, timeout: 10_000 }).toBeGreaterThan(0);
    kill(forkServers()[0]);
    await program.until(() => program.errors.length === 2);
    for (let index = 0; index < 5; index += 1) program.send("/echo", index);
    await program.until(() => program.replies.length === 6);
    expect(await program.quit()).toMatchObject({ dropped: 2, inProgress: 0 });
  });

  test("come from a new fork server if the old one is stopped, and packets in progress are reported", { timeout: 30_000 }, async () => {
    const program = await start({});
    expect(await program.ask("/hang")).toEqual(["/hanging"]);
    const [forkServer] = descendants(program.child.pid as number);
    process.kill(forkServer?.pid as number, "SIGSTOP");
    program.send("/echo", "while it is stopped");
    await program.until(() => program.errors.length === 2);
    expect(program.errors.map(({ code }) => code)).toEqual(["OSC_CHILD_FAILED", "OSC_CHILD_FAILED"]);
    expect(program.errors[0]?.message).toContain("the fork server ended: it no longer answers (for 5 s)");
    expect(await program.ask("/echo", "again")).toEqual(["/echoed", "again"]);
    expect(await program.quit()).toMatchObject({ handled: 2, dropped: 2, inProgress: 0 });
  });

  test("send replies larger than a pipe concurrently", async () => {
    const program = await start({});
    for (const letter of ["a", "b", "c", "d"]) program.send("/echo", letter.repeat(60_000));
    await program.until(() => program.replies.length === 4);
    expect(
      program.replies
        .map(([, text]) => [(text as string)[0], new Set(text as string).size, (text as string).length])
        .toSorted((left, right) => String(left).localeCompare(String(right))),
    ).toEqual(["a", "b", "c", "d"].map((letter) => [letter, 1, 60_000]));
  });

  test("run a module's handlers if these are synchronous", async () => {
    const program = await start({}, "pool-handlers.mjs");
    expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    expect(await program.fail("/later")).toMatchObject({ code: "OSC_ASYNC_HANDLER" });
    expect((await program.quit()).forked).toBe(3);
  });

  test("are the default, also for a module, but not with async handlers or several packets per process", async () => {
    const started = await Promise.all([
      start({ strategy: "auto" }),
      start({ strategy: "auto" }, "sync-handlers.mjs"),
      start({ strategy: "auto" }, "pool-handlers.mjs"),
      start({ strategy: "auto", requestsPerChild: 2 }),
    ]);
    for (const program of started) expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    const stats = await Promise.all(started.map((program) => program.quit()));
    expect(stats.map(({ forked, strategy }) => [strategy, forked])).toEqual([
      ["fork", 2],
      ["fork", 2],
      ["spawn", 0],
      ["spawn", 0],
    ]);
  });

  test("are rejected with options that they don't support", () => {
    const handlers = new URL("programs/pool-handlers.mjs", import.meta.url);
    expect(() => childPoolDescription(handlers, { strategy: "fork", requestsPerChild: 2 })).toThrow(OscServerError);
    expect(() => childPoolDescription(handlers, { strategy: "native" as "fork" })).toThrow(
      'strategy must be "auto" or "fork" or "spawn"; got "native" (string).',
    );
    expect(childPoolDescription(handlers, { strategy: "fork" }).strategy).toBe("fork");
    expect(childPoolDescription(handlers, {}).strategy).toBe("auto");
  });
});

const NO_KOFFI = fileURLToPath(new URL("programs/no-koffi.cjs", import.meta.url));

describe.skipIf(!canFork()).each([
  ["fork fails", {}, /fork failed: EAGAIN/],
  ["children crash", {}, /a child that was forked as a test ended: signal SIGABRT/],
  ["children hang", {}, /a child that was forked as a test did not answer within 5000 ms/],
  ["koffi is missing", { NODE_OPTIONS: `--require ${NO_KOFFI}` }, /the optional package koffi isn't installed/],
] as const)("if the self-test fails because %s", (how, env, why) => {
  function run(strategy: string): PoolProgram {
    const program = new PoolProgram(["no-fork.mjs", "NODE_OPTIONS" in env ? "" : how, JSON.stringify({ strategy })], { env });
    running.push(program);
    return program;
  }

  test('the server spawns processes instead and stats() shows it, and strategy "fork" throws with the reason', async () => {
    const [automatic, forking] = [run("auto"), run("fork")];
    await forking.until(() => forking.told.has("failed"));
    const [{ code, message }] = forking.told.get("failed") as [ToldError];
    expect(code).toBe("OSC_CHILD_FAILED");
    expect(message).toMatch(/^The server can't fork processes here: .* Use strategy "spawn", or "auto"/);
    expect(message).toMatch(why);
    await automatic.until(() => automatic.told.has("ready"));
    expect(await automatic.ask("/echo", 1)).toEqual(["/echoed", 1]);
    expect(await automatic.close()).toMatchObject({ strategy: "spawn", forked: 0, handled: 1, dropped: 0 });
    expect(automatic.errors).toEqual([]);
    // Nothing of what failed is left.
    await forking.closed;
    expect(forking.child.exitCode).toBe(0);
  });
});

test.skipIf(!canFork())("the program's flags don't override what forking needs", async () => {
  const program = new PoolProgram(["pool.mjs", "Forking", "dispatcher", JSON.stringify({ strategy: "fork" })], {
    flags: ["--no-single-threaded", "--v8-pool-size=4"],
  });
  running.push(program);
  await program.until(() => program.told.has("ready"));
  expect(JSON.parse((await program.ask("/invocation"))[1] as string)[1]).toEqual(["--no-single-threaded", "--v8-pool-size=4"]);
  const [forkServer] = descendants(program.child.pid as number);
  const flags = readFileSync(`/proc/${forkServer?.pid}/cmdline`, "latin1").split("\0");
  expect(flags.filter((flag) => /single-threaded$|v8-pool-size/.test(flag)).slice(-2)).toEqual(["--single-threaded", "--v8-pool-size=0"]);
  await program.quit();
  expect(program.errors).toEqual([]);
});

test("finds the memory that the system maps into each process, or the end of all memory", () => {
  const maps = [
    "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/node",
    "7f0000040000-7f0000080000 rw-p 00000000 00:00 0 ",
    "7ffc1000-7ffc2000 rw-p 00000000 00:00 0                          [stack]",
  ];
  const special = ["7ffd5000-7ffd9000 r--p 00000000 00:00 0                          [vvar]", "7ffd9000-7ffdb000 r-xp 0 [vdso]"];
  expect(specialMemory([...maps, ...special].join("\n"))).toBe("7ffd5000");
  expect(specialMemory(maps.join("\n"))).toBe("7ffffffff000");
});

test("the last descriptor in the poll table replaces a removed one", () => {
  const table = new PollTable();
  for (let fd = 0; fd < 100; fd += 1) table.add(fd);
  const entries = (): Int32Array => new Int32Array(table.bytes.buffer);
  entries()[99 * 2 + 1] = 1 | (1 << 16);
  table.remove(3);
  expect(table.size).toBe(99);
  expect([entries()[2 * 2], entries()[3 * 2], entries()[98 * 2]]).toEqual([2, 99, 98]);
  expect([2, 3, 98].map((index) => table.isReadable(index))).toEqual([false, true, false]);
});
