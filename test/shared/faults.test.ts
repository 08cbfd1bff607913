/** What becomes of every kind of server when something fails: handlers, clients, workers, the system. docs/reliability.md lists what is promised. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type Socket, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { descendants, isAlive } from "../server/pool-program.ts";
import { type Kind, ServerProcess, isEven } from "./server-process.ts";
import type { Correspondent } from "./wire.ts";

const KINDS: readonly Kind[] = ["async", "blocking", "threading", "forking"];
/** Processes that serve one packet each would take most of the time for starting. */
const optionsOf = (kind: Kind): object => (kind === "forking" ? { requestsPerChild: 1000 } : {});
const isLinux = process.platform === "linux";

describe.each(KINDS)("the %s server", (kind) => {
  let server: ServerProcess;
  let client: Correspondent;

  beforeAll(async () => {
    server = await ServerProcess.start(kind, "udp", optionsOf(kind));
    client = await server.connect();
  });
  afterAll(() => server.dispose());

  test("continues after a handler that recurses forever", async () => {
    client.send(new OscMessage("/recurse"));
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([{ code: "OSC_HANDLER_FAILED", cause: "Maximum call stack size exceeded" }]);
    expect(await client.ask("/echo", 1)).toEqual(["/echoed", 1]);
  });

  test("reports a reply too large for a datagram with its size, and continues", async () => {
    client.send(new OscMessage("/large"));
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([{ code: "OSC_PACKET_TOO_LARGE", client: { port: client.wire.port } }]);
    expect(await client.ask("/echo", 2)).toEqual(["/echoed", 2]);
  });

  test("continues if a client is gone before its reply, and counts every packet", async () => {
    const passing = await server.connect();
    for (let sent = 0; sent < 20; sent++) passing.send(new OscMessage("/block", [5]));
    expect(await passing.nextMessages(1)).toEqual([["/blocked", 5]]);
    await passing.wire.close();
    // The two clients take turns, so after as many questions nothing waits any more.
    for (let asked = 0; asked < 25; asked++) expect(await client.ask("/echo", 3)).toEqual(["/echoed", 3]);
    const stats = await server.quit(client);
    expect(stats).toSatisfy(isEven);
    expect(stats).toMatchObject({ received: 50, dropped: 0, inProgress: 0 });
    expect(server.stderr).toBe("");
  });

  test.runIf(process.platform !== "win32")("ends immediately on SIGTERM under load, and leaves nothing behind", async () => {
    const loaded = await ServerProcess.start(kind, "udp");
    try {
      const sender = await loaded.connect();
      for (let sent = 0; sent < 3000; sent++) sender.send(new OscMessage("/block", [1]));
      await sender.nextMessages(1);
      const started = isLinux ? descendants(loaded.child.pid as number) : [];
      expect(kind === "forking" && isLinux ? started.length : 1).toBeGreaterThan(0);
      loaded.child.kill("SIGTERM");
      await loaded.closed;
      expect(loaded.child.signalCode).toBe("SIGTERM");
      // Nobody tells of the end of processes that are not our own.
      while (started.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 5));
    } finally {
      await loaded.dispose();
    }
  });
});

describe.runIf(isLinux)("a child process that is stopped (SIGSTOP)", () => {
  test("is killed after childTimeout; its packet is reported as lost, and others are handled", async () => {
    const server = await ServerProcess.start("forking", "udp", { childTimeout: 400 });
    try {
      const client = await server.connect();
      client.send(new OscMessage("/stop"));
      expect(await client.ask("/echo", 1)).toEqual(["/echoed", 1]);
      await server.until(() => server.errors.length > 0);
      expect(server.errors).toMatchObject([{ code: "OSC_CHILD_FAILED", message: expect.stringContaining("childTimeout (400 ms)") }]);
      const started = descendants(server.child.pid as number);
      const stats = await server.quit(client);
      expect(stats).toMatchObject({ received: 3, handled: 2, dropped: 1 });
      while (started.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 5));
    } finally {
      await server.dispose();
    }
  });

  test("loses one packet if it was idle when stopped", async () => {
    const server = await ServerProcess.start("forking", "udp", { childTimeout: 300, maxChildren: 1, requestsPerChild: 1000 });
    try {
      const client = await server.connect();
      expect(await client.ask("/echo", 0)).toEqual(["/echoed", 0]);
      for (const { pid } of descendants(server.child.pid as number)) if (isNode(pid)) process.kill(pid, "SIGSTOP");
      for (let asked = 1; asked <= 3; asked++) client.send(new OscMessage("/echo", [asked]));
      await server.until(() => server.errors.length > 0);
      expect(server.errors).toMatchObject([{ code: "OSC_CHILD_FAILED" }]);
      expect((await client.nextMessages(2)).length).toBe(2);
      const stats = await server.quit(client);
      expect(stats).toSatisfy(isEven);
      expect(stats.dropped).toBe(1);
    } finally {
      await server.dispose();
    }
  });
});

/** Not the shell that looks after the others. */
function isNode(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "latin1").startsWith("node");
  } catch {
    return false;
  }
}

/** A server and its workers have 20 to 60 files open, and twice as many while they load their modules. */
const FILE_LIMIT = 300;

describe.runIf(isLinux).each(KINDS)("the %s TCP server without file descriptors", (kind) => {
  test("keeps serving connected clients, and accepts new ones when some have left", async () => {
    const server = await ServerProcess.start(kind, "tcp-1.0", optionsOf(kind), FILE_LIMIT);
    const sockets: Socket[] = [];
    try {
      const client = await server.connect();
      expect(await client.ask("/echo", 1)).toEqual(["/echoed", 1]);
      const oneWasRefused = new Promise<void>((resolve) => {
        for (let opened = 0; opened < FILE_LIMIT; opened++) {
          const socket = connect(server.address.port, "127.0.0.1");
          socket.on("error", () => undefined).on("close", () => resolve());
          sockets.push(socket.resume());
        }
      });
      // They are refused; or they wait, and that is reported.
      await Promise.race([oneWasRefused, server.until(() => server.errors.some(({ code }) => code === "EMFILE"))]);
      expect(await client.ask("/echo", 2)).toEqual(["/echoed", 2]);
      await Promise.all(
        sockets.map(async (socket) => {
          if (socket.closed) return;
          socket.destroy();
          await once(socket, "close");
        }),
      );
      const newcomer = await server.connect();
      expect(await newcomer.ask("/echo", 3)).toEqual(["/echoed", 3]);
      expect(await server.quit(newcomer)).toSatisfy(isEven);
    } finally {
      for (const socket of sockets) socket.destroy();
      await server.dispose();
    }
  });
});
