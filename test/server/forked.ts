import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { OscServerError } from "../../src/errors.ts";
import { childPoolDescription } from "../../src/server/child/child-pool-options.ts";
import { specialMemory } from "../../src/server/child/fork-calls.ts";
import { decodeNotice, decodeOrder, encodeEnded, encodeHandled, encodeOrder, encodeParts } from "../../src/server/child/fork-frames.ts";
import { PollTable } from "../../src/server/child/poll-table.ts";
import { PoolProgram, type ProcessId, descendants, isAlive } from "./pool-program.ts";

const running: PoolProgram[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.dispose()));
});

async function start(options: object, handlers = "dispatcher"): Promise<PoolProgram> {
  const program = await PoolProgram.start(["pool.mjs", "Forking", handlers, JSON.stringify(options)]);
  running.push(program);
  return program;
}

/** The process that forks, and those that wait for packets, when there are so many of them and no others. */
async function zygoteAndSpares(program: PoolProgram, spares: number): Promise<ProcessId[]> {
  const [, , busy] = await program.ask("/who");
  const alive = (): ProcessId[] => descendants(program.child.pid as number).filter(isAlive);
  const areSpare = (): boolean => alive().length === 1 + spares && alive().every(({ pid }) => pid !== busy);
  await expect.poll(areSpare, { timeout: 10_000 }).toBe(true);
  return alive();
}

