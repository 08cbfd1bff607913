import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type ConnectionState,
  SimpleTCPClient,
  TCPClient,
  type TCPClientArguments,
  type TCPClientOptions,
  TCPDispatchClient,
} from "../../src/client/index.ts";
import { OscMessage, type OscPacket, type OscValue, decode, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { OscServerError } from "../../src/errors.ts";
import { type Framing, createFrameDecoder, encodeFrame } from "../../src/framing/index.ts";
import { AsyncOSCTCPServer } from "../../src/server/index.ts";
import { Changes, Gate, LOCAL, eventually, serve, turns } from "../server/tcp-fixtures.ts";
import { Reports, collect } from "./clients.ts";
import { steadyPort } from "../steady-port.ts";

const QUICK = { minDelay: 1, maxDelay: 5 };
const FRAMINGS = ["1.0", "1.1"] as const satisfies readonly Framing[];
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** The other side, in the hands of the test: keeps what arrives, and takes and breaks connections when it is told to. */
class TestServer {
  readonly server: Server;
  readonly sockets: Socket[] = [];
  readonly arrived: OscPacket[] = [];
  readonly changes = new Changes();
  readonly #framing: Framing;

  constructor(framing: Framing = "1.1") {
    this.#framing = framing;
    this.server = createServer((socket) => {
      this.sockets.push(socket);
      const decoder = createFrameDecoder(framing, {
        onPacket: (packet) => {
          this.arrived.push(decode(packet));
          this.changes.happen();
        },
        onError: () => undefined,
      });
      socket.on("data", (bytes: Uint8Array) => decoder.push(bytes));
      socket.on("error", () => undefined);
      this.changes.happen();
    });
    onTestFinished(() => this.stop());
  }

  static async listen(framing: Framing = "1.1", port = 0): Promise<TestServer> {
    const server = new TestServer(framing);
    server.server.listen(port, LOCAL);
    await once(server.server, "listening");
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get addresses(): string[] {
    return this.arrived.map((packet) => (packet instanceof OscMessage ? packet.address : "a bundle"));
  }

  say(...packets: OscPacket[]): void {
    for (const packet of packets) this.sockets.at(-1)?.write(encodeFrame(encode(packet), this.#framing));
  }

  async connection(count: number): Promise<Socket> {
    await this.changes.until(() => this.sockets.length >= count);
    return this.sockets[count - 1] as Socket;
  }

  /** Ends all connections and gives the port back. */
  async stop(how: "end" | "reset" = "reset"): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, "close");
    this.server.close();
    for (const socket of this.sockets) {
      if (how === "reset") socket.resetAndDestroy();
      else socket.end();
    }
    await closed;
  }
}

/** A client whose states are kept, closed when the test is over. */
function tcpClient(
  port: number,
  options: TCPClientOptions = {},
): {
  client: SimpleTCPClient;
  reports: Reports;
  states: ConnectionState[];
  changes: Changes;
  state: (wanted: ConnectionState) => Promise<void>;
} {
  const reports = new Reports();
  const states: ConnectionState[] = [];
  const changes = new Changes();
  const client = new SimpleTCPClient(LOCAL, port, { onError: reports.listener, closeTimeout: 200, ...options });
  client.on("state", (state) => {
    states.push(state);
    changes.happen();
  });
  onTestFinished(() => client.close());
  return { client, reports, states, changes, state: (wanted) => changes.until(() => client.state === wanted) };
}

describe("a TCP client", () => {
  test.each(FRAMINGS)("sends, receives and requests in framing %s", async (framing) => {
    const { server, dispatcher } = await serve({ framing });
    dispatcher.map("/add", (_address: string, a: number, b: number) => ["/add", a + b]);
    const { client } = tcpClient(server.serverAddress.port, { framing });
    await client.sendMessage("/echo", [1, "two", new Uint8Array([0xc0, 0xdb])]);
    const [echoed] = await collect(client.messages({ timeout: 100 }));
    expect(echoed).toMatchObject({ address: "/echoed", args: [1, "two", new Uint8Array([0xc0, 0xdb])] });
    expect((await client.request("/add", [20, 22])).args).toEqual([42]);
    expect(client.stats()).toMatchObject({ sent: 2, received: 2, connects: 1, unsent: 0, overflowed: 0, inDoubt: 0 });
  });

  test("uses SLIP by default, and takes mode for framing", async () => {
    for (const [options, framing] of [
      [{}, "1.1"],
      [{ mode: "1.0" }, "1.0"],
    ] as const) {
      const server = await TestServer.listen(framing);
      const { client } = tcpClient(server.port, options);
      await client.sendMessage("/hello");
      await server.changes.until(() => server.arrived.length === 1);
      expect(server.addresses).toEqual(["/hello"]);
    }
  });

  test("sends everything in order, in few writes", async () => {
    const { server, dispatcher } = await serve();
    const seen: OscValue[] = [];
    dispatcher.map("/n", (_address: string, index: OscValue) => void seen.push(index));
    const { client } = tcpClient(server.serverAddress.port);
    await Promise.all(numbers(5000).map((index) => client.sendMessage("/n", index)));
    await eventually(() => seen.length === 5000);
    expect(seen).toEqual(numbers(5000));
  });

  test("rejects an empty packet, which no framing can carry, and goes on", async () => {
    const server = await TestServer.listen();
    const { client } = tcpClient(server.port);
    await expect(client.sendBytes(new Uint8Array(0))).rejects.toMatchObject({ code: "OSC_VALUE_OUT_OF_RANGE" });
    await client.sendMessage("/after");
    await server.changes.until(() => server.addresses.includes("/after"));
    expect(client.stats()).toMatchObject({ sent: 1, sendErrors: 1, inDoubt: 0 });
  });

  test("works over a Unix domain socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "oscine-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "osc.sock");
    await serve({ address: { path } });
    await using client = new SimpleTCPClient({ path }, { framing: "1.0" });
    expect((await client.request("/echo", "by path", { replyTo: "/echoed" })).args).toEqual(["by path"]);
    const [received] = await (async () => {
      await client.sendMessage("/echo", 2);
      return collect(client.receive({ timeout: 50 }));
    })();
    expect(received?.from).toEqual({ address: "", port: 0, family: "unix" });
    await using nobody = new TCPClient({ path: `${path}.missing` });
    await expect(nobody.connect()).rejects.toMatchObject({ code: "ENOENT", address: `${path}.missing` });
  });

  test("returns the local address from connect(), and the server's with each message", async () => {
    const server = await TestServer.listen();
    const { client, states } = tcpClient(server.port);
    expect([client.state, client.clientAddress]).toEqual(["disconnected", null]);
    const address = await client.connect();
    const socket = await server.connection(1);
    expect(address).toEqual({ address: LOCAL, port: socket.remotePort, family: "IPv4" });
    expect(client.clientAddress).toEqual(address);
    expect(await client.connect()).toEqual(address);
    expect(await client.open()).toEqual(address);
    server.say(new OscMessage("/x"));
    for await (const { from } of client.receive()) {
      expect(from).toEqual({ address: LOCAL, port: server.port, family: "IPv4" });
      break;
    }
    await client.close();
    expect(client.clientAddress).toBeNull();
    expect(states).toEqual(["connecting", "connected", "closed"]);
  });

  test("removes a listener, and reports one that throws", async () => {
    const server = await TestServer.listen();
    const { client, reports } = tcpClient(server.port);
    let calls = 0;
    const listener = (): void => {
      calls += 1;
      throw new RangeError("on purpose");
    };
    client.on("state", listener);
    await client.connect();
    expect(calls).toBe(2);
    client.off("state", listener);
    await client.close();
    expect(calls).toBe(2);
    expect(reports.codes).toEqual(["OSC_HANDLER_FAILED", "OSC_HANDLER_FAILED"]);
  });

  test("handles messages and replies as TCPDispatchClient", async () => {
    const server = await TestServer.listen();
    const client = new TCPDispatchClient(LOCAL, server.port, { dispatcher: new Dispatcher() });
    onTestFinished(() => client.close());
    const seen: unknown[] = [];
    client.dispatcher.map("/gain", (_address: string, gain: number) => void seen.push(gain));
    client.dispatcher.map("/ping", () => "/pong");
    await client.sendMessage("/hello");
    await server.connection(1);
    server.say(new OscMessage("/gain", 0.5), new OscMessage("/ping"), new OscMessage("/gain", 0.75));
    expect(await client.handleMessages({ timeout: 100 })).toBe(3);
    expect(seen).toEqual([0.5, 0.75]);
    await server.changes.until(() => server.addresses.includes("/pong"));
  });
});

