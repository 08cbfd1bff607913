import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { WebSocketClient as PortableClient } from "../../src/browser.ts";
import { type ConnectionState, WebSocketClient, type WebSocketClientOptions } from "../../src/client/index.ts";
import type { WebSocketLike } from "../../src/client/websocket-link.ts";
import { OscBundle, OscMessage, float } from "../../src/codec/index.ts";
import { Rig } from "../server/websocket-fixtures.ts";
import { Reports, collect } from "./clients.ts";
import { steadyPort } from "../steady-port.ts";

const QUICK = { minDelay: 1, maxDelay: 10 };
const run = promisify(execFile);
const until = (condition: () => boolean): Promise<unknown> => vi.waitUntil(condition, { timeout: 10_000, interval: 2 });

/** The class as Node has it, and as browsers have it: over any class of WebSockets. */
const CLASSES = [
  { name: "Node's", make: (url: string, options: WebSocketClientOptions = {}) => new WebSocketClient(url, options) },
  {
    name: "the portable",
    make: (url: string, options: WebSocketClientOptions = {}) => new PortableClient(url, { WebSocket, ...options }),
  },
  // Node has one of its own from version 22 on.
  ...("WebSocket" in globalThis
    ? [{ name: "the global", make: (url: string, options: WebSocketClientOptions = {}) => new PortableClient(url, options) }]
    : []),
];

