import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { AsyncOSCTCPServer } from "../../src/server/index.ts";
import { Gate, LOCAL, RawClient, eventually, serve } from "./tcp-fixtures.ts";

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "oscine-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "osc.sock");
}

describe.runIf(process.platform !== "win32")("a Unix domain socket", () => {
  test("is served like TCP, and its file is removed with the server", async () => {
    const path = socketPath();
    const { dispatcher, server } = await serve({ address: { path } });
    dispatcher.map("/who", ({ address, port, family }) => ["/you", address, port, family], { needsReplyAddress: true });
    expect(server.serverAddress).toEqual({ address: path, port: 0, family: "unix" });
    for (const framing of ["1.0", "1.1"] as const) {
      const client = await RawClient.to(server, framing);
      await client.expectEcho(framing);
      client.send(new OscMessage("/who"));
      expect(await client.next(1)).toEqual([["/you", "", framing === "1.0" ? 1 : 2, "unix"]]);
    }
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test("a slow handler for one client doesn't delay others, though none has an address", async () => {
    const gate = new Gate();
    const { dispatcher, server } = await serve({ address: { path: socketPath() } });
    dispatcher.map("/slow", () => gate.opened);
    const busy = await RawClient.to(server);
    busy.send(new OscMessage("/slow"), new OscMessage("/echo", [1]));
    await eventually(() => server.stats().inProgress === 2);
    await (await RawClient.to(server)).expectEcho("other");
    expect(busy.arrived).toEqual([]);
    gate.open();
    expect(await busy.next(1)).toEqual([["/echoed", 1]]);
  });

  test("replaces a stale file", async () => {
    const path = socketPath();
    const program = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", program]);
    expect(existsSync(path)).toBe(true);
    const { server } = await serve({ address: { path } });
    await (await RawClient.to(server)).expectEcho("mine now");
  });

  test("reports EADDRINUSE if it is in use, and leaves it in use", async () => {
    const path = socketPath();
    const { server } = await serve({ address: { path } });
    const second = new AsyncOSCTCPServer(server.serverAddress, new Dispatcher());
    expect(second.serverAddress).toEqual(server.serverAddress);
    await expect(second.serve()).rejects.toMatchObject({ code: "EADDRINUSE", address: path });
    await (await RawClient.to(server)).expectEcho("still mine");
  });

  test("never replaces a file that isn't a socket", async () => {
    const path = socketPath();
    writeFileSync(path, "precious");
    await expect(new AsyncOSCTCPServer({ path }, new Dispatcher()).serve()).rejects.toMatchObject({ code: "EADDRINUSE" });
    expect(existsSync(path)).toBe(true);
  });

  test("reports EACCES for a missing folder, like the system", async () => {
    const server = new AsyncOSCTCPServer({ path: join(socketPath(), "osc.sock") }, new Dispatcher());
    await expect(server.serve()).rejects.toMatchObject({ code: "EACCES", message: expect.stringContaining("folder") });
  });

  test("rejects a path that is too long immediately", () => {
    const make = (): unknown => new AsyncOSCTCPServer({ path: `/tmp/${"x".repeat(200)}` }, new Dispatcher());
    expect(make).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });

  test("ignores allow: any program that can open the file may send", async () => {
    const { server } = await serve({ address: { path: socketPath() }, allow: ["192.0.2.1"] });
    await (await RawClient.to(server)).expectEcho("in");
  });
});

describe.runIf(hasIPv6)("IPv6", () => {
  test("is served, and clients have IPv6 addresses", async () => {
    const { dispatcher, server } = await serve({ address: ["::1", 0] });
    dispatcher.map("/who", ({ address, port, family }) => ["/you", address, port, family], { needsReplyAddress: true });
    expect(server.serverAddress).toMatchObject({ address: "::1", family: "IPv6" });
    const client = await RawClient.to(server);
    client.send(new OscMessage("/who"));
    expect(await client.next(1)).toEqual([["/you", "::1", client.address.port, "IPv6"]]);
  });

  test("`::` also accepts IPv4, and allow matches such clients by IPv4 address", async () => {
    const { server } = await serve({ address: ["::", 0], allow: [LOCAL] });
    await (await RawClient.to(server)).expectEcho("by IPv4");
  });

  test("rejects IPv4 with ipv6Only", async () => {
    const { server } = await serve({ address: ["::", 0], ipv6Only: true });
    await expect(RawClient.to(server)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