describe("connect()", () => {
  test("rejects if nobody listens, and doesn't retry by itself", async () => {
    const { client, states } = tcpClient(await steadyPort());
    await expect(client.connect()).rejects.toMatchObject({ code: "ECONNREFUSED", message: expect.stringContaining("start the receiver") });
    await turns();
    expect(states).toEqual(["connecting", "disconnected"]);
  });

  test("gives up when its signal is aborted", async () => {
    // A server whose queue of connections is full answers nobody; a host name is looked up in its own time: neither can be had here for sure,
    // so that the attempt is watched rather than its end.
    const server = await TestServer.listen();
    const { client, states } = tcpClient(server.port);
    await expect(client.connect({ signal: AbortSignal.abort(new RangeError("before")) })).rejects.toThrow("before");
    const abort = new AbortController();
    const connecting = client.connect({ signal: abort.signal });
    abort.abort(new RangeError("meanwhile"));
    await expect(connecting).rejects.toThrow("meanwhile");
    expect(states).toEqual(["connecting", "disconnected"]);
    expect(client.state).toBe("disconnected");
    await client.connect();
    expect(client.state).toBe("connected");
  });

  test("leaves the attempt to another caller when one gives up", async () => {
    const server = await TestServer.listen();
    const { client } = tcpClient(server.port);
    const abort = new AbortController();
    const [first, second] = [client.connect({ signal: abort.signal }), client.connect()];
    abort.abort(new RangeError("meanwhile"));
    await expect(first).rejects.toThrow("meanwhile");
    expect(await second).toMatchObject({ address: LOCAL });
  });

  test("rejects when the client is closed", async () => {
    const server = await TestServer.listen();
    const { client } = tcpClient(server.port);
    const connecting = client.connect();
    const rejected = expect(connecting).rejects.toMatchObject({ code: "OSC_CLOSED" });
    await client.close();
    await rejected;
    expect(client.state).toBe("closed");
  });

  test("reopens a closed client", async () => {
    const server = await TestServer.listen();
    const { client } = tcpClient(server.port);
    await client.connect();
    await client.close();
    await expect(client.sendMessage("/x")).rejects.toMatchObject({ code: "OSC_CLOSED" });
    await client.connect();
    await client.sendMessage("/again");
    await server.changes.until(() => server.addresses.includes("/again"));
  });
});