describe.skipIf(process.env["FORKING_STRATEGY"] !== "native")("processes that are forked", () => {
  test("have numbers of their own, handle one packet each, and all begin alike", async () => {
    const program = await start({});
    const replies = [await program.ask("/who"), await program.ask("/who"), await program.ask("/who")];
    expect(new Set(replies.map(([, , pid]) => pid)).size).toBe(3);
    expect(replies.map(([, , , , handled]) => handled)).toEqual([1, 1, 1]);
    expect(await program.quit()).toMatchObject({ forked: 4, handled: 4 });
    expect(program.stderr).toBe("");
  });

  test("are forked before there are packets for them, as many as spareChildren says, and end with the server", async () => {
    const program = await start({ spareChildren: 3 });
    for (let index = 0; index < 20; index += 1) expect(await program.ask("/echo", index)).toEqual(["/echoed", index]);
    const processes = await zygoteAndSpares(program, 3);
    expect(await program.quit()).toMatchObject({ forked: 22, handled: 22, dropped: 0 });
    expect(processes.filter(isAlive)).toEqual([]);
  });

  test("are replaced where they die before there is a packet for them", async () => {
    const program = await start({ spareChildren: 2 });
    const [, ...spares] = await zygoteAndSpares(program, 2);
    for (const { pid } of spares) process.kill(pid, "SIGKILL");
    await expect.poll(() => spares.filter(isAlive), { timeout: 10_000 }).toEqual([]);
    expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    const [, ...others] = await zygoteAndSpares(program, 2);
    expect(others.map(({ pid }) => pid).filter((pid) => spares.some((spare) => spare.pid === pid))).toEqual([]);
    expect(await program.quit()).toMatchObject({ handled: 4, dropped: 0, faults: 0 });
  });

  test("lose no packet where they die before they have looked at it", async () => {
    const program = await start({ spareChildren: 2 });
    const [, ...spares] = await zygoteAndSpares(program, 2);
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

  test("are no more than maxChildren at once, and the others wait", async () => {
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

  test("come from another zygote when that has died, and what was in progress is reported", async () => {
    const program = await start({});
    expect(await program.ask("/hang")).toEqual(["/hanging"]);
    const [zygote] = descendants(program.child.pid as number);
    process.kill(zygote?.pid as number, "SIGKILL");
    await program.until(() => program.errors.length > 0);
    expect(program.errors).toMatchObject([
      { code: "OSC_CHILD_FAILED", message: expect.stringContaining("the process that forks ended: signal SIGKILL") },
    ]);
    expect(await program.ask("/echo", "again")).toEqual(["/echoed", "again"]);
    const [another] = descendants(program.child.pid as number);
    expect(another?.pid).not.toBe(zygote?.pid);
    expect(await program.quit()).toMatchObject({ dropped: 1, inProgress: 0 });
  });

  test("answer with more than a pipe takes at once, side by side", async () => {
    const program = await start({});
    for (const letter of ["a", "b", "c", "d"]) program.send("/echo", letter.repeat(60_000));
    await program.until(() => program.replies.length === 4);
    expect(
      program.replies
        .map(([, text]) => [(text as string)[0], new Set(text as string).size, (text as string).length])
        .toSorted((left, right) => String(left).localeCompare(String(right))),
    ).toEqual(["a", "b", "c", "d"].map((letter) => [letter, 1, 60_000]));
  });

  test("run handlers of a module as long as these are synchronous", async () => {
    const program = await start({}, "pool-handlers.mjs");
    expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    expect(await program.fail("/later")).toMatchObject({ code: "OSC_ASYNC_HANDLER" });
    expect((await program.quit()).forked).toBe(3);
  });

  test("are chosen by auto for a dispatcher, and not where that could change what handlers do", async () => {
    const [forked, module, several] = [
      await start({ strategy: "auto" }),
      await start({ strategy: "auto" }, "pool-handlers.mjs"),
      await start({ strategy: "auto", requestsPerChild: 2 }),
    ];
    for (const program of [forked, module, several]) expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    expect([(await forked.quit()).forked, (await module.quit()).forked, (await several.quit()).forked]).toEqual([2, 0, 0]);
  });

  test("are refused with options that they cannot keep", () => {
    const handlers = new URL("programs/pool-handlers.mjs", import.meta.url);
    expect(() => childPoolDescription(handlers, { strategy: "native", requestsPerChild: 2 })).toThrow(OscServerError);
    expect(() => childPoolDescription(handlers, { strategy: "fork" as "native" })).toThrow(
      'strategy is "auto", "native" or "spawn"; got "fork".',
    );
    expect(childPoolDescription(handlers, { strategy: "native" }).strategy).toBe("native");
    expect(childPoolDescription(handlers, {}).strategy).toBe("spawn");
  });
});

test("an order to a zygote comes as it was given", () => {
  const packet = { data: Uint8Array.of(1, 2, 3), client: { address: "10.0.0.1", port: 9, family: "IPv4" }, asOf: 1.5 } as const;
  for (const order of [
    { type: "fork", id: 7, packet },
    { type: "kill", id: 2 ** 32 - 1 },
    { type: "test", id: 1 },
  ] as const) {
    expect(decodeOrder(Buffer.from(encodeOrder(order)).subarray(4))).toEqual(order);
  }
});

test("what a child answers is cut into parts that a pipe takes in one piece", () => {
  const answer = Uint8Array.from({ length: 10_000 }, (_, index) => index % 256);
  const parts = encodeParts(5, answer);
  expect(parts.map(({ length }) => length).every((length) => length <= 4096)).toBe(true);
  const notices = parts.map((part) => decodeNotice(part.subarray(4)));
  expect(notices.every((notice) => notice.type === "part" && notice.id === 5)).toBe(true);
  expect(Buffer.concat(notices.map((notice) => (notice.type === "part" ? notice.bytes : Buffer.alloc(0))))).toEqual(Buffer.from(answer));
  expect(decodeNotice(encodeHandled(6).subarray(4))).toEqual({ type: "handled", id: 6 });
  expect(decodeNotice(encodeEnded(6, 0x0300).subarray(4))).toEqual({ type: "ended", id: 6, status: 0x0300 });
});

test("the memory that the system puts into each process is found, and where there is none the end of all memory", () => {
  const maps = [
    "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/node",
    "7f0000040000-7f0000080000 rw-p 00000000 00:00 0 ",
    "7ffc1000-7ffc2000 rw-p 00000000 00:00 0                          [stack]",
  ];
  const special = ["7ffd5000-7ffd9000 r--p 00000000 00:00 0                          [vvar]", "7ffd9000-7ffdb000 r-xp 0 [vdso]"];
  expect(specialMemory([...maps, ...special].join("\n"))).toBe("7ffd5000");
  expect(specialMemory(maps.join("\n"))).toBe("7ffffffff000");
});

test("a descriptor that is taken out of the table for poll leaves its place to the last", () => {
  const table = new PollTable();
  for (let fd = 0; fd < 100; fd += 1) table.add(fd);
  const entries = (): Int32Array => new Int32Array(table.bytes.buffer);
  entries()[99 * 2 + 1] = 1 | (1 << 16);
  table.remove(3);
  expect(table.size).toBe(99);
  expect([entries()[2 * 2], entries()[3 * 2], entries()[98 * 2]]).toEqual([2, 99, 98]);
  expect([2, 3, 98].map((index) => table.isReadable(index))).toEqual([false, true, false]);
});
