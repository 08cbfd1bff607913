import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, blob, encode } from "../../src/codec/index.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { Program } from "./program.ts";
import { udpBacklog } from "./udp-backlog.ts";

interface ToldError {
  readonly code: string;
  readonly name: string;
  readonly message: string;
  readonly reason?: string;
  readonly limit?: string;
  readonly cause: string;
  readonly client?: { readonly address: string; readonly port: number };
}

const running: Program[] = [];
afterEach(async () => {
  for (const program of running.splice(0)) await program.dispose();
});

function start(name: string, ...parameters: string[]): Program {
  const program = new Program(name, ...parameters);
  running.push(program);
  return program;
}

const startBlocking = (options: object = {}): Program => start("blocking.mjs", JSON.stringify(options));
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function expectBalance(stats: ServerStats): void {
  const refused = Object.values(stats.rejected).reduce((sum, count) => sum + count, 0);
  expect(stats.inProgress).toBe(0);
  expect(stats.received).toBe(stats.handled + refused + stats.dropped + stats.waiting);
}

describe("a blocked thread", () => {
  test("prints immediately into a pipe, and continues with the next line only after shutdown()", async () => {
    const program = startBlocking();
    const client = await program.client();
    client.send(new OscMessage("/print", [1, "two"]));
    await program.printed(/^printed 1 two\n/m);
    expect(program.stdout).not.toContain("served");
    client.send(new OscMessage("/shutdown"));
    await program.printed(/^served 1\n/m);
  });

  test("uses no CPU while idle", async () => {
    const program = start("blocking-idle.mjs");
    const client = await program.client();
    expect(await client.ask("/usage")).toEqual(["/usage", 0]);
    const [, used] = await program.printed(/^used (\d+) ms in 5 s\n/m);
    // 0.0 s, as a user would read it.
    expect(Number(used)).toBeLessThan(50);
    expect(await program.ended).toBe(0);
  }, 20_000);

  test("serves again after shutdown(), with packets queued meanwhile", async () => {
    const program = startBlocking();
    const client = await program.client();
    client.send(new OscMessage("/shutdown-by-context"), new OscMessage("/echo", ["waited"]), new OscMessage("/echo", ["again"]));
    expect(await client.nextMessages(2)).toEqual([
      ["/echo", "waited"],
      ["/echo", "again"],
    ]);
    client.send(new OscMessage("/shutdown"), new OscMessage("/count"));
    expectBalance(await program.told<ServerStats>("closed"));
    expect(program.lines.filter((line) => !line.startsWith("stats"))).toMatchObject([
      expect.stringContaining("ready"),
      "served 1",
      "one-more null",
      "served 2",
      "one-more null",
      expect.stringContaining("closed"),
    ]);
    expect(await program.ended).toBe(0);
  });

  test("closes in a handler: sends its reply, frees the port and refuses to serve again", async () => {
    const program = startBlocking();
    const client = await program.client();
    client.send(new OscMessage("/close"));
    expect(await client.nextMessages(1)).toEqual([["/closing", 1]]);
    expect(await program.told("refused")).toEqual({ code: "OSC_CLOSED" });
    expectBalance(await program.told<ServerStats>("closed"));
    const [, port] = await program.printed(/ready (\d+)/);
    const socket = createSocket("udp4").bind(Number(port), "127.0.0.1");
    await once(socket, "listening");
    socket.close();
    expect(await program.ended).toBe(0);
  });

  test("reports an error for serving inside a handler", async () => {
    const program = startBlocking();
    (await program.client()).send(new OscMessage("/nested"));
    const error = await program.told<ToldError>("error");
    expect(error).toMatchObject({ code: "OSC_HANDLER_FAILED" });
    expect(error.cause).toContain("serveForever() was called while serveForever() of the same server is running");
  });
});

