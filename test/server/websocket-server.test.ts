import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { OscDroppedError } from "../../src/errors.ts";
import { AsyncOSCWebSocketServer } from "../../src/server/index.ts";
import { Raw, Rig, refusalOf } from "./websocket-fixtures.ts";
import { steadyPort } from "../steady-port.ts";

const until = (condition: () => boolean): Promise<unknown> => vi.waitUntil(condition, { timeout: 10_000, interval: 5 });
const HOUR = 3_600_000;

describe("who may connect", () => {
  const cases: readonly [name: string, headers: Record<string, string>, status: number | null][] = [
    ["a program, which sends no origin", {}, null],
    ["a page of the same host", { origin: "http://HOST" }, null],
    ["a page of loopback, whatever its port", { origin: "http://localhost:5173" }, null],
    ["a page of an address of the network", { origin: "http://192.0.2.1:1" }, 403],
    ["a page of a foreign site", { origin: "https://evil.example" }, 403],
    ["a page from a file, or in a sandbox", { origin: "null" }, 403],
    ["what is no origin", { origin: "nonsense" }, 403],
    ["a page of localhost", { origin: "http://localhost:7000", host: "localhost:7000" }, null],
    ["a page of an IPv6 address", { origin: "http://[::1]:7000", host: "[::1]:7000" }, null],
    ["a page of a machine nearby", { origin: "http://mixer.local:7000", host: "mixer.local:7000" }, null],
    ["a page of a stranger's name that leads here", { origin: "http://evil.example:7000", host: "evil.example:7000" }, 403],
    ["the same host behind the port that https leaves out", { origin: "https://127.0.0.1", host: "127.0.0.1:443" }, null],
  ];

  test.each(cases)("%s", async (_name, headers, status) => {
    const rig = await Rig.serve();
    const filled = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace("HOST", `127.0.0.1:${rig.port}`)]),
    );
    if (status === null) {
      expect(await (await Raw.open(rig.url(), { headers: filled })).ask(1)).toBe(1);
      expect(rig.errors).toEqual([]);
    } else {
      expect(await refusalOf(rig.url(), { headers: filled })).toBe(status);
      expect(rig.errors).toMatchObject([
        {
          error: {
            code: "OSC_REJECTED",
            reason: "sender",
            message: expect.stringMatching(/^A page was refused .* add it to the option origins\.$/),
          },
          client: { address: "127.0.0.1" },
        },
      ]);
      expect(rig.server.stats()).toMatchObject({ connections: 0, connectionsRefused: 1 });
    }
  });

  test("listed origins, besides the own host", async () => {
    const rig = await Rig.serve({ origins: ["https://Stage.example", "null"] });
    for (const origin of ["https://stage.example", "null", `http://127.0.0.1:${rig.port}`]) {
      expect(await (await Raw.open(rig.url(), { headers: { origin } })).ask(1)).toBe(1);
    }
    expect(await refusalOf(rig.url(), { headers: { origin: "https://evil.example" } })).toBe(403);
  });

  test('all origins with "*"', async () => {
    const rig = await Rig.serve({ origins: ["*"] });
    expect(await (await Raw.open(rig.url(), { headers: { origin: "https://evil.example" } })).ask(1)).toBe(1);
  });

  test("those whom verifyClient lets in", async () => {
    const rig = await Rig.serve({ verifyClient: ({ url }) => url === "/?token=secret" });
    expect(await refusalOf(rig.url("/?token=guess"))).toBe(401);
    expect(await (await Raw.open(rig.url("/?token=secret"))).ask(1)).toBe(1);
  });

  test.each<[string, () => boolean, RegExp]>([
    [
      "throws",
      () => {
        throw new Error("no database");
      },
      /because verifyClient threw: Error: no database/,
    ],
    ["returns a promise", () => Promise.resolve(true) as unknown as boolean, /returned a promise/],
    ["returns a promise that rejects", () => Promise.reject(new Error("no database")) as unknown as boolean, /returned a promise/],
  ])("refuses clients if verifyClient %s", async (_what, verifyClient, message) => {
    const rig = await Rig.serve({ verifyClient });
    expect(await refusalOf(rig.url())).toBe(401);
    expect(rig.errors).toMatchObject([{ error: { reason: "unverified", message: expect.stringMatching(message) as string } }]);
  });

  test("addresses that are allowed", async () => {
    const rig = await Rig.serve({ allow: ["10.0.0.0/8"] });
    expect(await refusalOf(rig.url())).toBe(403);
    expect(rig.errors).toMatchObject([{ error: { reason: "sender" } }]);
  });

  test("as many as maxConnections says", async () => {
    const rig = await Rig.serve({ maxConnections: 2 });
    const [first] = [await Raw.open(rig.url()), await Raw.open(rig.url())];
    expect(await refusalOf(rig.url())).toBe(503);
    expect(rig.errors).toMatchObject([{ error: { code: "OSC_DROPPED", limit: "maxConnections" } }]);
    first?.socket.close();
    await until(() => rig.server.stats().connections === 1);
    expect(await (await Raw.open(rig.url())).ask(1)).toBe(1);
  });

  test("counts connections beyond maxConnections and the handshakes under way as refused", async () => {
    const rig = await Rig.serve({ maxConnections: 2 });
    const sockets = Array.from({ length: 2 + 64 + 30 }, () => connect(rig.port, "127.0.0.1"));
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    for (const socket of sockets) socket.on("error", () => undefined);
    await until(() => rig.server.stats().connectionsRefused === 30);
    expect(rig.errors.every(({ error }) => error instanceof OscDroppedError && error.limit === "maxConnections")).toBe(true);
  });

  test("counts connections that an existing HTTP server rejects while it is open", async () => {
    const http = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void http.close());
    await once(http, "listening");
    http.maxConnections = 1;
    const rig = await Rig.serve({}, { server: http });
    const first = await Raw.open(rig.url());
    const refused = connect(rig.port, "127.0.0.1");
    await once(refused, "close");
    expect(rig.server.stats()).toMatchObject({ connections: 1, connectionsRefused: 1 });
    expect(rig.errors).toMatchObject([{ error: { limit: "maxConnections", message: expect.stringContaining("HTTP server") } }]);
    first.socket.close();
    await rig.server.close();
    expect(http.listenerCount("drop")).toBe(0);
  });

  test("counts clients that don't speak HTTP as refused", async () => {
    const rig = await Rig.serve();
    const socket = connect(rig.port, "127.0.0.1");
    socket.end("/osc\0\0\0\0,\0\0\0");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 Bad Request/);
    expect(rig.server.stats()).toMatchObject({ connectionsRefused: 1, connections: 0 });
    expect(rig.errors).toMatchObject([{ error: { reason: "malformed" }, client: { address: "127.0.0.1" } }]);
  });

  test("those who know the path", async () => {
    const rig = await Rig.serve({ path: "/osc" });
    expect(await refusalOf(rig.url("/"))).toBe(404);
    expect(await (await Raw.open(rig.url("/osc?x"))).ask(1)).toBe(1);
  });

  test("nobody with a broken handshake", async () => {
    const rig = await Rig.serve();
    const socket = connect(rig.port, "127.0.0.1");
    socket.end("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\n\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /);
    expect(rig.codes()).toEqual(["OSC_REJECTED"]);
  });

  test("no browser that asks for a page: it is told what this is", async () => {
    const rig = await Rig.serve();
    expect((await fetch(`http://127.0.0.1:${rig.port}/`)).status).toBe(426);
  });
});

