import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, describe, expect, test } from "vitest";
import { OscBundle, OscMessage, type OscPacket, type OscValue, TimeTag, decode, encode } from "../../src/codec/index.ts";
import { Dispatcher, type HandlerContext } from "../../src/dispatch/index.ts";
import type { OscError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { AsyncIOOSCUDPServer, AsyncOSCUDPServer as AnyServer, type AsyncUdpServerOptions } from "../../src/server/index.ts";
import { nativeSockets } from "../../src/transport/native/self-test.ts";
import { ManualClock } from "../dispatch/manual-clock.ts";
import type { AddressLike } from "../../src/server/options.ts";
import { nameOf } from "./fixtures.ts";
import { Program } from "./program.ts";

const LOCAL = "127.0.0.1";
const native = process.env["OSCINE_TEST_NATIVE"] === "false" ? false : "auto";
const backend = native === false || nativeSockets() instanceof Error ? "portable" : "native";

/** The server over the sockets that are tested. */
class AsyncOSCUDPServer extends AnyServer {
  constructor(address: AddressLike, dispatcher: Dispatcher, options: AsyncUdpServerOptions = {}) {
    super(address, dispatcher, { native, ...options });
  }
}

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step();
});

/** A program on the other side: sends packets to a server, and waits for what it sends. */
class Correspondent {
  readonly socket: Socket;
  readonly #port: number;
  readonly #host: string;
  readonly #arrived: OscPacket[] = [];
  #wake: (() => void) | null = null;

  private constructor(socket: Socket, port: number, host: string) {
    this.socket = socket;
    this.#port = port;
    this.#host = host;
    socket.on("message", (data) => {
      this.#arrived.push(decode(data));
      this.#wake?.();
    });
  }

  static async of(server: { readonly serverAddress: NetAddress }, host = LOCAL): Promise<Correspondent> {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    await new Promise<void>((resolve) => socket.bind(0, host, resolve));
    cleanUp.push(async () => {
      socket.close();
      await once(socket, "close");
    });
    return new Correspondent(socket, server.serverAddress.port, host);
  }

  get address(): NetAddress {
    const { address, port, family } = this.socket.address();
    return { address, port, family: family === "IPv6" ? "IPv6" : "IPv4" };
  }

