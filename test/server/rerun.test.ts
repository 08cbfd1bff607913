/** Workers run the program again: if that fails, the error says so, says why, and says what to do. */
import { createServer } from "node:net";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PoolProgram, type ToldError, canFork } from "./pool-program.ts";

let folder: string;
const running: PoolProgram[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oscine-rerun-"));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.dispose()));
  rmSync(folder, { recursive: true });
});

function run(how: string, kind: string, options: object, ...rest: string[]): PoolProgram {
  const program = new PoolProgram(["rerun.mjs", how, kind, JSON.stringify(options), ...rest]);
  running.push(program);
  return program;
}

async function failureOf(program: PoolProgram): Promise<ToldError> {
  await program.until(() => program.told.has("failed"));
  return program.told.get("failed")?.[0] as ToldError;
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return String(port);
}

const KINDS = [
  { how: "threads", kind: "Threading", options: { minThreads: 2 }, code: "OSC_THREAD_FAILED" },
  { how: "spawn", kind: "Forking", options: { strategy: "spawn", spareChildren: 2 }, code: "OSC_CHILD_FAILED" },
  ...(canFork() ? [{ how: "fork", kind: "Forking", options: { strategy: "fork" }, code: "OSC_CHILD_FAILED" }] : []),
];

describe.each(KINDS)("a program whose workers can't run it again ($how)", ({ kind, options, code }) => {
  function expectExplained(error: ToldError, what: RegExp): void {
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/did not reach the server's constructor/);
    expect(error.message).toMatch(/run the entry script \(.*rerun\.mjs\) again, without stdin, up to that constructor/);
    expect(error.message).toMatch(
      /Move .* below the constructor, guard it with if \(workerRole\(\) === "main"\), or pass a handlers module/,
    );
    expect(error.message).toMatch(what);
  }

  test("because it listens on a port", async () => {
    expectExplained(await failureOf(run("listens", kind, options, await freePort())), /EADDRINUSE.*127\.0\.0\.1/s);
  });

  test("because it throws", async () => {
    expectExplained(await failureOf(run("throws", kind, options)), /Error: not twice\n.*rerun\.mjs:\d+/s);
  });

  test("because it ends with an exit code", async () => {
    expectExplained(await failureOf(run("ends with a code", kind, options)), /exit code 5/);
  });

  test("because it calls process.exit if it runs already", async () => {
    expectExplained(await failureOf(run("leaves if it runs already", kind, options, join(folder, "lock"))), /exit code 0/);
  });

  test("because it asks a question on stdin", async () => {
    const program = run("asks", kind, options);
    program.child.stdin?.write("9000\n");
    expectExplained(await failureOf(program), /exit code (0|13)/);
  });

  test("because it changes the working directory", async () => {
    expectExplained(
      await failureOf(run("changes the working directory", kind, options)),
      kind === "Threading" ? /chdir\(\) is not supported in workers/ : /ENOENT.*chdir/,
    );
  });

  test("because it takes longer than startTimeout", async () => {
    expectExplained(await failureOf(run("never gets there", kind, { ...options, startTimeout: 1500 })), /startTimeout \(1500 ms\)/);
  });

  test("because it creates its server only in the main thread (threads only)", async () => {
    const program = run("is for the main thread", kind, options);
    if (kind === "Threading") return expectExplained(await failureOf(program), /exit code 0/);
    await program.until(() => program.told.has("ready"));
    expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
  });

  test("also fails to serve in a blocked thread", async () => {
    const program = run("blocks", kind, { ...options, startTimeout: 1 });
    expect((await failureOf(program)).message).toMatch(/startTimeout \(1 ms\)/);
  });

  test("gets a hint if a handler uses the variable of the server", async () => {
    const program = run("nothing", kind, options);
    await program.until(() => program.told.has("ready"));
    const error = await program.fail("/server");
    expect(error.code).toBe("OSC_HANDLER_FAILED");
    expect(error.message).toMatch(/'server' before initialization.*needsContext.*context\.shutdown\(\)/);
  });
});