describe.each(CLASSES)("$name WebSocketClient", ({ make }) => {
  function client(url: string, options: WebSocketClientOptions = {}): PortableClient {
    const made = make(url, { reconnect: QUICK, onError: () => undefined, ...options });
    onTestFinished(() => made.close());
    return made;
  }

  test("sends, requests and receives", async () => {
    const rig = await Rig.serve();
    const one = client(rig.url());
    expect(one.state).toBe("disconnected");
    expect((await one.request("/echo", ["a", float(0.5)], { replyTo: "/echoed" })).args).toEqual(["a", 0.5]);
    expect(one.state).toBe("connected");
    void one.sendMessage("/echo", 1);
    void one.sendBundle(new OscMessage("/echo", 2));
    void one.send(new OscBundle([new OscMessage("/echo", 3)]));
    const got: unknown[] = [];
    for await (const { args } of one.messages()) if (got.push(...args) === 3) break;
    expect(got).toEqual([1, 2, 3]);
    expect(one.stats()).toMatchObject({ sent: 4, received: 4, connects: 1, sendErrors: 0 });
  });

  test("calls handlers and sends their replies until it is closed", async () => {
    const rig = await Rig.serve();
    const answered = new Promise((resolve) => rig.dispatcher.map("/pong", (_address, value) => resolve(value)));
    const one = client(rig.url());
    one.dispatcher.map("/ping", (_address, value) => ["/pong", value]);
    const handled = one.handleMessages();
    await one.connect();
    rig.server.broadcast(new OscMessage("/ping", 7));
    expect(await answered).toBe(7);
    await one.close();
    expect(await handled).toBe(1);
  });

  test("reconnects after a restart of the server, and keeps handlers, listeners and packets", async () => {
    const port = await steadyPort();
    const rig = await Rig.serve({}, ["127.0.0.1", port]);
    const states: ConnectionState[] = [];
    const one = client(rig.url());
    one.on("state", (state) => states.push(state));
    const seen: unknown[] = [];
    one.dispatcher.map("/echoed", (_address, value) => void seen.push(value));
    void one.handleMessages();
    void one.sendMessage("/echo", 1);
    await until(() => seen.length === 1);
    await rig.server.close();
    await until(() => one.state !== "connected");
    void one.sendMessage("/echo", 2);
    const again = await Rig.serve({}, ["127.0.0.1", port]);
    await until(() => seen.length === 2);
    void one.sendMessage("/echo", 3);
    await until(() => seen.length === 3);
    expect(seen).toEqual([1, 2, 3]);
    expect(one.stats()).toMatchObject({ connects: 2, sendErrors: 0 });
    expect(again.server.stats()).toMatchObject({ received: 2 });
    expect([states[0], states[1], states[2], states.at(-1)]).toEqual(["connecting", "connected", "disconnected", "connected"]);
  });

  test("keeps the newest packets while there is no connection, and reports the dropped ones", async () => {
    const port = await steadyPort();
    const one = client(`ws://127.0.0.1:${port}/`, { maxUnsent: 3 });
    const sends = Array.from({ length: 5 }, (_, index) =>
      one.sendMessage("/n", index).then(
        () => "sent",
        () => "lost",
      ),
    );
    const got: unknown[] = [];
    const again = new Rig({}, ["127.0.0.1", port]);
    again.dispatcher.map("/n", (_address, value) => void got.push(value));
    await again.server.createServeEndpoint();
    expect(await Promise.all(sends)).toEqual(["lost", "lost", "sent", "sent", "sent"]);
    await until(() => got.length === 3);
    expect(got).toEqual([2, 3, 4]);
  });

  test("times out a request if there is no server", async () => {
    const url = `ws://127.0.0.1:${await steadyPort()}/`;
    await expect(client(url).request("/x", [], { timeout: 50, retries: 1 })).rejects.toMatchObject({
      code: "OSC_TIMEOUT",
      message: expect.stringContaining("no connection"),
    });
  });

  test("fails to connect() if there is no server; with reconnect: false a send fails too", async () => {
    const one = client(`ws://127.0.0.1:${await steadyPort()}/`, { reconnect: false });
    // Browsers do not say why.
    const code = expect.stringMatching(/^(?:ECONNREFUSED|ENOTCONN)$/);
    await expect(one.connect()).rejects.toMatchObject({ code });
    await expect(one.sendMessage("/x")).rejects.toMatchObject({ code });
  });

  test("sends what it has before it closes, and rejects later packets", async () => {
    const rig = await Rig.serve();
    const got: unknown[] = [];
    rig.dispatcher.map("/n", (_address, value) => void got.push(value));
    const one = client(rig.url());
    for (let index = 0; index < 100; index += 1) void one.sendMessage("/n", index);
    await one.close();
    expect(one.state).toBe("closed");
    await until(() => got.length === 100);
    await expect(one.sendMessage("/n")).rejects.toMatchObject({ code: "OSC_CLOSED" });
    await until(() => rig.server.stats().connections === 0);
    expect(rig.errors).toEqual([]);
  });

  test("ignores and reports text messages once, and reports malformed packets", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    onTestFinished(() => server.close());
    await once(server, "listening");
    server.on("connection", (socket) => {
      socket.send("text");
      socket.send("text");
      socket.send(Buffer.from("garbage!"));
      socket.send(Buffer.from("/ok\0,\0\0\0"));
    });
    const reports = new Reports();
    const one = client(`ws://127.0.0.1:${(server.address() as { port: number }).port}`, { onError: reports.listener });
    for await (const { address } of one.messages()) {
      expect(address).toBe("/ok");
      break;
    }
    expect(reports.codes).toEqual(["OSC_REJECTED", "OSC_REJECTED"]);
    expect(one.stats()).toMatchObject({ received: 2, malformed: 1 });
  });

  test("ends iterations with the connection if it doesn't reconnect", async () => {
    const rig = await Rig.serve();
    const one = client(rig.url(), { reconnect: false });
    const all = collect(one.messages());
    await one.connect();
    await rig.server.close();
    expect(await all).toEqual([]);
  });
});

