import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { UDPClient } from "../../src/client/index.ts";
import { type OscBundle, OscMessage, decode, encode } from "../../src/codec/index.ts";
import { Namespace } from "../../src/namespace/index.ts";
import { OscRejectedError, OscSocketError } from "../../src/errors.ts";
import { type FeedEvent, encodeSend, readFeedEvent } from "../../src/monitor/protocol.ts";
import { Monitor, type MonitorOptions } from "../../src/monitor/monitor.ts";

const FILES = new URL("../../dist/page/", import.meta.url);
const SENDER = { address: "127.0.0.1", port: 9, family: "IPv4" } as const;
const PACKET = encode(new OscMessage("/a", 1));

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function openMonitor(options: Partial<MonitorOptions> = {}): Promise<{ monitor: Monitor; page: string }> {
  const monitor = new Monitor({
    files: FILES,
    createSender: (target, onError) => {
      const [host = "", port = ""] = target.split(":");
      return Promise.resolve({ sender: new UDPClient(host, Number(port), { onError }), transport: "udp" });
    },
    ...options,
  });
  const page = await monitor.open({ urls: ["osc.udp://127.0.0.1:1/"], target: "127.0.0.1:1" });
  cleanUps.push(() => monitor.close());
  return { monitor, page };
}

/** A page without a browser that collects feed events. */
class FakePage {
  readonly events: FeedEvent[] = [];
  readonly socket: WebSocket;
  readonly #waiting: (() => void)[] = [];

