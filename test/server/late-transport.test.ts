import { expect, test } from "vitest";
import { Dispatcher } from "../../src/dispatch/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { AsyncOSCTCPServer, AsyncOSCWebSocketServer } from "../../src/server/index.ts";
import { LateTransport } from "../../src/server/late-transport.ts";
import type { Transport } from "../../src/transport/transport.ts";

const ADDRESS: NetAddress = { address: "127.0.0.1", port: 9000, family: "IPv4" };

/** A transport that keeps a diary. */
class Diary implements Transport {
  readonly entries: string[] = [];

  open(): Promise<NetAddress> {
    this.entries.push("open");
    return Promise.resolve(ADDRESS);
  }

  drain(): Promise<void> {
    this.entries.push("drain");
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.entries.push("close");
    return Promise.resolve();
  }
}

test("loads when it opens, and passes everything on", async () => {
  const inner = new Diary();
  let loads = 0;
  const late = new LateTransport(() => {
    loads += 1;
    return Promise.resolve(inner);
  });
  expect(loads).toBe(0);
  expect(await late.open()).toBe(ADDRESS);
  await late.drain();
  await late.close();
  expect(loads).toBe(1);
  expect(inner.entries).toEqual(["open", "drain", "close"]);
});

test("is not opened where it was closed while it was loaded", async () => {
  const inner = new Diary();
  let loaded = (_transport: Transport): void => undefined;
  const late = new LateTransport(() => new Promise((resolve) => (loaded = resolve)));
  const opening = late.open();
  await late.drain();
  await late.close();
  loaded(inner);
  await expect(opening).rejects.toMatchObject({ name: "OscServerError", code: "OSC_CLOSED" });
  expect(inner.entries).toEqual([]);
});

test("says so where its code cannot be loaded", async () => {
  const gone = new Error("no such file");
  const late = new LateTransport(() => Promise.reject(gone));
  await expect(late.open()).rejects.toBe(gone);
  await late.drain();
  await late.close();
});

const servers = [
  ["TCP", () => new AsyncOSCTCPServer(["127.0.0.1", 0], new Dispatcher())],
  ["WebSocket", () => new AsyncOSCWebSocketServer(["127.0.0.1", 0], new Dispatcher())],
] as const;

test.each(servers)(
  "an async server of %s that is closed while it begins has ended when close() resolves, and may serve again",
  async (_name, make) => {
    const server = make();
    const serving = server.serve();
    await server.close();
    await serving;
    expect(server.serverAddress.port).toBe(0);
    const [transport] = await server.createServeEndpoint();
    expect(server.serverAddress.port).toBeGreaterThan(0);
    await transport.close();
  },
);