describe("WebSocket clients", () => {
  test("text is ignored, counted and reported once per client", async () => {
    const rig = await Rig.serve();
    const [first, second] = [await Raw.open(rig.url()), await Raw.open(rig.url())];
    for (let index = 0; index < 50; index += 1) first?.socket.send("/echo");
    second?.socket.send("{}");
    expect(await first?.ask(1)).toBe(1);
    expect(await second?.ask(2)).toBe(2);
    expect(rig.server.stats()).toMatchObject({ ignored: 51, received: 2, handled: 2 });
    expect(rig.errors).toMatchObject([{ error: { reason: "not-osc" } }, { error: { reason: "not-osc" } }]);
  });

  test("a frame of 100 MB is rejected before it arrives, and others continue", async () => {
    const rig = await Rig.serve();
    const other = await Raw.open(rig.url());
    const attacker = await Raw.open(rig.url());
    attacker.socket.send(new Uint8Array(100 * 1024 * 1024));
    expect([1009, 1006]).toContain(await attacker.closed);
    expect(await other.ask(1)).toBe(1);
    await until(() => rig.server.stats().connections === 1);
    expect(rig.errors[0]).toMatchObject({ error: { code: "OSC_DROPPED", limit: "maxPacketSize" } });
    expect(rig.server.stats()).toMatchObject({ received: 1, connectionsEnded: 1 });
  });

  test("a frame that violates the protocol ends only its own connection", async () => {
    const rig = await Rig.serve();
    const other = await Raw.open(rig.url());
    const attacker = await Raw.open(rig.url());
    (attacker.socket as unknown as { _socket: { write(bytes: Uint8Array): void } })._socket.write(Uint8Array.of(0xf2, 0x81, 0, 0, 0, 0, 0));
    await attacker.closed;
    await until(() => rig.server.stats().connections === 1);
    expect(await other.ask(1)).toBe(1);
    expect(rig.server.stats()).toMatchObject({ connectionsEnded: 1 });
    expect(rig.codes()[0]).toMatch(/^WS_ERR_/);
  });

  test("fragments of a packet are reassembled", async () => {
    const rig = await Rig.serve();
    const client = await Raw.open(rig.url());
    const bytes = encode(new OscMessage("/echo", "in pieces"));
    for (let at = 0; at < bytes.length; at += 5) client.socket.send(bytes.subarray(at, at + 5), { fin: at + 5 >= bytes.length });
    expect(await client.next()).toMatchObject({ args: ["in pieces"] });
  });

  test("a client that never reads loses the oldest packets, and only those", async () => {
    const rig = await Rig.serve({ maxBuffered: 256 * 1024 });
    const deaf = await Raw.open(rig.url());
    await until(() => rig.server.clients.size === 1);
    const [handle] = rig.server.clients;
    const other = await Raw.open(rig.url());
    deaf.socket.pause();
    const blob = new Uint8Array(10_000);
    const count = 3000;
    for (let index = 0; index < count; index += 1) {
      handle?.send(encode(new OscMessage("/n", [index, blob])));
      if (index % 10 === 9) expect(await other.ask(index)).toBe(index);
    }
    const { unsent } = rig.server.stats();
    expect(unsent).toBeGreaterThan(0);
    expect(rig.errors).toMatchObject([{ error: { code: "OSC_DROPPED", limit: "maxBuffered" } }]);
    deaf.socket.resume();
    const indexes: number[] = [];
    while (indexes.at(-1) !== count - 1) indexes.push(((await deaf.next()) as OscMessage).args[0] as number);
    expect(indexes.length + unsent).toBe(count);
    expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
  });

  test("or loses the newest", async () => {
    const rig = await Rig.serve({ maxBuffered: 64 * 1024, slowClients: "drop-newest" });
    const deaf = await Raw.open(rig.url());
    deaf.socket.pause();
    const blob = new Uint8Array(60_000);
    for (let index = 0; index < 300; index += 1) rig.server.broadcast(new OscMessage("/n", [index, blob]));
    const { unsent } = rig.server.stats();
    deaf.socket.resume();
    const indexes: number[] = [];
    while (indexes.length < 300 - unsent) indexes.push(((await deaf.next()) as OscMessage).args[0] as number);
    expect(indexes).toEqual(Array.from({ length: 300 - unsent }, (_, index) => index));
  });

  test("or is disconnected", async () => {
    const rig = await Rig.serve({ maxBuffered: 64 * 1024, slowClients: "disconnect" });
    const deaf = await Raw.open(rig.url());
    deaf.socket.pause();
    for (let index = 0; index < 300; index += 1) rig.server.broadcast(encode(new OscMessage("/n", new Uint8Array(60_000))));
    await until(() => rig.server.stats().connections === 0);
    expect(rig.server.stats()).toMatchObject({ connectionsEnded: 1 });
    expect(rig.errors).toMatchObject([{ error: { code: "OSC_DROPPED", limit: "maxBuffered" } }]);
  });

  test("an idle client is pinged, and disconnected if it doesn't answer", async () => {
    const rig = await Rig.serve({ pingInterval: 20, pingTimeout: 60 });
    const alive = await Raw.open(rig.url());
    const dead = await Raw.open(rig.url(), { autoPong: false });
    let pings = 0;
    alive.socket.on("ping", () => (pings += 1));
    expect(await dead.closed).toBe(1006);
    await until(() => pings > 3);
    expect(rig.errors).toMatchObject([{ error: { code: "OSC_TIMEOUT" } }]);
    expect(rig.server.stats()).toMatchObject({ connections: 1, connectionsEnded: 1 });
  });

  test("a client is paused, not dropped, while its packets are being handled", async () => {
    const rig = await Rig.serve({ maxPending: 4, maxQueue: 8, pingInterval: 10, pingTimeout: 10 });
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let most = 0;
    rig.dispatcher.map("/slow", async (_address, index) => {
      most = Math.max(most, rig.server.stats().inProgress);
      await gate;
      return new OscMessage("/done", index);
    });
    const client = await Raw.open(rig.url());
    for (let index = 0; index < 500; index += 1) client.say(new OscMessage("/slow", index));
    await until(() => rig.server.stats().inProgress === 4);
    release();
    for (let index = 0; index < 500; index += 1) expect(await client.next()).toMatchObject({ args: [index] });
    expect(most).toBeLessThanOrEqual(4);
    expect(rig.server.stats()).toMatchObject({ received: 500, handled: 500, dropped: 0, connections: 1 });
  });

  test("packets that a client sent before it disconnected are handled", async () => {
    const rig = await Rig.serve({ maxPending: 1 });
    const client = await Raw.open(rig.url());
    rig.dispatcher.map("/slow", () => new Promise((resolve) => setImmediate(resolve)));
    for (let index = 0; index < 50; index += 1) client.say(new OscMessage("/slow", index));
    client.socket.close();
    await client.closed;
    await until(() => rig.server.stats().handled === 50);
  });
});

