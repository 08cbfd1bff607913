import { execFile } from "node:child_process";

import { tmpdir } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { OscServerError } from "../../src/errors.ts";
import { programOf } from "../../src/server/pool/handlers-source.ts";
import { threadFlags } from "../../src/server/pool/thread-worker.ts";
import { childPoolDescription, threadPoolDescription } from "../../src/server/pool/pool-options.ts";
import { becomeWorker, countServer, resolveRole, serverAddresses, serversMade, workerRole } from "../../src/server/pool/worker-role.ts";

const handlers = new URL("programs/pool-handlers.mjs", import.meta.url);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof OscServerError) return error.code;
    throw error;
  }
  return "none";
}

describe("handlers from a module", () => {
  test.each([
    ["a URL", handlers],
    ["the text of a URL", handlers.href],
    ["an absolute path", fileURLToPath(handlers)],
  ])("given as %s", (_what, source) => {
    expect(programOf(source)).toMatchObject({ kind: "module", url: handlers.href, execArgv: process.execArgv });
  });

  test.each([
    ["a relative path", "./handlers.js"],
    ["another kind of URL", "https://example.org/handlers.js"],
    ["no such file", "/nowhere/handlers.js"],
    ["a folder", new URL(".", import.meta.url)],
    ["a function", (() => undefined) as unknown as string],
  ])("are rejected if it is %s", (_what, source) => {
    expect(codeOf(() => programOf(source))).toBe("OSC_OPTION");
  });
});

describe("an entry script that can't be run again", () => {
  const run = promisify(execFile);
  const code =
    'import("oscine").then(({ Dispatcher, ThreadingOSCUDPServer }) => new ThreadingOSCUDPServer(["127.0.0.1", 0], new Dispatcher())).catch((error) => console.log(error.code, error.message))';

  test("in a test runner", () => {
    expect(codeOf(() => programOf(new Dispatcher()))).toBe("OSC_ENTRY_NOT_RUNNABLE");
  });

  test.each([
    ["-e", ["-e", code]],
    ["--print", ["--print", code]],
    ["--eval=", [`--eval=${code}`]],
  ])("with %s", async (_flag, args) => {
    const { stdout } = await run(process.execPath, args);
    expect(stdout).toMatch(/OSC_ENTRY_NOT_RUNNABLE .* it was passed with -.*new URL\("\.\/handlers\.js", import\.meta\.url\)/);
  });

  test("read from stdin", async () => {
    const program = run(process.execPath, ["-"]);
    program.child.stdin?.end(code);
    expect((await program).stdout).toMatch(/OSC_ENTRY_NOT_RUNNABLE .* read from stdin/);
  });

  test("in a file of Node's own test runner", async () => {
    const file = fileURLToPath(new URL("programs/pool-node-test.mjs", import.meta.url));
    expect((await run(process.execPath, [file])).stdout).toMatch(/OSC_ENTRY_NOT_RUNNABLE .* a test runner is running/);
  });
});

describe("the options of pools", () => {
  test("have finite defaults", () => {
    for (const description of [threadPoolDescription(handlers, {}), childPoolDescription(handlers, {})]) {
      for (const [name, value] of Object.entries(description)) if (typeof value === "number") expect(value, name).toBeLessThan(Infinity);
    }
    expect(childPoolDescription(handlers, {}).maxChildren).toBe(40);
  });

  test("lower dependent defaults", () => {
    expect(threadPoolDescription(handlers, { maxThreads: 1 }).minThreads).toBe(1);
    expect(childPoolDescription(handlers, { maxChildren: 1 }).spareChildren).toBe(1);
  });

  test.each([
    { maxThreads: 0 },
    { minThreads: 5, maxThreads: 4 },
    { idleTimeout: Infinity },
    { threadTimeout: 2 ** 31 },
    { threadMemory: -1 },
    { packetsPerThread: 1.5 },
    { workerData: () => undefined },
  ])("are rejected: threads with %o", (options) => {
    expect(codeOf(() => threadPoolDescription(handlers, options))).toBe("OSC_OPTION");
  });

  test.each([{ maxChildren: Number.NaN }, { spareChildren: 41 }, { childTimeout: 0 }, { requestsPerChild: 0 }, { childMemory: 0.5 }])(
    "are rejected: processes with %o",
    (options) => {
      expect(codeOf(() => childPoolDescription(handlers, options))).toBe("OSC_OPTION");
    },
  );
});

