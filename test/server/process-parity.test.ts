/** What a handler notices of the thread or process it runs in: a forked child is as good as a fresh process. */
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { PoolProgram, canFork } from "./pool-program.ts";

const running: PoolProgram[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.dispose()));
});

async function start(command: readonly string[]): Promise<PoolProgram> {
  const program = await PoolProgram.start(command);
  running.push(program);
  return program;
}

const STRATEGIES = canFork() ? (["fork", "spawn"] as const) : (["spawn"] as const);

describe.skipIf(process.platform !== "linux").each(STRATEGIES)("a child process (%s)", (strategy) => {
  let program: PoolProgram;
  beforeAll(async () => {
    program = await PoolProgram.start(["process-handlers.mjs", "Forking", JSON.stringify({ strategy, spareChildren: 1 })]);
  });
  afterAll(() => program.dispose());

  // First, so that no child that ends prints in between.
  test("prints immediately and in order", async () => {
    await program.ask("/print");
    await program.until(() => program.lines.includes("printed 2") && program.stderr.includes("printed 3"));
    expect(program.lines.indexOf("printed 1")).toBe(program.lines.indexOf("printed 2") - 1);
  });

  test("has its own random numbers", async () => {
    const all: unknown[] = [];
    for (let count = 0; count < 4; count += 1) all.push(...(await program.ask("/random")).slice(1));
    expect(all.length).toBeGreaterThanOrEqual(4 * 10);
    expect(new Set(all).size).toBe(all.length);
    const counts = (await program.ask("/uniform")).slice(1) as number[];
    for (const count of counts) expect(count).toBeGreaterThan(800);
    for (const count of counts) expect(count).toBeLessThan(1200);
  });

  test("has its own process id, its parent's, and the right time", async () => {
    const before = Date.now();
    const [, pid, ppid, now, clock] = (await program.ask("/process")) as unknown as number[];
    expect(new Set([pid, ppid, program.child.pid]).size).toBe(strategy === "fork" ? 3 : 2);
    for (const time of [now, clock]) expect(Math.abs((time as number) - before)).toBeLessThan(5000);
  });

  test("inherits no server socket", async () => {
    const spares = await start(["process-handlers.mjs", "Forking", JSON.stringify({ strategy, spareChildren: 3 })]);
    await spares.ask("/process");
    const descriptors = (await spares.ask("/descriptors")).slice(1) as string[];
    expect(descriptors.length).toBeGreaterThan(3);
    const folder = `/proc/${spares.child.pid}/fd`;
    // The first three are those that children have, too.
    const own = readdirSync(folder).filter((fd) => Number(fd) > 2);
    const sockets = own.map((fd) => readlinkSync(`${folder}/${fd}`)).filter((name) => name.startsWith("socket:"));
    expect(sockets.length).toBeGreaterThan(0);
    expect(descriptors.filter((name) => sockets.includes(name))).toEqual([]);
  });

  test("runs its exit listeners, and ends with its exit code", async () => {
    expect(await program.ask("/exit-code")).toEqual(["/exit-code"]);
    await program.until(() => program.told.get("exited")?.includes(7) === true);
    expect(program.errors).toEqual([]);
    expect((await program.fail("/exit", 4)).message).toContain("exit code 4");
    expect(program.told.get("exited")).toContain(4);
  });

  const ENDS = [
    ["throws", "/throw", [], "OSC_HANDLER_FAILED", /thrown on purpose/],
    ["leaves a promise that is rejected", "/reject", [], "OSC_ASYNC_HANDLER", /A handler of \/reject left behind a promise/],
    ["returns a promise", "/returned", [], "OSC_ASYNC_HANDLER", /A handler of \/returned returned a promise/],
    // In a fresh process, process.exit() throws it into the handler.
    strategy === "fork"
      ? (["ends with an error that nobody catches", "/uncaught", [], "OSC_CHILD_FAILED", /exit code 1\.$/] as const)
      : (["ends with an error that nobody catches", "/uncaught", [], "OSC_HANDLER_FAILED", /nobody catches this/] as const),
    ["calls process.exit(0)", "/exit", [0], "OSC_CHILD_FAILED", /exit code 0\.$/],
    ["calls process.exit(4)", "/exit", [4], "OSC_CHILD_FAILED", /exit code 4\.$/],
    ["calls process.exit() with process.exitCode", "/exit-with-code", [9], "OSC_CHILD_FAILED", /exit code 9\.$/],
    ["calls process.abort()", "/abort", [], "OSC_CHILD_FAILED", /signal SIGABRT/],
    ...["SIGTERM", "SIGKILL", "SIGINT", "SIGSEGV", "SIGUSR2"].map(
      (signal) => [`sends itself ${signal}`, "/signal", [signal], "OSC_CHILD_FAILED", new RegExp(`signal ${signal}\\.`)] as const,
    ),
  ] as const;
  test.each(ENDS)(
    "whose handler %s is reported with the sender, and other packets are answered",
    async (_how, address, args, code, message) => {
      const [errors, replies] = [program.errors.length, program.replies.length];
      program.send(address, ...args);
      for (let count = 0; count < 3; count += 1) program.send("/process");
      await program.until(() => program.errors.length > errors && program.replies.length === replies + 3);
      expect(program.errors.slice(errors)).toMatchObject([{ code, message: expect.stringMatching(message), port: program.clientPort }]);
      expect(program.replies.slice(replies).map(([reply]) => reply)).toEqual(["/process", "/process", "/process"]);
    },
  );
});