describe("reconnection", () => {
  test("keeps packets for a server that isn't there yet, reports that once, and sends them in order when it is", async () => {
    const port = await steadyPort();
    const { client, reports, states, changes } = tcpClient(port, { reconnect: QUICK, maxReports: 1000 });
    const sends = numbers(100).map((index) => client.sendMessage("/n", index));
    await changes.until(() => states.filter((state) => state === "disconnected").length >= 3);
    expect(reports.codes).toEqual(["ECONNREFUSED"]);
    expect(reports.all[0]?.error.message).toMatch(/\(ECONNREFUSED\)\. Reconnecting, 100 packets wait\.$/);
    expect(client.stats()).toMatchObject({ unsent: 100, connects: 0 });
    const server = await TestServer.listen("1.1", port);
    await Promise.all(sends);
    await server.changes.until(() => server.arrived.length === 100);
    expect(server.arrived.map((packet) => (packet as OscMessage).args[0])).toEqual(numbers(100));
    expect(states.slice(0, 3)).toEqual(["connecting", "disconnected", "connecting"]);
    expect(client.state).toBe("connected");
  });

  test.each(["end", "reset"] as const)("restores a lost connection (%s), also if nothing waits for it", async (how) => {
    const server = await TestServer.listen();
    const { client, state } = tcpClient(server.port, { reconnect: QUICK });
    await client.connect();
    const first = await server.connection(1);
    if (how === "end") first.end();
    else first.resetAndDestroy();
    await server.connection(2);
    await state("connected");
    expect(client.stats().connects).toBe(2);
    await client.sendMessage("/after");
    await server.changes.until(() => server.addresses.includes("/after"));
  });

  test("keeps messages() and request() going across a broken connection", async () => {
    const server = await TestServer.listen();
    const { client, state } = tcpClient(server.port, { reconnect: QUICK });
    const messages = client.messages();
    const first = messages.next();
    await server.connection(1);
    await state("connected");
    server.say(new OscMessage("/one"));
    expect((await first).value).toMatchObject({ address: "/one" });
    const second = messages.next();
    server.sockets[0]?.resetAndDestroy();
    const socket = await server.connection(2);
    await state("connected");
    server.say(new OscMessage("/two"));
    expect((await second).value).toMatchObject({ address: "/two" });
    socket.resetAndDestroy();
    await state("disconnected");
    const asked = client.request("/ask", [], { timeout: 5000, replyTo: "/answer" });
    await server.changes.until(() => server.addresses.includes("/ask"));
    server.say(new OscMessage("/answer", 42));
    expect((await asked).args).toEqual([42]);
  });

  test("delivers or rejects every packet that TCP hasn't taken while a server restarts", async () => {
    const seen = new Set<OscValue>();
    const dispatcher = new Dispatcher();
    dispatcher.map("/n", (_address: string, index: OscValue) => void seen.add(index));
    const start = async (port: number): Promise<AsyncOSCTCPServer> => {
      const server = new AsyncOSCTCPServer([LOCAL, port], dispatcher, { onError: () => undefined });
      await server.createServeEndpoint();
      return server;
    };
    const port = await steadyPort();
    let server = await start(port);
    const { client } = tcpClient(port, { reconnect: QUICK, maxReports: 1 });
    const accepted: number[] = [];
    const rejected: number[] = [];
    const received = { total: 0, handled: 0, dropped: 0 };
    let index = 0;
    for (const _restart of numbers(5)) {
      for (const _send of numbers(400)) {
        const own = index++;
        void client.sendMessage("/n", own).then(
          () => accepted.push(own),
          () => rejected.push(own),
        );
        if (own % 50 === 0) await turns(1);
      }
      const stats = (): ReturnType<typeof server.stats> => server.stats();
      await server.close();
      received.total += stats().received;
      received.handled += stats().handled;
      received.dropped += stats().dropped;
      server = await start(port);
    }
    await eventually(() => accepted.length + rejected.length === 2000);
    await client.close();
    await server.close();
    const { received: last, handled, dropped } = server.stats();
    received.total += last;
    received.handled += handled;
    received.dropped += dropped;
    // Every packet has its fate, and both sides have counted.
    expect(new Set([...accepted, ...rejected]).size).toBe(2000);
    expect(client.stats()).toMatchObject({ sent: accepted.length, sendErrors: rejected.length, unsent: 0 });
    expect(client.stats().inDoubt).toBe(rejected.length);
    expect(received.handled + received.dropped).toBe(received.total);
    expect(seen.size).toBe(received.handled);
    // What was rejected and arrived all the same is what was in doubt, and no more.
    expect(received.total).toBeLessThanOrEqual(2000);
    expect(client.stats().connects).toBeGreaterThan(1);
  });

  test("gives up after maxAttempts until it is used again", async () => {
    const port = await steadyPort();
    const { client, states } = tcpClient(port, { reconnect: { ...QUICK, maxAttempts: 2 } });
    await expect(client.sendMessage("/x")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(states).toEqual(["connecting", "disconnected", "connecting", "disconnected", "connecting", "disconnected"]);
    const server = await TestServer.listen("1.1", port);
    await client.sendMessage("/y");
    await server.changes.until(() => server.addresses.includes("/y"));
  });

  test("rejects waiting packets, ends iterations and requests with reconnect: false, and connects again at the next use", async () => {
    const port = await steadyPort();
    const { client, states } = tcpClient(port, { reconnect: false });
    await expect(client.sendMessage("/x")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await expect(collect(client.messages())).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const server = await TestServer.listen("1.1", port);
    const messages = collect(client.messages());
    await server.connection(1);
    const asked = client.request("/ask", [], { timeout: 10_000 });
    const askedRejected = expect(asked).rejects.toMatchObject({ code: "OSC_CLOSED" });
    await server.changes.until(() => server.addresses.includes("/ask"));
    server.sockets[0]?.end();
    expect(await messages).toEqual([]);
    await askedRejected;
    expect(states.at(-1)).toBe("disconnected");
    await client.sendMessage("/y");
    await server.changes.until(() => server.addresses.includes("/y"));
    expect(client.stats().connects).toBe(2);
  });

  test("makes growing pauses, also if connections are accepted and dropped at once", async () => {
    // A server that takes connections and ends them at once.
    const server = createServer((socket) => socket.resetAndDestroy());
    let count = 0;
    const changes = new Changes();
    server.on("connection", () => {
      count += 1;
      changes.happen();
    });
    server.listen(0, LOCAL);
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { client } = tcpClient((server.address() as AddressInfo).port, { reconnect: { minDelay: 4, maxDelay: 1000 } });
    const began = performance.now();
    void collect(client.messages());
    await changes.until(() => count >= 5);
    // At the least half of 4 + 8 + 16 + 32.
    expect(performance.now() - began).toBeGreaterThan(29);
  });
});

describe("what waits to be sent", () => {
  test.each([
    ["drop-newest", [0, 1, 2], [3, 4]],
    ["drop-oldest", [2, 3, 4], [0, 1]],
  ] as const)("%s: maxUnsent is kept, and those lost are told and counted", async (overflow, kept, lost) => {
    const port = await steadyPort();
    const { client } = tcpClient(port, { reconnect: { minDelay: 20, maxDelay: 20 }, maxUnsent: 3, overflow });
    const outcomes = Promise.allSettled(numbers(5).map((index) => client.sendMessage("/n", index)));
    expect(client.stats()).toMatchObject({ unsent: 3, overflowed: 2 });
    const server = await TestServer.listen("1.1", port);
    const settled = await outcomes;
    expect(settled.flatMap(({ status }, index) => (status === "rejected" ? [index] : []))).toEqual(lost);
    expect(settled[lost[0]]).toMatchObject({ reason: { code: "OSC_DROPPED", limit: "maxUnsent" } });
    await server.changes.until(() => server.arrived.length === 3);
    expect(server.arrived.map((packet) => (packet as OscMessage).args[0])).toEqual(kept);
    expect(client.stats()).toMatchObject({ sent: 3, sendErrors: 2, unsent: 0 });
  });

  test("rejects a packet that has waited for a connection longer than maxUnsentTime, and goes on trying", async () => {
    const port = await steadyPort();
    const { client } = tcpClient(port, { reconnect: QUICK, maxUnsentTime: 50 });
    const began = performance.now();
    const error: unknown = await client.sendMessage("/old").catch((thrown: unknown) => thrown);
    expect(performance.now() - began).toBeGreaterThanOrEqual(50);
    expect(error).toMatchObject({ code: "OSC_DROPPED", limit: "maxUnsentTime", message: expect.stringContaining("ECONNREFUSED") });
    const late = client.sendMessage("/new");
    const server = await TestServer.listen("1.1", port);
    await late;
    await server.changes.until(() => server.arrived.length === 1);
    expect(server.addresses).toEqual(["/new"]);
    expect(client.stats()).toMatchObject({ sent: 1, sendErrors: 1, unsent: 0, overflowed: 0 });
  });

  test('offline: "reject" rejects packets when an attempt fails and between attempts, and sends again after it', async () => {
    const port = await steadyPort();
    const { client, state } = tcpClient(port, { reconnect: { minDelay: 50, maxDelay: 50 }, offline: "reject" });
    const messages = collect(client.messages());
    await expect(client.sendMessage("/during")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(client.state).toBe("disconnected");
    await expect(client.sendMessage("/between")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(client.stats()).toMatchObject({ unsent: 0, sendErrors: 2 });
    const server = await TestServer.listen("1.1", port);
    await state("connected");
    await client.sendMessage("/after");
    await server.changes.until(() => server.addresses.includes("/after"));
    await client.close();
    expect(await messages).toEqual([]);
  });

  test("keeps maxUnsentBytes", async () => {
    const { client } = tcpClient(await steadyPort(), { maxUnsentBytes: 100 });
    const first = client.sendMessage("/n", new Uint8Array(60));
    await expect(client.sendMessage("/n", new Uint8Array(60))).rejects.toMatchObject({ limit: "maxUnsentBytes" });
    void first.catch(() => undefined);
  });

  test("holds up promises and queues packets within limits if the server doesn't read", async () => {
    const { server, dispatcher } = await serve({ maxPending: 1 });
    const gate = new Gate();
    const seen: number[] = [];
    dispatcher.map("/slow", async (_address: string, index: number) => {
      await gate.opened;
      seen.push(index);
    });
    const { client } = tcpClient(server.serverAddress.port, { maxUnsent: 100, maxUnsentBytes: 100_000_000 });
    await client.connect();
    let taken = 0;
    const sends = numbers(300).map((index) => client.sendMessage("/slow", [index, new Uint8Array(100_000)]));
    for (const send of sends) void send.then(() => (taken += 1)).catch(() => undefined);
    let before = -1;
    while (before !== taken) {
      before = taken;
      await turns(30);
    }
    expect(client.stats()).toMatchObject({ sent: taken, connects: 1 });
    expect(client.stats().unsent).toBeGreaterThan(0);
    expect(client.stats().unsent).toBeLessThanOrEqual(100);
    gate.open();
    const outcomes = await Promise.allSettled(sends);
    const arrived = outcomes.flatMap(({ status }, index) => (status === "fulfilled" ? [index] : []));
    await eventually(() => seen.length === arrived.length);
    expect(seen).toEqual(arrived);
  });

  test("sends waiting packets in close() if a connection is being made", async () => {
    const server = await TestServer.listen();
    const { client } = tcpClient(server.port, { closeTimeout: 5000 });
    const sends = numbers(100).map((index) => client.sendMessage("/n", index));
    await client.close();
    await Promise.all(sends);
    await server.changes.until(() => server.arrived.length === 100);
  });

  test("rejects waiting packets in close() between two attempts", async () => {
    const { client, reports } = tcpClient(await steadyPort(), { reconnect: { minDelay: 60_000, maxDelay: 60_000 }, closeTimeout: 60_000 });
    const send = client.sendMessage("/x");
    const rejected = expect(send).rejects.toMatchObject({ code: "OSC_CLOSED" });
    await reports.atLeast(1);
    await client.close();
    await rejected;
    expect(client.stats()).toMatchObject({ sent: 0, sendErrors: 1, unsent: 0 });
  });

  test("limits close() by closeTimeout if the server doesn't read", async () => {
    const server = await TestServer.listen();
    server.server.on("connection", (socket) => socket.pause());
    const { client } = tcpClient(server.port, { closeTimeout: 20, maxUnsentBytes: 1e9 });
    const outcomes = Promise.allSettled(numbers(300).map((index) => client.sendMessage("/n", [index, new Uint8Array(100_000)])));
    await client.connect();
    await turns();
    await client.close();
    const codes = (await outcomes).flatMap((one) => (one.status === "rejected" ? [(one.reason as { code: string }).code] : []));
    expect(codes.length).toBeGreaterThan(0);
    expect(new Set(codes)).toEqual(new Set(["OSC_CLOSED"]));
  });
});

describe("what a server sends", () => {
  test("reports a broken SLIP frame and loses only that frame", async () => {
    const server = await TestServer.listen();
    const { client, reports } = tcpClient(server.port);
    await client.connect();
    const socket = await server.connection(1);
    socket.write(Uint8Array.of(0xc0, 0x2f, 0xdb, 0x01, 0xc0));
    server.say(new OscMessage("/after"));
    for await (const message of client.messages()) {
      expect(message.address).toBe("/after");
      break;
    }
    expect(reports.all).toMatchObject([{ error: { code: "OSC_FRAME_BAD_ESCAPE" }, address: { port: server.port } }]);
  });

  test("reconnects after an impossible size", async () => {
    const server = await TestServer.listen("1.0");
    const { client, reports } = tcpClient(server.port, { framing: "1.0", reconnect: QUICK });
    await client.connect();
    (await server.connection(1)).write(Uint8Array.of(0x7f, 0xff, 0xff, 0xff));
    await server.connection(2);
    expect(reports.codes).toEqual(["OSC_FRAME_TOO_LARGE"]);
  });

  test("reports a frame that the end of the connection cuts off", async () => {
    const server = await TestServer.listen("1.0");
    const { client, reports } = tcpClient(server.port, { framing: "1.0", reconnect: false });
    await client.connect();
    (await server.connection(1)).end(Uint8Array.of(0, 0, 0, 8, 0x2f, 0x61));
    await reports.atLeast(1);
    expect(reports.codes).toEqual(["OSC_FRAME_TRUNCATED"]);
  });
});

describe("options", () => {
  const wrong: readonly [TCPClientOptions, named: string][] = [
    [{ framing: "auto" as "1.0" }, "framing"],
    [{ mode: "1.0", framing: "1.1" }, "mode"],
    [{ connectTimeout: -1 }, "connectTimeout"],
    [{ reconnect: { minDelay: 0 } }, "minDelay"],
    [{ reconnect: { minDelay: 10, maxDelay: 5 } }, "maxDelay"],
    [{ reconnect: { maxAttempts: 0 } }, "maxAttempts"],
    [{ maxUnsent: 0 }, "maxUnsent"],
    [{ maxUnsentBytes: 1.5 }, "maxUnsentBytes"],
    [{ overflow: "drop" as "drop-oldest" }, "overflow"],
    [{ closeTimeout: Number.NaN }, "closeTimeout"],
    [{ maxPacketSize: 2 }, "maxPacketSize"],
  ];
  test.each(wrong)("rejects %o at once", (options, named) => {
    const make = (): TCPClient => new TCPClient(LOCAL, 9000, options);
    expect(make).toThrow(OscServerError);
    expect(make).toThrow(expect.objectContaining({ code: "OSC_OPTION", message: expect.stringContaining(named) }));
  });

  test.each([[["", 9000]], [[LOCAL, 0]], [[LOCAL, "9000"]], [[{ path: "" }]], [[{}]]])("rejects the address %o", (args) => {
    expect(() => new TCPClient(...(args as unknown as TCPClientArguments<TCPClientOptions>))).toThrow(
      expect.objectContaining({ code: "OSC_OPTION" }),
    );
  });
});