  send(...packets: (OscPacket | Uint8Array)[]): void {
    for (const packet of packets) this.socket.send(packet instanceof Uint8Array ? packet : encode(packet), this.#port, this.#host);
  }

  async next(): Promise<OscPacket> {
    while (this.#arrived.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#arrived.shift() as OscPacket;
  }

  async nextMessage(): Promise<[string, ...unknown[]]> {
    const packet = await this.next();
    if (!(packet instanceof OscMessage)) throw new Error("a bundle came");
    return [packet.address, ...packet.args];
  }
}

interface Served {
  readonly server: AsyncOSCUDPServer;
  readonly dispatcher: Dispatcher;
  readonly errors: [OscError, NetAddress | undefined][];
  /** Resolves when that many errors have been reported. */
  readonly reported: (count: number) => Promise<void>;
}

async function serve(options: AsyncUdpServerOptions = {}, dispatcher = new Dispatcher(), make = AsyncOSCUDPServer): Promise<Served> {
  const errors: [OscError, NetAddress | undefined][] = [];
  let changed = (): void => undefined;
  const server = new make([LOCAL, 0], dispatcher, {
    onError: (error, client) => {
      errors.push([error, client]);
      changed();
    },
    ...options,
  });
  dispatcher.map("/sync", (_address: string, ...args: OscValue[]) => ["/synced", ...args]);
  await server.createServeEndpoint();
  cleanUp.push(() => server.close());
  const reported = async (count: number): Promise<void> => {
    while (errors.length < count) {
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };
  return { server, dispatcher, errors, reported };
}

/** Received = handled + rejected + dropped, at a moment of quiet. */
function expectBalance(server: AsyncOSCUDPServer): void {
  const { received, handled, rejected, dropped, waiting, inProgress } = server.stats();
  expect(received).toBe(handled + Object.values(rejected).reduce((sum, count) => sum + count, 0) + dropped + waiting + inProgress);
}

describe("receiving", () => {
  test("messages reach their handlers with their arguments, and replies return to the sender from the same socket", async () => {
    const { server, dispatcher } = await serve();
    dispatcher.map("/add", (_address: string, a: number, b: number) => ["/sum", a + b]);
    dispatcher.map("/bundle", () => new OscBundle([new OscMessage("/one", [1]), new OscMessage("/two", ["x"])]));
    const client = await Correspondent.of(server);
    let from: number | undefined;
    client.socket.once("message", (_data, sender) => (from = sender.port));
    client.send(new OscMessage("/add", [20, 22]));
    expect(await client.nextMessage()).toEqual(["/sum", 42]);
    expect(from).toBe(server.serverAddress.port);
    client.send(new OscMessage("/bundle"));
    expect(await client.next()).toMatchObject({ elements: [{ address: "/one" }, { address: "/two" }] });
    expect(server.stats()).toMatchObject({ received: 2, handled: 2, replied: 2, dropped: 0, waiting: 0, inProgress: 0 });
    expectBalance(server);
  });

  test("the default handler receives unmatched messages, wildcards match, and the context has the client", async () => {
    const { server, dispatcher } = await serve();
    dispatcher.map(
      "/mixer/*/gain",
      (context: HandlerContext, address: string) => ["/seen", address, context.clientAddress.port, ...context.captures],
      { needsContext: true },
    );
    dispatcher.setDefaultHandler((address) => ["/default", address]);
    const client = await Correspondent.of(server);
    client.send(new OscMessage("/mixer/3/gain"), new OscMessage("/other"));
    expect(await client.nextMessage()).toEqual(["/seen", "/mixer/3/gain", client.address.port, "3"]);
    expect(await client.nextMessage()).toEqual(["/default", "/other"]);
  });

  test("the alias is the same class", () => {
    expect(AsyncIOOSCUDPServer).toBe(AnyServer);
  });
});

describe("time tags", () => {
  test("a future bundle waits without blocking others, and its messages are handled together", async () => {
    const clock = new ManualClock();
    const { server, dispatcher } = await serve({ clock });
    const seen: string[] = [];
    dispatcher.map("/later/*", (address) => void seen.push(address));
    const client = await Correspondent.of(server);
    const at = TimeTag.from(clock.wallNow() + 1000);
    client.send(new OscBundle([new OscMessage("/later/1"), new OscMessage("/later/2")], at), new OscMessage("/sync"));
    expect(await client.nextMessage()).toEqual(["/synced"]);
    expect(seen).toEqual([]);
    expect(server.stats().waiting).toBe(1);
    clock.advance(999);
    expect(seen).toEqual([]);
    clock.advance(1);
    expect(seen).toEqual(["/later/1", "/later/2"]);
    expect(server.stats()).toMatchObject({ received: 2, handled: 2, waiting: 0 });
    expectBalance(server);
  });

  test("a nested bundle keeps its own time", async () => {
    const clock = new ManualClock();
    const { server, dispatcher } = await serve({ clock });
    const seen: string[] = [];
    dispatcher.map("/*", (address) => void seen.push(address));
    const client = await Correspondent.of(server);
    const inner = new OscBundle([new OscMessage("/inner")], TimeTag.from(clock.wallNow() + 50));
    client.send(new OscBundle([new OscMessage("/outer"), inner, new OscMessage("/after")]), new OscMessage("/sync"));
    await client.nextMessage();
    expect(seen).toEqual(["/outer", "/after", "/sync"]);
    clock.advance(50);
    expect(seen.slice(3)).toEqual(["/inner"]);
    expect(server.stats()).toMatchObject({ received: 3, handled: 3, waiting: 0 });
  });

  test("strictTiming: false handles bundles immediately", async () => {
    const { server } = await serve({}, new Dispatcher({ strictTiming: false }));
    const client = await Correspondent.of(server);
    client.send(new OscBundle([new OscMessage("/sync", [1])], TimeTag.in(3_600_000 * 5)));
    expect(await client.nextMessage()).toEqual(["/synced", 1]);
  });

  test("rejects and reports too many, too large and too distant bundles, and drops waiting ones on close", async () => {
    const clock = new ManualClock();
    const { server, errors, reported } = await serve({ clock, maxWaiting: 2, maxWaitingBytes: 100, maxAhead: 5000, farAhead: "reject" });
    const client = await Correspondent.of(server);
    const dated = (ms: number, text = ""): OscBundle => new OscBundle([new OscMessage("/x", [text])], TimeTag.from(clock.wallNow() + ms));
    client.send(dated(5001), dated(10, "x".repeat(100)), dated(4999), dated(4999), dated(4999));
    await reported(3);
    expect(errors.map(([error]) => nameOf(error))).toEqual(["OSC_REJECTED too-far-ahead", "OSC_DROPPED", "OSC_DROPPED"]);
    expect(errors.map(([error]) => ("limit" in error ? error.limit : null))).toEqual([null, "maxWaitingBytes", "maxWaiting"]);
    expect(errors[0]?.[1]).toEqual(client.address);
    expect(server.stats()).toMatchObject({ received: 5, waiting: 2, dropped: 2, rejected: { "too-far-ahead": 1 } });
    await server.close();
    expect(server.stats()).toMatchObject({ waiting: 0, dropped: 4 });
    expect(clock.timers).toBe(0);
    expectBalance(server);
  });
});

describe("faults", () => {
  test("reports a handler that throws, a promise that rejects and an invalid reply with the client, and continues", async () => {
    const { server, dispatcher, errors, reported } = await serve();
    dispatcher.map("/throw", () => {
      throw new RangeError("mine");
    });
    dispatcher.map("/throw", () => ["/still"]);
    dispatcher.map("/reject", async () => Promise.reject(new Error("later")));
    dispatcher.map("/bad-reply", () => 5 as unknown as string);
    const client = await Correspondent.of(server);
    client.send(new OscMessage("/throw"));
    expect(await client.nextMessage()).toEqual(["/still"]);
    client.send(new OscMessage("/reject"), new OscMessage("/bad-reply"));
    await reported(3);
    expect(errors.map(([error, from]) => [error.code, from])).toEqual([
      ["OSC_HANDLER_FAILED", client.address],
      ["OSC_HANDLER_FAILED", client.address],
      ["OSC_BAD_REPLY", client.address],
    ]);
    expect(errors[0]?.[0].cause).toBeInstanceOf(RangeError);
    expect(server.stats()).toMatchObject({ handlerErrors: 3, handled: 3 });
    expectBalance(server);
  });

  test("counts garbage by reason and reports its sender, and handles good messages in between", async () => {
    const { server, errors, reported } = await serve();
    const client = await Correspondent.of(server);
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    const unknownTag = text("/a\0\0,q\0\0");
    client.send(new Uint8Array(0), text("garbage!"), text("error\0\0\0,\0\0\0"), unknownTag, new OscMessage("/sync"));
    expect(await client.nextMessage()).toEqual(["/synced"]);
    await reported(4);
    expect(errors.map(([error]) => nameOf(error))).toEqual([
      "OSC_REJECTED empty",
      "OSC_REJECTED not-osc",
      "OSC_REJECTED not-osc",
      "OSC_REJECTED malformed",
    ]);
    expect(errors.every(([, from]) => from?.port === client.address.port)).toBe(true);
    expect(server.stats()).toMatchObject({ received: 5, handled: 1, rejected: { empty: 1, "not-osc": 2, malformed: 1 } });
    expectBalance(server);
  });

  test("skips only the bad element of a bundle", async () => {
    const { server, errors, reported } = await serve();
    const client = await Correspondent.of(server);
    const bundle = encode(new OscBundle([new OscMessage("/sync", [1]), new OscMessage("/bad", [2]), new OscMessage("/sync", [3])]));
    bundle[bundle.indexOf(0x2c, 16 + 4 + 16 + 4) + 1] = 0x71; // the type tag of the second message: q, which no text knows
    client.send(bundle);
    expect([await client.nextMessage(), await client.nextMessage()]).toEqual([
      ["/synced", 1],
      ["/synced", 3],
    ]);
    await reported(1);
    expect(errors[0]?.[0]).toMatchObject({ code: "OSC_UNKNOWN_TYPE_TAG" });
    expect(server.stats()).toMatchObject({ received: 1, handled: 1, faults: 1 });
  });

  test("onError defaults to one line on stderr that names the client", async () => {
    const lines: string[] = [];
    const original = console.error;
    console.error = (line: string) => void lines.push(line);
    try {
      const dispatcher = new Dispatcher();
      const server = new AsyncOSCUDPServer([LOCAL, 0], dispatcher);
      await server.createServeEndpoint();
      cleanUp.push(() => server.close());
      dispatcher.map("/sync", () => "/synced");
      const client = await Correspondent.of(server);
      client.send(new TextEncoder().encode("nonsense"), new OscMessage("/sync"));
      await client.nextMessage();
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(`127.0.0.1:${client.address.port}`);
    } finally {
      console.error = original;
    }
  });

  test("reports a taken port with advice", async () => {
    const { server } = await serve();
    const second = new AsyncOSCUDPServer(server.serverAddress, new Dispatcher());
    await expect(second.createServeEndpoint()).rejects.toMatchObject({
      code: "EADDRINUSE",
      name: "OscSocketError",
      message: expect.stringMatching(/Cannot listen on 127\.0\.0\.1:\d+: another program uses that port/),
    });
    await expect(second.serve()).rejects.toMatchObject({ code: "EADDRINUSE" });
    await second.close();
  });

  test("no other socket can bind the address", async () => {
    const { server } = await serve();
    const second = new AsyncOSCUDPServer(server.serverAddress, new Dispatcher(), { reuseAddress: true });
    await expect(second.createServeEndpoint()).rejects.toMatchObject({ code: "EADDRINUSE" });
    expect(server.stats().backend).toBe(backend);
  });

  test("rejects a name that doesn't resolve and an address of no interface", async () => {
    await expect(new AsyncOSCUDPServer(["no-such-host.invalid", 0], new Dispatcher()).serve()).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
      message: expect.stringContaining("no-such-host.invalid"),
    });
    await expect(new AsyncOSCUDPServer(["192.0.2.1", 0], new Dispatcher()).serve()).rejects.toMatchObject({ code: "EADDRNOTAVAIL" });
  });

  test.each([
    [["127.0.0.1", -1], {}],
    [["127.0.0.1", 65_536], {}],
    [["127.0.0.1", 1.5], {}],
    [["", 1], {}],
    [["127.0.0.1", 0], { maxWaiting: 0 }],
    [["127.0.0.1", 0], { maxPacketSize: 1.5 }],
    [["127.0.0.1", 0], { concurrency: -1 }],
    [["127.0.0.1", 0], { allow: ["nonsense"] }],
    [["127.0.0.1", 0], { native: "always" as "auto" }],
  ] as const)("rejects %j with %j in the constructor", (address, options) => {
    expect(() => new AsyncOSCUDPServer(address, new Dispatcher(), options)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });
});

describe("async handlers", () => {
  test("immediately resolved promises need no room in the queue, however many packets arrive together", async () => {
    const { server, dispatcher } = await serve({ maxQueue: 2 });
    let count = 0;
    dispatcher.map("/quick", async () => {
      await Promise.resolve();
      count += 1;
    });
    const client = await Correspondent.of(server);
    for (let index = 0; index < 200; index += 1) client.send(new OscMessage("/quick"));
    while (server.stats().received < 200) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect([count, server.stats()]).toMatchObject([200, { handled: 200, dropped: 0 }]);
  });

  test("one client's packets keep their order, and another's don't wait for them", async () => {
    const { server, dispatcher } = await serve();
    const gates: (() => void)[] = [];
    dispatcher.map("/wait", async (_address: string, name: string) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return ["/waited", name] as const;
    });
    const [first, second] = [await Correspondent.of(server), await Correspondent.of(server)];
    first.send(new OscMessage("/wait", ["a"]), new OscMessage("/sync", ["b"]));
    second.send(new OscMessage("/sync", ["c"]));
    expect(await second.nextMessage()).toEqual(["/synced", "c"]);
    expect(server.stats().inProgress).toBe(2);
    gates.shift()?.();
    expect([await first.nextMessage(), await first.nextMessage()]).toEqual([
      ["/waited", "a"],
      ["/synced", "b"],
    ]);
    expect(server.stats()).toMatchObject({ received: 3, handled: 3, inProgress: 0 });
  });

  test('with order: "none", a packet doesn\'t wait for the previous one', async () => {
    const { server, dispatcher } = await serve({ order: "none" });
    let open = (): void => undefined;
    dispatcher.map("/wait", async () => {
      await new Promise<void>((resolve) => (open = resolve));
      return "/waited";
    });
    const client = await Correspondent.of(server);
    client.send(new OscMessage("/wait"), new OscMessage("/sync"));
    expect(await client.nextMessage()).toEqual(["/synced"]);
    open();
    expect(await client.nextMessage()).toEqual(["/waited"]);
  });

  test("concurrency limits the packets in progress, and the queue is bounded too", async () => {
    const { server, dispatcher, errors, reported } = await serve({ order: "none", concurrency: 2, maxQueue: 3 });
    const gates: (() => void)[] = [];
    let running = 0;
    let most = 0;
    dispatcher.map("/wait", async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => gates.push(resolve));
      running -= 1;
      return "/waited";
    });
    const client = await Correspondent.of(server);
    for (let i = 0; i < 8; i += 1) client.send(new OscMessage("/wait"));
    await reported(3);
    expect(errors.map(([error]) => ("limit" in error ? error.limit : error.code))).toEqual(["maxQueue", "maxQueue", "maxQueue"]);
    for (let handled = 0; handled < 5; handled += 1) {
      gates.shift()?.();
      await client.next();
    }
    expect(most).toBe(2);
    expect(server.stats()).toMatchObject({ received: 8, handled: 5, dropped: 3, inProgress: 0 });
    expectBalance(server);
  });