  constructor(page: string, query = "", headers: Readonly<Record<string, string>> = {}) {
    this.socket = new WebSocket(`${page.replace("http:", "ws:")}feed${query}`, { headers });
    this.socket.on("message", (data) => {
      const event = readFeedEvent(data as Buffer);
      if (event !== null) this.events.push(event);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.socket.on("error", () => undefined);
    cleanUps.push(() => this.socket.terminate());
  }

  async until<Found>(find: (events: readonly FeedEvent[]) => Found | undefined): Promise<Found> {
    for (;;) {
      const found = find(this.events);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The first event of a kind. */
  event<Kind extends FeedEvent["kind"]>(kind: Kind): Promise<Extract<FeedEvent, { kind: Kind }>> {
    return this.until((events) => events.find((event): event is Extract<FeedEvent, { kind: Kind }> => event.kind === kind));
  }

  /** The numbers of the first `count` entries. */
  numbers(count: number): Promise<number[]> {
    return this.until((events) => {
      const numbers = events.flatMap((event) => (event.kind === "entries" ? event.entries.map(({ number }) => number) : []));
      return numbers.length >= count ? numbers : undefined;
    });
  }
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

async function get(url: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Answer> {
  const asked = request(url, { headers, method }).end();
  const [response] = (await once(asked, "response")) as [AsyncIterable<Buffer> & { statusCode: number; headers: IncomingHttpHeaders }];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, text };
}

describe("the page", () => {
  test("is served with its files and a policy that blocks other scripts", async () => {
    const { page } = await openMonitor();
    const { status, headers, text } = await get(page);
    expect(status).toBe(200);
    expect(text).toContain("<title>Oscine monitor</title>");
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store" });
    const names = [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, name = ""]) => name);
    expect(names.toSorted()).toEqual(["./icon.svg", "./page.css", "./page.js"]);
    for (const name of names) expect((await get(`${page}${name}`)).status).toBe(200);
    expect(text).not.toMatch(/<script>|\son\w+=|style="/);
    expect((await get(page.slice(0, -1))).headers.location).toBe(new URL(page).pathname);
  });

  test("has a random URL", async () => {
    const [a, b] = [await openMonitor(), await openMonitor()];
    expect(new URL(a.page).pathname).toMatch(/^\/[\w-]{32}\/$/);
    expect(new URL(a.page).pathname).not.toBe(new URL(b.page).pathname);
  });

  test("closes connections without headers and idle ones, and keeps open pages", async () => {
    const { page } = await openMonitor();
    const { port, pathname } = new URL(page);
    const reader = new FakePage(page);
    await reader.event("hello");
    const silent = connect(Number(port), "127.0.0.1");
    const half = connect(Number(port), "127.0.0.1");
    half.write(`GET ${pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\n`);
    silent.resume();
    half.resume();
    await Promise.all([once(silent, "close"), once(half, "close")]);
    expect(reader.socket.readyState).toBe(WebSocket.OPEN);
  });

  test("replaces the oldest connection without a token by a new one and counts it", async () => {
    const { page } = await openMonitor();
    const { port } = new URL(page);
    const reader = new FakePage(page);
    await reader.event("hello");
    const strangers = Array.from({ length: 64 }, () => connect(Number(port), "127.0.0.1").resume());
    await Promise.all(strangers.map((socket) => once(socket, "connect")));
    const ended = once(strangers[0]!, "close");
    const one = connect(Number(port), "127.0.0.1").resume();
    await Promise.all([ended, once(one, "connect")]);
    expect((await get(page)).status).toBe(200);
    await expect.poll(() => reader.events.findLast((event) => event.kind === "status")?.status.evicted).toBeGreaterThanOrEqual(1);
    expect(reader.socket.readyState).toBe(WebSocket.OPEN);
    for (const socket of [...strangers, one]) socket.destroy();
  });

  test("fetches nothing from the network", async () => {
    const { page } = await openMonitor();
    for (const file of ["", "page.css"]) expect((await get(`${page}${file}`)).text).not.toMatch(/(?:https?:)?\/\/\w[\w.]*\.\w{2}/);
  });

  test.each([
    ["no token", "/", {}, 404],
    ["another token", `/${"x".repeat(32)}/`, {}, 404],
    ["the token's beginning", "TOKEN-1", {}, 404],
    ["an unknown file", "TOKEN/../monitor.js", {}, 404],
    ["another host name, as in DNS rebinding", "TOKEN/", { host: "evil.example:80" }, 403],
    ["another origin", "TOKEN/", { origin: "http://evil.example" }, 403],
    ["a similar origin", "TOKEN/", { origin: "http://127.0.0.1.evil.example" }, 403],
  ])("rejects a request with %s", async (_name, path, headers, status) => {
    const { page } = await openMonitor();
    const { origin, pathname } = new URL(page);
    const token = pathname.slice(0, -1);
    const url = origin + path.replace("TOKEN-1", token.slice(0, -1) + "/").replace("TOKEN", token);
    const answer = await get(url, headers);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain(token.slice(1));
  });

  test("answers on localhost, and only GET and HEAD", async () => {
    const { page } = await openMonitor();
    expect((await get(page, { host: `localhost:${new URL(page).port}` })).status).toBe(200);
    expect((await get(page, {}, "POST")).status).toBe(405);
  });

  test.each(["short", "with a slash / in it ok", "x".repeat(300)])("rejects the token %j", (token) => {
    expect(() => new Monitor({ token, createSender: () => expect.unreachable() })).toThrow(/16 to 256 characters/);
  });

  test("reports why it can't be served", async () => {
    const { page } = await openMonitor();
    const second = new Monitor({ port: Number(new URL(page).port), createSender: () => expect.unreachable() });
    await expect(second.open({ urls: [], target: "" })).rejects.toThrow(/Can't serve the monitor's page on 127\.0\.0\.1:\d+.*EADDRINUSE/);
    await second.close();
  });
});

describe("the feed", () => {
  test("sends a page the greeting, the history and then new entries", async () => {
    const { monitor, page } = await openMonitor();
    monitor.packet(PACKET, SENDER, "udp");
    monitor.problem(new OscSocketError("ENOBUFS", "full", "x"), SENDER);
    const reader = new FakePage(page);
    const { hello } = await reader.event("hello");
    expect(hello).toMatchObject({ listening: ["osc.udp://127.0.0.1:1/"], target: "127.0.0.1:1", newest: 2 });
    monitor.packet(PACKET, SENDER, "tcp");
    expect(await reader.numbers(3)).toEqual([1, 2, 3]);
    const entries = reader.events.flatMap((event) => (event.kind === "entries" ? event.entries : []));
    expect(entries).toMatchObject([
      { kind: "packet", from: "127.0.0.1:9", transport: "udp", bytes: PACKET },
      { kind: "problem", code: "ENOBUFS", message: "full" },
      { kind: "packet", transport: "tcp" },
    ]);
  });

  test("doesn't report decoding errors, which the page finds itself", async () => {
    const { monitor } = await openMonitor();
    monitor.problem(new OscRejectedError("malformed", "x"));
    expect(monitor.entries).toBe(0);
    monitor.problem(new OscRejectedError("sender", "x"));
    expect(monitor.entries).toBe(1);
  });

  test("resumes where a returning page stopped, or starts over after a restart", async () => {
    const { monitor, page } = await openMonitor();
    for (let count = 0; count < 4; count += 1) monitor.packet(PACKET, SENDER, "udp");
    const first = new FakePage(page);
    const { session } = (await first.event("hello")).hello;
    expect(await new FakePage(page, `?session=${session}&after=2`).numbers(2)).toEqual([3, 4]);
    expect(await new FakePage(page, "?session=other&after=2").numbers(4)).toEqual([1, 2, 3, 4]);
    expect(await new FakePage(page, `?session=${session}&after=nonsense`).numbers(4)).toEqual([1, 2, 3, 4]);
  });

  test("counts frames that aren't commands and continues", async () => {
    const { page } = await openMonitor();
    const reader = new FakePage(page);
    await reader.event("hello");
    reader.socket.send("/text");
    reader.socket.send(JSON.stringify({ send: 1 }));
    reader.socket.send(encode(new OscMessage("/unknown")));
    const ignored = await reader.until((events) =>
      events.flatMap((event) => (event.kind === "status" && event.status.ignoredFrames === 3 ? [event] : [])).at(-1),
    );
    expect(ignored.status.pages).toBe(1);
  });

  test("closes a connection with an oversized frame and serves the others", async () => {
    const { monitor, page } = await openMonitor();
    const other = new FakePage(page);
    const reader = new FakePage(page);
    await reader.event("hello");
    reader.socket.send(new Uint8Array(100 * 1024 * 1024));
    const [code] = (await once(reader.socket, "close")) as [number];
    expect([1006, 1009]).toContain(code);
    monitor.packet(PACKET, SENDER, "udp");
    expect(await other.numbers(1)).toEqual([1]);
  });

  test.each([
    ["no token", (page: string) => new URL("/", page).href, {}],
    ["a foreign origin", (page: string) => page, { origin: "http://evil.example" }],
    ["a foreign host", (page: string) => page, { host: "evil.example" }],
  ])("rejects a socket with %s", async (_name, place, headers) => {
    const { page } = await openMonitor();
    const { socket } = new FakePage(place(page), "", headers);
    const [error] = (await once(socket, "error")) as [Error];
    expect(error.message).toMatch(/40[34]/);
  });

  test("accepts a limited number of pages", async () => {
    const { page } = await openMonitor();
    for (let count = 0; count < 8; count += 1) await new FakePage(page).event("hello");
    const [error] = (await once(new FakePage(page).socket, "error")) as [Error];
    expect(error.message).toMatch(/503/);
  });

  test("drops and counts the oldest entries for a page that doesn't read, and bounds memory", async () => {
    const { monitor, page } = await openMonitor();
    const slow = new FakePage(page);
    const quick = new FakePage(page);
    await Promise.all([slow.event("hello"), quick.event("hello")]);
    slow.socket.pause();
    const large = encode(new OscMessage("/large", "x".repeat(8000)));
    const sent = 8000;
    for (let count = 0; count < sent; count += 1) {
      monitor.packet(large, SENDER, "udp");
      if (count % 100 === 99) await quick.numbers(count + 1);
    }
    slow.socket.resume();
    const numbers = await slow.until((events) => {
      const all = events.flatMap((event) => (event.kind === "entries" ? event.entries.map(({ number }) => number) : []));
      return all.at(-1) === sent ? all : undefined;
    });
    expect(await quick.numbers(sent)).toHaveLength(sent);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers);
    const dropped = sent - numbers.length;
    expect(dropped).toBeGreaterThan(0);
    const { status } = await slow.until((events) =>
      events.flatMap((event) => (event.kind === "status" && event.status.dropped > 0 ? [event] : [])).at(-1),
    );
    expect(status.dropped).toBe(dropped);
  });

  test("ends with the monitor, even if a connection is half open", async () => {
    const { monitor, page } = await openMonitor();
    const reader = new FakePage(page);
    await reader.event("hello");
    const half = connect(Number(new URL(page).port), "127.0.0.1");
    half.on("error", () => undefined);
    await once(half, "connect");
    const closed = once(reader.socket, "close");
    await monitor.close();
    expect((await closed)[0]).toBe(1001);
  });
});

describe("sending from the page", () => {
  test("shows the sending address and the reply", async () => {
    const echo = createSocket("udp4");
    echo.bind(0, "127.0.0.1");
    await once(echo, "listening");
    cleanUps.push(() => echo.close());
    echo.on("message", (_bytes, { port }) => echo.send(encode(new OscMessage("/reply", "hello")), port, "127.0.0.1"));
    const { page } = await openMonitor();
    const reader = new FakePage(page);
    await reader.event("hello");
    reader.socket.send(encodeSend({ id: 7, target: `127.0.0.1:${echo.address().port}`, packet: PACKET }));
    expect(await reader.event("sent")).toMatchObject({ id: 7, from: expect.stringMatching(/:\d+$/) as string });
    const { id, packet } = await reader.event("reply");
    expect(id).toBe(7);
    expect(packet).toMatchObject({ from: `127.0.0.1:${echo.address().port}`, bytes: encode(new OscMessage("/reply", "hello")) });
  });

  test.each([
    ["a name that doesn't resolve", "no-such-host.invalid:9", PACKET, /no-such-host\.invalid/],
    ["an invalid port", "127.0.0.1:99999", PACKET, /Port must be an integer/],
    ["bytes that aren't a packet", "127.0.0.1:9", new Uint8Array(3), /byte/],
  ])("reports what is wrong with %s", async (_name, target, packet, message) => {
    const { page } = await openMonitor();
    const reader = new FakePage(page);
    await reader.event("hello");
    reader.socket.send(encodeSend({ id: 1, target, packet }));
    expect((await reader.event("failed")).message).toMatch(message);
  });
});

describe("methods", () => {
  /** The newest tree that a page got. */
  const newest = (page: FakePage, wanted: (event: Extract<FeedEvent, { kind: "methods" }>) => boolean): Promise<FeedEvent> =>
    page.until((events) => events.findLast((event) => event.kind === "methods" && wanted(event)));

  test("are sent to each page with their values, again when the tree changes, and new values as packets", async () => {
    const namespace = new Namespace();
    namespace.add("/gain", { types: "f", range: [{ min: 0, max: 1 }], unit: "gain", description: "Fader", value: [0.5] });
    namespace.add("/secret", { types: "i", access: "write", value: [1] });
    const { page } = await openMonitor({ methods: { name: "Mixer", target: "http://127.0.0.1:1", namespace } });
    const first = new FakePage(page);
    const { methods, values } = await first.event("methods");
    expect(methods).toEqual({
      name: "Mixer",
      target: "http://127.0.0.1:1",
      total: 2,
      methods: [
        { address: "/gain", types: "f", access: "readwrite", description: "Fader", unit: ["gain"], range: [{ min: 0, max: 1 }] },
        { address: "/secret", types: "i", access: "write" },
      ],
    });
    expect(decode(values)).toMatchObject({ elements: [{ address: "/gain", args: [0.5] }] });
    namespace.set("/gain", [0.25]);
    namespace.set("/secret", [2]);
    const [entry] = (await first.event("entries")).entries;
    expect(entry).toMatchObject({ kind: "packet", from: "127.0.0.1:1", transport: "oscquery" });
    for (let index = 0; index < 6000; index += 1) namespace.add(`/many/${index}`, { types: "i", description: "x".repeat(1000) });
    await newest(first, (event) => event.methods.total === 6002 && event.methods.methods.length === 5000);
    const late = await new FakePage(page).event("methods");
    expect(decode(late.values)).toMatchObject({ elements: [{ address: "/gain", args: [0.25] }] });
    expect(late.methods.methods[10]?.description).toHaveLength(300);
  });

  test("are resent to a page that lost packets, which may have held the newest values", async () => {
    const namespace = new Namespace();
    namespace.add("/gain", { types: "i", value: [0] });
    const { monitor, page } = await openMonitor({ methods: { name: "", target: "http://127.0.0.1:1", namespace } });
    const slow = new FakePage(page);
    await slow.event("methods");
    slow.socket.pause();
    namespace.set("/gain", [7]);
    // More than the socket and the page's queue can hold.
    const bytes = encode(new OscMessage("/a", [new Uint8Array(60_000)])).slice();
    for (let count = 0; count < 400; count += 1) monitor.packet(bytes, SENDER, "udp");
    await new Promise((resolve) => setImmediate(resolve));
    slow.socket.resume();
    await newest(slow, ({ values }) => ((decode(values) as OscBundle).elements[0] as OscMessage).args[0] === 7);
  });
});