describe("packets", () => {
  test("are handled in order, and answered from the server's port", async () => {
    const client = await startBlocking().client();
    const sent = Array.from({ length: 500 }, (_, index) => index);
    for (const index of sent) client.send(new OscMessage("/echo", [index]));
    expect((await client.nextMessages(500)).map(([, index]) => index)).toEqual(sent);
  });

  test("of nearly a datagram's size pass in both directions", async () => {
    const client = await startBlocking().client();
    const bytes = Uint8Array.from({ length: 65_480 }, (_, index) => index % 251);
    const sum = bytes.reduce((hash, byte) => (hash * 31 + byte) % 65_521, 0);
    for (let round = 0; round < 20; round++) {
      client.send(new OscMessage("/size", [blob(bytes)]));
      expect(await client.nextMessages(1)).toEqual([["/size", bytes.length, sum]]);
    }
    client.send(new OscMessage("/big", [65_480]));
    expect(await client.nextMessages(1)).toEqual([["/big", new Uint8Array(65_480).fill(7)]]);
  });

  test("may have one reply or thousands", async () => {
    const client = await startBlocking().client();
    client.send(new OscMessage("/many", [3000]));
    expect((await client.nextMessages(3000)).map(([, index]) => index)).toEqual(Array.from({ length: 3000 }, (_, index) => index));
  });

  test("are answered while their handler still runs", async () => {
    const program = startBlocking();
    const client = await program.client();
    client.send(new OscMessage("/reply-then-block", [1000]), new OscMessage("/print", ["after"]));
    expect(await client.nextMessages(1)).toEqual([["/early"]]);
    expect(program.stdout).not.toContain("printed after");
    expect(await client.nextMessages(1)).toEqual([["/late"]]);
    await program.printed(/^printed after\n/m);
  });

  test("survive a burst of 20,000 while a handler runs, with default options", async () => {
    const program = startBlocking();
    const client = await program.client();
    client.send(new OscMessage("/block", [200]));
    const [, port] = await program.printed(/ready (\d+)/);
    const packet = encode(new OscMessage("/count"));
    for (let index = 0; index < 20_000; index++) {
      client.send(packet);
      if (index % 100 !== 99) continue;
      // Neither sending nor the system's buffer is what is tested here, and on a busy machine nobody may empty that for long.
      do await new Promise((resolve) => setImmediate(resolve));
      while (udpBacklog(Number(port)) > 200_000);
    }
    expect(await client.ask("/counted")).toEqual(["/counted", 20_000]);
  });

  test("beyond maxQueue are dropped, counted and reported with the option", async () => {
    const program = startBlocking({ maxQueue: 10, maxReports: 3 });
    const client = await program.client();
    client.send(new OscMessage("/reply-then-block", [1200]));
    expect(await client.nextMessages(1)).toEqual([["/early"]]);
    for (let index = 0; index < 50; index++) client.send(new OscMessage("/echo", [index]));
    const first = Array.from({ length: 10 }, (_, index) => ["/echo", index]);
    expect(await client.nextMessages(11)).toEqual([["/late"], ...first]);
    await program.printed(/OSC_SUPPRESSED/);
    client.send(new OscMessage("/shutdown"));
    const stats = await program.told<ServerStats>("stats");
    expect(stats).toMatchObject({ dropped: 40, handled: 12 });
    expectBalance(stats);
    const errors = program.lines.filter((line) => line.startsWith("error ")).map((line) => JSON.parse(line.slice(6)) as ToldError);
    expect(errors.map(({ code }) => code)).toEqual(["OSC_DROPPED", "OSC_DROPPED", "OSC_DROPPED", "OSC_SUPPRESSED"]);
    expect(errors[0]).toMatchObject({ limit: "maxQueue", name: "OscDroppedError", client: { port: client.wire.port } });
    expect(errors[3]?.message).toContain("37 more errors");
  });

  test("that waited longest are dropped with drop-oldest", async () => {
    const program = startBlocking({ maxQueue: 3, overflow: "drop-oldest" });
    const client = await program.client();
    client.send(new OscMessage("/reply-then-block", [1000]));
    expect(await client.nextMessages(1)).toEqual([["/early"]]);
    for (let index = 0; index < 20; index++) client.send(new OscMessage("/echo", [index]));
    expect(await client.nextMessages(4)).toEqual([["/late"], ["/echo", 17], ["/echo", 18], ["/echo", 19]]);
  });

  test("with a future time tag wait without blocking others", async () => {
    const client = await startBlocking().client();
    const at = Date.now() + 1000;
    client.send(new OscBundle([new OscMessage("/echo", ["later"])], TimeTag.from(at)), new OscMessage("/echo", ["now"]));
    expect(await client.nextMessages(1)).toEqual([["/echo", "now"]]);
    expect(Date.now()).toBeLessThan(at);
    expect(await client.nextMessages(1)).toEqual([["/echo", "later"]]);
    expect(Date.now()).toBeGreaterThanOrEqual(at);
  });

  test("with a future time tag are handled immediately without strictTiming", async () => {
    const client = await startBlocking({ strictTiming: false }).client();
    client.send(new OscBundle([new OscMessage("/echo", ["dated"])], TimeTag.in(600_000)));
    expect(await client.nextMessages(1)).toEqual([["/echo", "dated"]]);
  });
});