describe("the flags of a thread", () => {
  test("equal those of the program", () => {
    const flags = ["--import", "./instrument.mjs", "--conditions=special", "--require", "tsx/cjs", "-r", "./tsx.cjs"];
    const nodeOptions = "--import ./instrument.mjs --no-warnings";
    expect(threadFlags(flags, nodeOptions)).toEqual({ execArgv: flags, nodeOptions });
  });

  test.each([[["--import", "tsx"]], [["--import=tsx"]], [["--import", pathToFileURL("/some/node_modules/tsx/dist/loader.mjs").href]]])(
    "except for the tsx loader: %j",
    (flags) => {
      const [first, second, ...rest] = threadFlags(["--no-deprecation", ...flags, "--no-warnings"]).execArgv.slice(1);
      expect([first, rest]).toEqual(["--import", ["--no-warnings"]]);
      expect(decodeURIComponent(second ?? "")).toMatch(/^data:text\/javascript,[^]*await import\("file:\/\/.*tsx.*"\)/);
    },
  );

  test.each(["--import tsx --no-warnings", '--no-warnings --import="tsx"'])("and where NODE_OPTIONS are %s", (nodeOptions) => {
    const flags = threadFlags(["--no-deprecation"], nodeOptions);
    expect(flags.nodeOptions.trim()).toBe("--no-warnings");
    expect(flags.execArgv).toEqual(["--import", expect.stringContaining("data:text/javascript,"), "--no-deprecation"]);
  });
});

describe("the role", () => {
  const first = { address: "127.0.0.1", port: 1001, family: "IPv4" } as const;
  const second = { address: "127.0.0.1", port: 1002, family: "IPv4" } as const;

  test("of a program is main, and its servers are real", () => {
    expect(workerRole()).toBe("main");
    expect(resolveRole()).toEqual({ kind: "server" });
    expect(serversMade()).toBe(0);
    countServer(first);
    expect([serversMade(), serverAddresses()]).toEqual([1, [first]]);
  });

  test("of a worker makes servers before its own inert, but not those created by handlers", () => {
    const worker = {
      role: "process" as const,
      program: {
        kind: "entry" as const,
        path: "/program.mjs",
        target: 3,
        addresses: [first, second],
        argv: [],
        execArgv: [],
        sendsValues: false,
      },
      limits: { strict: false, maxNesting: 32, maxPacketSize: 1024, allowOddAddresses: false },
      loading: true,
      awaits: true,
      asyncAdvice: "",
      serve: (): never => {
        throw new Error("not here");
      },
      serveInEventLoop: () => undefined,
      send: () => undefined,
    };
    becomeWorker(worker);
    expect(workerRole()).toBe("process");
    expect(resolveRole()).toEqual({ kind: "inert", address: second });
    expect(resolveRole()).toEqual({ kind: "inert", address: null });
    expect(resolveRole()).toEqual({ kind: "worker", worker });
    expect(worker.loading).toBe(false);
    expect(resolveRole()).toEqual({ kind: "server" });
    expect(codeOf(() => programOf(new Dispatcher()))).toBe("OSC_ENTRY_NOT_RUNNABLE");
  });
});

test.skipIf(process.platform === "win32").each(["Blocking", "Threading", "Forking"])(
  "a %s server immediately reports that the working directory is gone",
  async (kind) => {
    const program = `
      import { mkdtempSync, rmdirSync } from "node:fs";
      import * as oscine from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
      const folder = mkdtempSync("${tmpdir()}/oscine-gone-");
      process.chdir(folder);
      rmdirSync(folder);
      try {
        new oscine.${kind}OSCUDPServer(["127.0.0.1", 0], ${kind === "Blocking" ? "new oscine.Dispatcher()" : JSON.stringify(handlers.href)});
      } catch ({ code, message }) {
        console.log(code, message);
      }`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
    expect(stdout).toMatch(/^OSC_THREAD_FAILED .*working directory of this process no longer exists.*process\.chdir/);
  },
);