const PLACES = [
  { how: "thread", kind: "Threading", options: { minThreads: 1, maxThreads: 1 }, advice: /this thread is blocked.*pass a handlers module/ },
  {
    how: "spawn",
    kind: "Forking",
    options: { strategy: "spawn", spareChildren: 1 },
    advice: /this process is blocked.*pass a handlers module/,
  },
  ...(canFork()
    ? [
        {
          how: "fork",
          kind: "Forking",
          options: { strategy: "fork" },
          advice: /this process was forked.*strategy: "spawn" with a handlers module/,
        },
      ]
    : []),
];

describe.each(PLACES)("unfinished work of a handler in a $how", ({ kind, options, advice }) => {
  let program: PoolProgram;
  beforeAll(async () => {
    program = await PoolProgram.start(["process-handlers.mjs", kind, JSON.stringify(options)]);
  });
  afterAll(() => program.dispose());

  test.each([
    ["/promise", "a promise that it did not return"],
    ["/timer", "a timer"],
    ["/fetch", "a promise that it did not return"],
    ["/file", "an asynchronous operation (FSREQCALLBACK)"],
    ["/bytes", "an asynchronous operation (RANDOMBYTESREQUEST)"],
    ["/zip", "an asynchronous operation (ZLIB)"],
    ["/stream", "a stream"],
    ["/memory-stream", "a stream"],
    ["/connect", "an asynchronous operation (TCPWRAP)"],
    ["/microtask", "a microtask"],
    ["/tick", "a callback of process.nextTick"],
    ["/reject", "a promise that it did not return"],
    ["/worker", "a thread"],
  ])("is reported once per handler, with location and advice: %s", async (address, what) => {
    const error = await program.fail(address);
    expect(error.code).toBe("OSC_ASYNC_HANDLER");
    expect(error.message).toContain(`A handler of ${address} left behind ${what} at `);
    expect(error.message).toMatch(/process-handlers\.mjs:\d+:\d+, which won't continue/);
    expect(error.message).toMatch(advice);
    program.send(address);
    await program.ask("/process");
    expect(program.errors.splice(0)).toHaveLength(1);
  });

  test("isn't reported if it was synchronous", async () => {
    expect(await program.ask("/synchronous")).toHaveLength(2);
    await program.ask("/process");
    expect(program.errors).toEqual([]);
  });

  test("is always an error if it is a returned promise", async () => {
    for (let count = 0; count < 2; count += 1) {
      const error = await program.fail("/returned");
      expect(error.code).toBe("OSC_ASYNC_HANDLER");
      expect(error.message).toMatch(/A handler of \/returned returned a promise, which can't be awaited here/);
      expect(error.message).toMatch(advice);
    }
    expect(program.errors.splice(0)).toHaveLength(2);
  });
});

describe("unfinished work of a module's handler in a process that ends after its packet", () => {
  function startModule(options: object = {}): Promise<PoolProgram> {
    const all = { strategy: "spawn", spareChildren: 1, ...options };
    return start(["pool.mjs", "Forking", "./pending-handlers.mjs", JSON.stringify(all)]);
  }

  test("is reported once per handler: a timer", async () => {
    const program = await startModule();
    const error = await program.fail("/timer");
    expect(error.code).toBe("OSC_ASYNC_HANDLER");
    expect(error.message).toMatch(/A handler of \/timer left behind a timer when its worker ended.* return a promise/);
    await program.ask("/timer");
    await program.ask("/awaited");
    await program.ask("/awaited");
    expect((await program.quit()).handled).toBe(5);
    expect(program.errors).toHaveLength(1);
  });

  test("is reported once per handler: a connection", async () => {
    const server = createServer((socket) => socket.on("error", () => undefined));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const program = await startModule({ requestsPerChild: 2 });
    const { port } = server.address() as AddressInfo;
    program.send("/stream", port);
    const error = await program.fail("/awaited");
    expect(error.message).toMatch(/A handler of \/stream or \/awaited left behind an asynchronous operation \(TCPSocketWrap\)/i);
    server.close();
  });
});