describe("errors while the thread is blocked", () => {
  test("name the sender of packets that aren't OSC or can't be decoded", async () => {
    const program = startBlocking();
    const client = await program.client();
    client.send(text("junk"));
    expect(await program.told<ToldError>("error")).toMatchObject({
      code: "OSC_REJECTED",
      name: "OscRejectedError",
      reason: "not-osc",
      client: { address: "127.0.0.1", port: client.wire.port },
    });
    program.stdout = "";
    client.send(text("/a\0\0,i\0\0"));
    const error = await program.told<ToldError>("error");
    expect(error).toMatchObject({ code: "OSC_REJECTED", reason: "malformed", client: { address: "127.0.0.1", port: client.wire.port } });
    expect(error.cause).toContain("OscDecodeError");
    client.send(new OscMessage("/shutdown"));
    const stats = await program.told<ServerStats>("stats");
    expect(stats.rejected).toMatchObject({ "not-osc": 1, malformed: 1 });
    expectBalance(stats);
  });

  test("include a handler's exception, and a late reply is sent", async () => {
    const program = startBlocking();
    const client = await program.client();
    client.send(new OscMessage("/throw"));
    expect(await program.told<ToldError>("error")).toMatchObject({ code: "OSC_HANDLER_FAILED", cause: "RangeError: on purpose" });
    client.send(new OscMessage("/stash"), new OscMessage("/use-stash"));
    expect(await client.nextMessages(1)).toEqual([["/late"]]);
    client.send(new OscMessage("/shutdown"));
    const stats = await program.told<ServerStats>("stats");
    expect(stats).toMatchObject({ handlerErrors: 1, handled: 4, replied: 1 });
    expectBalance(stats);
  });

  test("are printed to stderr without onError", async () => {
    const program = startBlocking({ quiet: true });
    const client = await program.client();
    client.send(new OscMessage("/throw"), text("junk"));
    await program.printed(/A handler of \/throw failed: on purpose \[OSC_HANDLER_FAILED\]\n +at .*blocking\.mjs/, "stderr");
    await program.printed(new RegExp(`from 127.0.0.1:${client.wire.port}: The packet is not OSC`), "stderr");
  });
});

describe("the constructor", () => {
  test.each([
    ["in-use", "EADDRINUSE"],
    ["not-here", "EADDRNOTAVAIL"],
    ["bad-port", "OSC_OPTION"],
    ["bad-timeout", "OSC_OPTION"],
    ["bad-allow", "OSC_OPTION"],
    ["bad-native", "OSC_OPTION"],
  ])("throws immediately: %s", async (what, code) => {
    const program = start("blocking-constructor.mjs", what);
    const error = await program.told<{ code: string; className: string; message: string }>("threw");
    expect(error.code).toBe(code);
    expect(error.className).toBe(code.startsWith("E") ? "OscSocketError" : "OscServerError");
    expect(await program.ended).toBe(0);
  });

  test("lets a program that never serves exit", async () => {
    const program = start("blocking-constructor.mjs", "idle");
    await program.printed(/ready/);
    expect(await program.ended).toBe(0);
  });
});

describe("handleRequest", () => {
  test("handles exactly one packet, or calls handleTimeout", async () => {
    const program = start("blocking-request.mjs");
    const client = await program.client();
    await program.printed(/^timed out after \d+ ms: 1\n/m);
    client.send(new OscMessage("/a"), new OscMessage("/b"), new OscMessage("/forbidden"), new OscMessage("/c"));
    expect(await program.ended).toBe(0);
    const [, timed] = /timed out after (\d+) ms/.exec(program.stdout) ?? [];
    expect(Number(timed)).toBeGreaterThanOrEqual(50);
    expect(program.lines.slice(2)).toEqual([
      "handled /a",
      "request true",
      "handled /b",
      "request true",
      "error OSC_REJECTED unverified",
      "request true",
      "handled /c",
      "request true",
      "at once false 2",
      "stats 3 handled 1 unverified",
      "disposed OSC_CLOSED",
    ]);
  });
});

describe("signals end a blocked process", () => {
  test.each(["none", "listener"])("with %s", async (listens) => {
    const program = start("blocking-signal.mjs", listens);
    const client = await program.client();
    expect(await client.ask("/still-here")).toEqual(["/yes"]);
    program.child.kill("SIGINT");
    expect(await program.ended).toBe("SIGINT");
  });

  test("wait for kept listeners, and other listeners are restored afterwards", async () => {
    const program = start("blocking-signal.mjs", "kept");
    const client = await program.client();
    program.child.kill("SIGINT");
    expect(await client.ask("/still-here")).toEqual(["/yes"]);
    client.send(new OscMessage("/shutdown"));
    expect(await program.ended).toBe(7);
    expect(program.stdout).toContain("listeners 1");
  });
});

test("a handler can end a blocked process", async () => {
  const program = start("blocking-exit.mjs");
  (await program.client()).send(new OscMessage("/exit", [9]));
  expect(await program.ended).toBe(9);
  expect(program.lines.at(-1)).toBe("exit 9");
});