  test("close() waits for running handlers, sends their replies and drops queued packets", async () => {
    const { server, dispatcher } = await serve();
    let open = (): void => undefined;
    let begun = (): void => undefined;
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    dispatcher.map("/wait", async () => {
      begun();
      await new Promise<void>((resolve) => (open = resolve));
      return "/waited";
    });
    const client = await Correspondent.of(server);
    client.send(new OscMessage("/wait"), new OscMessage("/sync"));
    await hasBegun;
    while (server.stats().received < 2) await new Promise((resolve) => setImmediate(resolve));
    const closed = server.close();
    open();
    await closed;
    expect(await client.nextMessage()).toEqual(["/waited"]);
    expect(server.stats()).toMatchObject({ received: 2, handled: 1, dropped: 1, inProgress: 0 });
  });

  test("close() resolves despite a handler that never settles", async () => {
    const { server, dispatcher } = await serve({ closeTimeout: 20 });
    let begun = (): void => undefined;
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    dispatcher.map("/hang", async () => {
      begun();
      await new Promise<void>(() => undefined);
    });
    (await Correspondent.of(server)).send(new OscMessage("/hang"));
    await hasBegun;
    await server.close();
    expect(server.stats().inProgress).toBe(1);
  });
});

describe("life cycle", () => {
  test("the port is known while serving and freed on close, and the server can serve again", async () => {
    const { server } = await serve();
    const { port } = server.serverAddress;
    expect(port).toBeGreaterThan(0);
    await expect(server.createServeEndpoint()).rejects.toMatchObject({ code: "OSC_WRONG_STATE" });
    await server.close();
    await server.close();
    expect(server.serverAddress.port).toBe(0);
    const again = new AsyncOSCUDPServer([LOCAL, port], new Dispatcher());
    await using transport = (await again.createServeEndpoint())[0];
    expect(transport.localAddress).toEqual({ address: LOCAL, port, family: "IPv4" });
    await server.createServeEndpoint();
    const client = await Correspondent.of(server);
    client.send(new OscMessage("/sync"));
    expect(await client.nextMessage()).toEqual(["/synced"]);
  });

  test("serve() ends after shutdown() in a handler, once its reply is sent", async () => {
    const dispatcher = new Dispatcher();
    const server = new AsyncOSCUDPServer([LOCAL, 0], dispatcher);
    dispatcher.map(
      "/quit",
      (context: HandlerContext) => {
        context.shutdown();
        return "/bye";
      },
      { needsContext: true },
    );
    const served = server.serve();
    while (server.serverAddress.port === 0) await new Promise((resolve) => setImmediate(resolve));
    const client = await Correspondent.of(server);
    client.send(new OscMessage("/quit"));
    expect(await client.nextMessage()).toEqual(["/bye"]);
    await served;
  });

  test("an abort signal stops serving, and an aborted one prevents it", async () => {
    const server = new AsyncOSCUDPServer([LOCAL, 0], new Dispatcher());
    const controller = new AbortController();
    const served = server.serve({ signal: controller.signal });
    while (server.serverAddress.port === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await served;
    await expect(server.serve({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    expect(server.serverAddress.port).toBe(0);
  });

  test("verifyRequest can reject packets, and may throw", async () => {
    class Strict extends AsyncOSCUDPServer {
      override verifyRequest(data: Uint8Array, client: NetAddress): boolean {
        if (data.length > 40) throw new Error("too long for me");
        return data[1] !== 0x6e && client.address === LOCAL;
      }
    }
    const { server, errors, reported } = await serve({}, new Dispatcher(), Strict);
    const client = await Correspondent.of(server);
    client.send(new OscMessage("/no"), new OscMessage("/sync", ["x".repeat(50)]), new OscMessage("/sync"));
    expect(await client.nextMessage()).toEqual(["/synced"]);
    await reported(3);
    expect(errors.map(([error]) => nameOf(error))).toEqual(["OSC_REJECTED unverified", "OSC_HANDLER_FAILED", "OSC_REJECTED unverified"]);
    expect(server.stats().rejected.unverified).toBe(2);
    expectBalance(server);
  });

  test("a program can inject a packet", async () => {
    const { dispatcher } = await serve();
    const server = new AsyncOSCUDPServer([LOCAL, 0], dispatcher);
    const [transport, protocol] = await server.createServeEndpoint();
    const sent: Uint8Array[] = [];
    const address: NetAddress = { address: "192.0.2.7", port: 5, family: "IPv4" };
    protocol.packetReceived(encode(new OscMessage("/sync", [7])), { address, send: (data) => sent.push(data) });
    await transport.close();
    expect(decode(sent[0] as Uint8Array)).toMatchObject({ address: "/synced", args: [7] });
    expect(protocol.stats().received).toBe(1);
  });

  test("publishes every count on the diagnostics channel", async () => {
    const counts: unknown[] = [];
    const listener = (message: unknown): void => void counts.push((message as { name: string }).name);
    subscribe("oscine:count", listener);
    try {
      const { server } = await serve();
      const client = await Correspondent.of(server);
      client.send(new OscMessage("/sync"));
      await client.next();
      expect(counts).toEqual(["received", "inProgress", "replied", "inProgress", "handled"]);
    } finally {
      unsubscribe("oscine:count", listener);
    }
  });
});

describe("options of the socket", () => {
  test("IPv6, and dual stack with an allow-list that knows IPv4 senders", async () => {
    const errors: OscError[] = [];
    const dispatcher = new Dispatcher();
    dispatcher.map("/sync", () => "/synced");
    const server = new AsyncOSCUDPServer(["::", 0], dispatcher, { allow: ["127.0.0.0/8"], onError: (error) => errors.push(error) });
    await server.createServeEndpoint();
    cleanUp.push(() => server.close());
    expect(server.serverAddress.family).toBe("IPv6");
    const [six, four] = [await Correspondent.of(server, "::1"), await Correspondent.of(server)];
    six.send(new OscMessage("/sync"));
    while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
    four.send(new OscMessage("/sync"));
    expect(await four.nextMessage()).toEqual(["/synced"]);
    expect(server.stats().rejected.sender).toBe(1);
  });

  test("two servers share a multicast group and port with reuseAddress", async () => {
    const group = "239.255.77.77";
    const options: AsyncUdpServerOptions = {
      reuseAddress: true,
      multicastGroups: [group],
      multicastInterface: LOCAL,
      multicastTtl: 0,
      multicastLoopback: true,
    };
    const seen: number[] = [];
    const servers: AsyncOSCUDPServer[] = [];
    for (const index of [0, 1]) {
      const dispatcher = new Dispatcher();
      dispatcher.map("/all", () => void seen.push(index));
      const server = new AsyncOSCUDPServer(["0.0.0.0", servers[0]?.serverAddress.port ?? 0], dispatcher, options);
      await server.createServeEndpoint();
      cleanUp.push(() => server.close());
      servers.push(server);
    }
    const sender = createSocket("udp4");
    await new Promise<void>((resolve) => sender.bind(0, LOCAL, resolve));
    sender.setMulticastInterface(LOCAL);
    sender.send(encode(new OscMessage("/all")), servers[0]?.serverAddress.port, group);
    while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
    sender.close();
    expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1]);
  });

  test("supports reusePort if Node does, and otherwise rejects it clearly", async () => {
    const server = new AsyncOSCUDPServer([LOCAL, 0], new Dispatcher(), { reusePort: true });
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
    if (backend === "native" || major > 23 || (major === 23 && minor >= 1)) {
      const [transport] = await server.createServeEndpoint();
      const second = new AsyncOSCUDPServer(server.serverAddress, new Dispatcher(), { reusePort: true });
      await (await second.createServeEndpoint())[0].close();
      await transport.close();
    } else {
      await expect(server.createServeEndpoint()).rejects.toMatchObject({
        code: "OSC_OPTION",
        message: expect.stringContaining("reusePort needs Node"),
      });
    }
  });

  test("reports a reply too large for a datagram with its size", async () => {
    const { server, dispatcher, errors, reported } = await serve();
    dispatcher.map("/large", () => ["/large", new Uint8Array(65_500)]);
    const client = await Correspondent.of(server);
    client.send(new OscMessage("/large"));
    await reported(1);
    expect(errors[0]?.[0]).toMatchObject({ code: "OSC_PACKET_TOO_LARGE", address: `127.0.0.1:${client.address.port}` });
    expect(server.stats().socketErrors).toBe(1);
  });

  test("uses Node's sockets in cluster processes, which share a port", async () => {
    const program = new Program("cluster.mjs");
    cleanUp.push(() => program.dispose());
    expect(await program.ended).toBe(0);
    const [first, second] = JSON.parse(program.lines[0] ?? "[]") as { port: number; backend: string }[];
    expect(first).toMatchObject({ backend: "portable" });
    expect(second).toEqual(first);
  });
});