describe("a WebSocketClient", () => {
  test.each(["127.0.0.1:9000", "ftp://127.0.0.1/", "ws://", "ws://x/#part"])("rejects the URL %s", (url) => {
    expect(() => new WebSocketClient(url)).toThrow(/A WebSocket URL must be like/);
  });

  test("shows neither a password nor a token of its URL in errors", async () => {
    const port = await steadyPort();
    const reports = new Reports();
    const client = new WebSocketClient(`ws://me:s3cret@127.0.0.1:${port}/?token=t0ken`, { reconnect: false, onError: reports.listener });
    const error: unknown = await client.connect().catch((thrown: unknown) => thrown);
    const request: unknown = await client.request("/a", [], { timeout: 10 }).catch((thrown: unknown) => thrown);
    void client.sendMessage("/b");
    await reports.atLeast(1);
    for (const shown of [error, request, reports.all[0]?.error]) {
      expect((shown as Error).message).toContain(`127.0.0.1:${port}`);
      expect(`${(shown as Error).message} ${(shown as { address?: string }).address ?? ""}`).not.toMatch(/s3cret|t0ken/);
    }
    await client.close();
  });

  test("takes http for ws, as in a page's location", async () => {
    const rig = await Rig.serve();
    const one = new WebSocketClient(new URL(rig.url().replace("ws", "http")), { headers: { origin: `http://127.0.0.1:${rig.port}` } });
    await one.connect();
    await one.close();
    expect(rig.errors).toEqual([]);
  });

  test("rejects packets of the server that are too large before they have arrived", async () => {
    const rig = await Rig.serve();
    const reports = new Reports();
    const one = new WebSocketClient(rig.url(), { maxPacketSize: 1000, reconnect: false, onError: reports.listener });
    onTestFinished(() => one.close());
    const all = collect(one.messages());
    await one.connect();
    await until(() => rig.server.clients.size === 1);
    rig.server.broadcast(new OscMessage("/big", new Uint8Array(2000)));
    expect(await all).toEqual([]);
    expect(one.state).toBe("disconnected");
  });

  test("rejects a packet if the network is too slow", async () => {
    /** A socket that takes nothing. */
    class Stuck implements WebSocketLike {
      binaryType = "blob";
      bufferedAmount = 0;
      onopen: ((event: never) => void) | null = null;
      onmessage = null;
      onerror = null;
      onclose: ((event: never) => void) | null = null;
      constructor() {
        setTimeout(() => this.onopen?.(undefined as never));
      }
      send(data: Uint8Array): void {
        this.bufferedAmount += data.length;
      }
      close(): void {
        this.onclose?.({ code: 1000, reason: "" } as never);
      }
    }
    const one = new PortableClient("ws://nowhere/", { WebSocket: Stuck, maxBuffered: 100 });
    await one.sendMessage("/a", new Uint8Array(60));
    await expect(one.sendMessage("/a", new Uint8Array(60))).rejects.toMatchObject({ code: "OSC_DROPPED", limit: "maxBuffered" });
    await one.close();
  });

  test("reconnects after the machine slept", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const rig = await Rig.serve({ pingInterval: null });
    const one = new WebSocketClient(rig.url(), { reconnect: QUICK, onError: () => undefined });
    onTestFinished(() => one.close());
    await one.request("/echo", 1, { replyTo: "/echoed" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(one.stats().connects).toBe(1);
    vi.setSystemTime(Date.now() + 300_000);
    await vi.advanceTimersByTimeAsync(15_000);
    vi.useRealTimers();
    expect((await one.request("/echo", 2, { replyTo: "/echoed" })).args).toEqual([2]);
    expect(one.stats().connects).toBe(2);
  });

  test("doesn't keep an idle process alive, and loses nothing that it sent", async () => {
    const rig = await Rig.serve();
    const got: unknown[] = [];
    rig.dispatcher.map("/n", (_address, value) => void got.push(value));
    const here = new URL("../../src/client/index.ts", import.meta.url).href;
    const source = `
      const { WebSocketClient } = await import(${JSON.stringify(here)});
      const client = new WebSocketClient(${JSON.stringify(rig.url())});
      for (let index = 0; index < 200; index += 1) client.sendMessage("/n", index);
      console.log((await client.request("/echo", "hello", { replyTo: "/echoed" })).args[0]);`;
    const { stdout, stderr } = await run(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", source], {
      timeout: 10_000,
    });
    expect([stdout, stderr]).toEqual(["hello\n", ""]);
    await until(() => got.length === 200);
  });
});
