import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { Program } from "./program.ts";
import { ForkingStress } from "./forking-stress.ts";
import { PoolProgram, type ProcessId, canFork, descendants, isAlive } from "./pool-program.ts";

const running: PoolProgram[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.dispose()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function startProgram(...parameters: ConstructorParameters<typeof PoolProgram>): Promise<PoolProgram> {
  const program = new PoolProgram(...parameters);
  running.push(program);
  await program.until(() => program.told.has("ready"));
  return program;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "oscine-pool-"));
  folders.push(path);
  return path;
}

const THREADS = { kind: "Threading", role: "thread", code: "OSC_THREAD_FAILED", timeout: "threadTimeout", memory: "threadMemory" } as const;
const PROCESSES = { kind: "Forking", role: "process", code: "OSC_CHILD_FAILED", timeout: "childTimeout", memory: "childMemory" } as const;
const KINDS = [
  { ...THREADS, how: "threads" },
  { ...PROCESSES, how: "spawn" },
  ...(canFork() ? [{ ...PROCESSES, how: "fork" }] : []),
] as const;

describe.each(KINDS)("a $kind server ($how)", ({ kind, role, code, timeout, memory, how }) => {
  const isForked = how === "fork";
  const env = { FORKING_STRATEGY: isForked ? "fork" : "spawn" };
  const start = (command: readonly string[], options: ConstructorParameters<typeof PoolProgram>[1] = {}): Promise<PoolProgram> =>
    startProgram(command, { ...options, env });

  // A program with its threads or processes takes a second of a processor to start.
  describe("in one program", () => {
    let program: PoolProgram;
    beforeAll(async () => {
      program = await PoolProgram.start(["pool.mjs", kind, "dispatcher", "{}", "--word", "a b"], {
        flags: ["--no-deprecation", "--stack-trace-limit=20"],
        env,
      });
    });
    afterAll(() => program.dispose());

    test("runs the program again in its workers, as it was started", async () => {
      const [, answeredBy, pid] = await program.ask("/who");
      expect(answeredBy).toBe(role);
      expect(pid === program.child.pid).toBe(kind === "Threading");
      const [, json] = await program.ask("/invocation");
      const [argv, execArgv, script] = JSON.parse(json as string) as [string[], string[], string];
      expect(argv).toEqual([kind, "dispatcher", "{}", "--word", "a b"]);
      expect(execArgv).toEqual(["--no-deprecation", "--stack-trace-limit=20"]);
      expect(script).toMatch(/pool\.mjs$/);
      expect(await program.ask("/environment")).toEqual(["/environment", 0]);
      expect(program.told.get("run")).toContain(role);
      expect(program.told.get("ready")).toHaveLength(1);
      expect(program.told.get("frozen")).toEqual(["OSC_DISPATCHER_FROZEN"]);
      expect(program.errors).toEqual([]);
    });

    test("handles packets at the same time", async () => {
      const path = join(folder(), "signal");
      const before = program.replies.length;
      program.send("/await-file", path);
      await program.ask("/make-file", path);
      await program.until(() => program.replies.length === before + 2);
      expect(
        program.replies
          .slice(before)
          .map(([address]) => address)
          .toSorted(),
      ).toEqual(["/found", "/made"]);
    });

    test("shows all output of handlers", async () => {
      program.send("/print", 300_000);
      // Another worker that starts meanwhile may print a line of its own in the middle of what is too long for the pipe.
      await program.until(() => program.lines.join("").replaceAll(/[^x.]/g, "").length === 300_001);
    });

    test("loses only the packet whose handler ends its worker", async () => {
      const before = program.replies.length;
      const error = await program.fail("/exit", 3);
      expect(error.code).toBe(code);
      expect(error.message).toContain("exit code 3");
      const early = await program.fail("/early");
      expect(early.message).toContain("exit code 4");
      expect(program.replies.slice(before)).toEqual([["/first"]]);
      expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    });

    test("calls the subclass's verifyRequest, and reports promises", async () => {
      expect(await program.fail("/forbidden")).toMatchObject({ code: "OSC_REJECTED", reason: "unverified" });
      expect(await program.fail("/later")).toMatchObject({ code: "OSC_ASYNC_HANDLER" });
    });

    test("accounts for every packet at the end", async () => {
      const stats = await program.quit();
      expect(stats).toMatchObject({ received: 12, dropped: 2, replied: 7, rejected: { unverified: 1 } });
      expect(program.errors).toHaveLength(4);
      expect(program.stderr).toBe("");
    });
  });

  test.each(["dispatcher", "./pool-handlers.mjs"])("explains arguments that don't fit, and returns values (%s)", async (form) => {
    const program = await start(["pool-values.mjs", kind, form]);
    expect(await program.ask("/gain", 7)).toEqual(["/gain", 1]);
    await program.until(() => program.told.has("value"));
    expect(program.told.get("value")).toEqual([["/gain", [1], "f", "127.0.0.1", true]]);
    expect(await program.fail("/gain", -1)).toMatchObject({
      code: "OSC_REJECTED",
      reason: "arguments",
      message: "A message to /gain was rejected: argument 1 must be from 0 to 1; got -1.",
    });
    program.send("/set", "four");
    await program.until(() => program.told.get("value")?.length === 3);
    expect(program.told.get("value")?.slice(1)).toEqual([
      ["/set", ["four"], "s", "127.0.0.1", true],
      ["/derived", [4], "i", null, true],
    ]);
    const { handled, rejected } = await program.close();
    expect([handled, rejected.arguments, rejected.malformed]).toEqual([2, 1, 0]);
    expect(program.errors).toHaveLength(1);
  });

  test("terminates a worker whose handler hangs", async () => {
    const program = await start(["pool.mjs", kind, "dispatcher", JSON.stringify({ [timeout]: 300 })]);
    const error = await program.fail("/hang");
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(`${timeout} (300 ms)`);
    expect(await program.ask("/echo", 2)).toEqual(["/echoed", 2]);
    expect((await program.quit()).dropped).toBe(1);
  });

  test("loses only the packet whose handler fills the memory", async () => {
    const program = await start(["pool.mjs", kind, "dispatcher", JSON.stringify({ [memory]: 40 })]);
    const error = await program.fail("/fill");
    expect(error.code).toBe(code);
    expect(error.message).toContain(memory);
    expect(await program.ask("/echo", 3)).toEqual(["/echoed", 3]);
  });

  test.skipIf(isForked)("awaits a module's handlers, and calls its verifyRequest", async () => {
    const program = await start(["pool.mjs", kind, "pool-handlers.mjs", "{}", "word"]);
    expect(await program.ask("/later", "x")).toEqual(["/late", "x"]);
    expect((await program.ask("/who"))[1]).toBe(role);
    expect(await program.fail("/forbidden")).toMatchObject({ code: "OSC_REJECTED", reason: "unverified" });
    const [, json] = await program.ask("/invocation");
    expect(JSON.parse(json as string)[0]).toEqual([kind, "pool-handlers.mjs", "{}", "word"]);
    const error = await program.fail("/reject-and-wait");
    expect(error.code).toBe(code);
    await program.quit();
    expect(program.told.get("run")).toEqual(["main"]);
  });

  test("fails to serve if the handlers module has no dispatcher", async () => {
    const program = await start(["pool.mjs", kind, "not-handlers.mjs"]);
    await program.closed;
    expect(program.child.exitCode).toBe(1);
    expect(program.stderr).toMatch(
      /could not load the handlers module .*not-handlers\.mjs.*it isn't a Dispatcher: write "export default dispatcher"/,
    );
    expect(program.stderr).toContain(code);
  });

  test("starts and closes without blocking, and waits for running handlers", async () => {
    const program = await start(["pool-started.mjs", kind]);
    expect(await program.ask("/sleep", 300)).toEqual(["/begun"]);
    const stats = await program.close();
    expect(program.replies.at(-1)).toEqual(["/slept", 300]);
    expect(program.told.get("turned")).toEqual([true]);
    expect(stats).toMatchObject({ received: 1, handled: 1, dropped: 0, inProgress: 0 });
    expect(program.child.exitCode).toBe(0);
  });

  test("terminates handlers that exceed closeTimeout", async () => {
    const program = await start(["pool-started.mjs", kind, JSON.stringify({ closeTimeout: 200 })]);
    expect(await program.ask("/hang")).toEqual(["/hanging"]);
    const started = descendants(program.child.pid as number);
    const stats = await program.close();
    expect(program.errors).toMatchObject([{ code: "OSC_DROPPED", limit: "closeTimeout" }]);
    expect(stats).toMatchObject({ received: 1, handled: 0, dropped: 1, inProgress: 0 });
    expect(started.filter(isAlive)).toEqual([]);
  });

  test("fails to serve if the program doesn't reach its server in a worker, with advice", async () => {
    const program = new PoolProgram(["pool-astray.mjs", kind], { env });
    running.push(program);
    await program.until(() => program.told.has("failed"));
    const [error] = program.told.get("failed") as { code: string; message: string }[];
    expect(error?.code).toBe(code);
    expect(error?.message).toMatch(/did not reach the server's constructor\. .*What went wrong: exit code 0$/);
    expect(error?.message).toMatch(
      /entry script \(.*pool-astray\.mjs\).*below the constructor.*workerRole\(\) === "main".*handlers module/,
    );
    await program.closed;
    expect(program.child.exitCode).toBe(0);
    // At most as many as are started together.
    expect(program.told.get("run")?.filter((answer) => answer === role).length).toBeLessThanOrEqual(8);
  });

  const TYPED = [
    ["an ES module", "--import", "tsx", "pool-typed.ts", "dispatcher"],
    ["CommonJS", "--require", "tsx/cjs", "../commonjs/programs/pool-typed.ts", "dispatcher"],
    ["a module in CommonJS", "--import", "tsx", "../commonjs/programs/pool-typed.ts", "module"],
  ] as const;
  // That module's handler is awaited, which is not for processes that are forked.
  test.each(TYPED.filter(([, , , , form]) => form === "dispatcher" || !isForked))(
    "runs TypeScript, %s with %s %s",
    async (_what, flag, loader, file, form) => {
      const program = await start([file, kind, form], { flags: [flag, loader] });
      expect(await program.ask("/typed", 5)).toEqual(["/typed", 5]);
      await program.quit();
      expect([program.errors, program.stderr]).toEqual([[], ""]);
    },
  );
});

test("servers in one program have separate workers, in which other servers are inert", async () => {
  const program = await startProgram(["pool-two.mjs"]);
  await program.until(() => program.told.has("others"));
  const [[unserved, threading]] = program.told.get("others") as [[number, number]];
  expect(await program.ask("/who")).toEqual(["/processes", unserved, threading, 0]);
  await program.quit();
  expect(program.errors).toEqual([]);
});

describe("threads", () => {
  test("share memory passed as workerData", async () => {
    const program = await startProgram(["pool.mjs", "Threading", "dispatcher", JSON.stringify({ counter: true, minThreads: 3 })]);
    for (let count = 0; count < 40; count++) program.send("/count");
    await program.until(() => program.replies.length === 40);
    expect(new Set(program.replies.map(([, count]) => count)).size).toBe(40);
  });

  test("handle several packets concurrently if configured", async () => {
    const options = { maxThreads: 1, minThreads: 1, packetsPerThread: 2 };
    const program = await startProgram(["pool.mjs", "Threading", "pool-handlers.mjs", JSON.stringify(options)]);
    program.send("/pair");
    await program.ask("/pair");
    expect(program.replies).toEqual([["/paired"]]);
  });

  // Ended by force at a bad moment, they would end the process.
  test("exit if the server closes while they start", async () => {
    const program = await startProgram(["pool-closed-at-once.mjs"]);
    await program.closed;
    expect([program.child.exitCode, program.errors, program.stderr]).toEqual([0, [], ""]);
    expect(program.lines.filter((line) => !line.startsWith("ready"))).toEqual(["left null", "left null", "closed null"]);
  });
});

const STRATEGIES = canFork() ? (["spawn", "fork"] as const) : (["spawn"] as const);

describe("child processes", () => {
  test("handle one packet each, or as many as configured", async () => {
    const pids = async (requestsPerChild: number, count: number): Promise<unknown[]> => {
      const options = { requestsPerChild, spareChildren: 1, maxChildren: 1 };
      const program = await startProgram(["pool.mjs", "Forking", "dispatcher", JSON.stringify(options)]);
      const replies: unknown[] = [];
      for (let index = 0; index < count; index++) replies.push((await program.ask("/who"))[2]);
      await program.quit();
      return replies;
    };
    expect(new Set(await pids(1, 3)).size).toBe(3);
    const [a, b, c, d] = await pids(3, 4);
    expect([b, c]).toEqual([a, a]);
    expect(d).not.toBe(a);
  });

  test.each(STRATEGIES)("may be killed (%s)", async (strategy) => {
    const program = await startProgram(["pool.mjs", "Forking", "dispatcher", JSON.stringify({ strategy })]);
    const error = await program.fail("/kill");
    expect(error).toMatchObject({ code: "OSC_CHILD_FAILED" });
    expect(error.message).toContain("signal SIGKILL");
    expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
  });
});

describe.skipIf(process.platform !== "linux").each(STRATEGIES)(
  "handlers that crash, hang and fill the memory at random (%s)",
  (strategy) => {
    test("leave no packet unaccounted for and no process", { timeout: 60_000 }, async () => {
      const stress = await ForkingStress.start(
        strategy === "fork" ? { strategy, childTimeout: 1500, maxChildren: 8 } : { strategy, requestsPerChild: 10, childTimeout: 500 },
      );
      expect(await stress.run(90, 20_260)).toMatchObject({ faults: [] });
    });
  },
);

describe.skipIf(process.platform !== "linux").each(STRATEGIES)(
  "processes that are killed at random, the fork server among them (%s)",
  (strategy) => {
    test("leave no packet unaccounted for, no process and no zombie", { timeout: 60_000 }, async () => {
      const stress = await ForkingStress.start(
        strategy === "fork" ? { strategy, childTimeout: 1500, maxChildren: 8 } : { strategy, requestsPerChild: 10, childTimeout: 500 },
      );
      expect(await stress.run(100, 20_261, 4)).toMatchObject({ faults: [] });
    });
  },
);

describe.skipIf(process.platform !== "linux").each(STRATEGIES)("when the server is killed (%s)", (strategy) => {
  test("no child process is left, not even one in an endless loop", async () => {
    const program = await startProgram(["pool.mjs", "Forking", "dispatcher", JSON.stringify({ strategy, spareChildren: 3 })]);
    expect(await program.ask("/hang")).toEqual(["/hanging"]);
    const started = descendants(program.child.pid as number);
    // The one that hangs, and the fork server; or the one that hangs, spare ones, and the orphan reaper.
    expect(started.length).toBeGreaterThanOrEqual(strategy === "fork" ? 2 : 3);
    program.child.kill("SIGKILL");
    await goneFor(started);
    await program.closed;
  });
});

describe.each(["Threading", "Forking"])("a %s server", (kind) => {
  test("reports that its I/O thread has ended, can be closed, and leaves no threads or processes", async () => {
    const program = await startProgram(["pool-io-lost.mjs", kind]);
    expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
    expect(await program.ask("/hang")).toEqual(["/hanging"]);
    const started = process.platform === "linux" ? descendants(program.child.pid as number) : [];
    const stats = await program.close();
    expect(program.errors).toMatchObject([{ code: "OSC_THREAD_FAILED" }]);
    expect(stats.received).toBe(2);
    expect([program.child.exitCode, program.child.signalCode]).toEqual([0, null]);
    await goneFor(started);
  });

  test("handles exactly one packet with handleRequest, or calls handleTimeout", async () => {
    const program = new Program("pooled-request.mjs", kind);
    try {
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
    } finally {
      await program.dispose();
    }
  });
});

/** Waits for the end of processes that are not our children, so that nobody tells us of it. */
async function goneFor(processes: readonly ProcessId[]): Promise<void> {
  while (processes.some(isAlive)) await sleep(5);
}