describe("the server", () => {
  test("sends to all clients with broadcast(), and to each alone", async () => {
    const rig = await Rig.serve();
    const clients = [await Raw.open(rig.url()), await Raw.open(rig.url())];
    await until(() => rig.server.clients.size === 2);
    expect(rig.server.broadcast(new OscMessage("/all", 1))).toBe(2);
    for (const client of clients) expect(await client.next()).toMatchObject({ address: "/all" });
    for (const client of rig.server.clients) client.send(encode(new OscMessage("/one", client.address.address)));
    for (const client of clients) expect(await client.next()).toMatchObject({ address: "/one", args: ["127.0.0.1"] });
    expect(() => rig.server.broadcast({} as OscMessage)).toThrow(/packet|message/i);
  });

  test("attaches to an existing HTTP server at its own path, and leaves it running", async () => {
    const http = createServer((_request, response) => response.end("page"));
    http.on("upgrade", (request, socket) => {
      if (request.url === "/other") socket.end("HTTP/1.1 418 I'm a teapot\r\n\r\n");
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    onTestFinished(() => void http.close());
    const { port } = http.address() as AddressInfo;
    const rig = await Rig.serve({}, { server: http, path: "/osc" });
    expect(rig.port).toBe(port);
    const client = await Raw.open(rig.url("/osc"));
    expect(await client.ask(1)).toBe(1);
    expect(await refusalOf(rig.url("/other"))).toBe(418);
    await rig.server.close();
    expect(await client.closed).toBe(1001);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("page");
    expect(http.listenerCount("upgrade")).toBe(1);
  });

  test("reports that the HTTP server isn't listening yet", async () => {
    const server = new AsyncOSCWebSocketServer({ server: createServer() }, new Dispatcher());
    await expect(server.createServeEndpoint()).rejects.toMatchObject({ code: "OSC_WRONG_STATE" });
  });

  test("close() flushes, closes connections and frees the port, and the server can serve again", async () => {
    const port = await steadyPort();
    const rig = await Rig.serve({}, ["127.0.0.1", port]);
    const client = await Raw.open(rig.url());
    await until(() => rig.server.clients.size === 1);
    for (let index = 0; index < 100; index += 1) rig.server.broadcast(new OscMessage("/last", index));
    await rig.server.close();
    expect(await client.closed).toBe(1001);
    expect(client.packets).toHaveLength(100);
    const next = await Rig.serve({}, ["127.0.0.1", port]);
    await next.server.close();
    await rig.server.createServeEndpoint();
    expect(await (await Raw.open(rig.url())).ask(1)).toBe(1);
  });

  test("close() stops reading while a handler runs, however much a client sends", async () => {
    const rig = await Rig.serve();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    rig.dispatcher.map("/slow", async () => {
      await gate;
      return new OscMessage("/done");
    });
    const client = await Raw.open(rig.url());
    client.say(new OscMessage("/slow"));
    await until(() => rig.server.stats().inProgress === 1);
    const closed = rig.server.close();
    for (let index = 0; index < 2000; index += 1) client.say(new OscMessage("/large", new Uint8Array(8000)));
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    release();
    await closed;
    expect(await client.next()).toMatchObject({ address: "/done" });
    expect(rig.server.stats()).toMatchObject({ received: 1, handled: 1, dropped: 0, connections: 0 });
  });

  test("close() doesn't wait forever for a client that doesn't answer", async () => {
    const rig = await Rig.serve();
    const client = await Raw.open(rig.url());
    client.socket.pause();
    await rig.server.close();
    expect(rig.server.stats().connections).toBe(0);
  });

  test("reports EADDRINUSE for a taken port", async () => {
    const rig = await Rig.serve();
    await expect(Rig.serve({}, ["127.0.0.1", rig.port])).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  const wrong: readonly [string, object][] = [
    ["slowClients", { slowClients: "drop" }],
    ["origins", { origins: ["example.org"] }],
    ["origins", { origins: ["https://example.org/page"] }],
    ["path", { path: "osc" }],
    ["pingInterval", { pingInterval: 0 }],
    ["pingTimeout", { pingTimeout: HOUR * 24 * 40 }],
    ["maxBuffered", { maxBuffered: 0 }],
  ];

  test.each(wrong)("rejects an invalid %s immediately", (name, options) => {
    expect(() => new AsyncOSCWebSocketServer(["127.0.0.1", 0], new Dispatcher(), options)).toThrow(new RegExp(name));
  });
});
