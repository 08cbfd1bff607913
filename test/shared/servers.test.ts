/** One suite over every kind of server and every transport. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, blob, double, encode, float, int, string, symbol } from "../../src/codec/index.ts";
import type { ServerStats } from "../../src/server/index.ts";
import { nativeSockets } from "../../src/transport/native/self-test.ts";
import { type Kind, ServerProcess, isEven } from "./server-process.ts";
import { NatsServer, describeWithNats } from "../nats/nats-server.ts";
import type { Correspondent, TransportName } from "./wire.ts";

const KINDS: readonly Kind[] = ["async", "blocking", "threading", "forking"];
const TRANSPORTS: readonly TransportName[] = ["udp", "tcp-1.0", "tcp-1.1", "unix"];

type Backend = ServerStats["backend"];
interface Place {
  readonly kind: Kind;
  readonly transport: TransportName;
  readonly backend: Backend;
  /** How a forking server comes by a process for each packet. */
  readonly strategy: "spawn" | "fork";
  /** What a server with workers is given. Default: a dispatcher. */
  readonly source?: "dispatcher" | "module";
}
/** Native sockets are there for UDP, and not on every system. */
const backends = (transport: TransportName): Backend[] =>
  transport === "udp" && !(nativeSockets() instanceof Error) ? ["native", "portable"] : ["portable"];
/** Starting a process of Node costs a tenth of a second: once over UDP and once over TCP is enough where processes can be forked. */
const strategyAt = (transport: TransportName): Place["strategy"] =>
  transport === "tcp-1.0" || nativeSockets() instanceof Error ? "spawn" : "fork";
const grid: readonly Place[] = [
  ...TRANSPORTS.flatMap((transport) =>
    KINDS.flatMap((kind) =>
      backends(transport).map((backend) => ({
        kind,
        transport,
        backend,
        strategy: strategyAt(transport),
      })),
    ),
  ),
  { kind: "async", transport: "websocket", backend: "portable", strategy: "spawn" },
  ...(["udp", "tcp-1.1"] as const).flatMap((transport) => [
    { kind: "threading", transport, backend: "portable", strategy: "spawn", source: "module" } as const,
    { kind: "forking", transport, backend: "portable", strategy: strategyAt(transport), source: "module" } as const,
  ]),
  { kind: "forking", transport: "udp", backend: "portable", strategy: "spawn", source: "module" },
];
/** Bundles are held back behind the transport: the streams differ in nothing there. */
const gridApart = grid.filter(({ transport }) => transport !== "tcp-1.1" && transport !== "unix");
/** A front end with a worker behind it, and how they may deliver. */
const natsGrid = (["udp", "tcp-1.0"] as const).flatMap((transport) =>
  (["at-most-once", "at-least-once"] as const).map((delivery) => ({
    kind: "nats" as const,
    transport,
    backend: "portable" as const,
    strategy: "spawn" as const,
    delivery,
  })),
);
/** Kinds that handle one client's packets in their order. */
const ordered = (kind: Kind): boolean => !pooled(kind);
/** Whether handlers' promises are awaited. */
const awaits = ({ kind, strategy, source }: Place): boolean =>
  kind === "async" || kind === "nats" || (source === "module" && (kind === "threading" || strategy === "spawn"));
const pooled = (kind: Kind): boolean => kind === "threading" || kind === "forking";

let sockets = 0;
function optionsFor({ kind, transport, backend, strategy, source }: Place, options: object = {}): object {
  const native = backend === "native" ? "auto" : false;
  const common = { ...(kind === "forking" ? { strategy } : {}), ...(source === undefined ? {} : { source }), ...options };
  if (transport === "unix") return { path: join(tmpdir(), `oscine-test-${process.pid}-${sockets++}.sock`), ...common };
  return transport === "udp" ? { native, ...common } : common;
}

/** Received = handled + rejected + dropped + waiting, when all is quiet. */
function expectBalance(stats: ServerStats): void {
  expect(stats.inProgress).toBe(0);
  expect(stats).toSatisfy(isEven);
}

/** The same while the server serves. The counters may be read while packets are just being settled, so it asks again. */
async function expectEven(server: ServerProcess, client: Correspondent): Promise<void> {
  const account = (): Promise<ServerStats> => server.account(client);
  await expect.poll(account, { interval: 5, timeout: 20_000 }).toSatisfy((stats: ServerStats) => isEven(stats) && stats.inProgress === 0);
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** @param more options that are known only when the tests run */
function suite(place: Place, more: () => object = () => ({})): void {
  const { kind, transport, backend, strategy } = place;
  let server: ServerProcess;
  let client: Correspondent;
  /** The port of `client` as the server sees it: the clients of a Unix domain socket are numbered. */
  const clientPort = (): number => (transport === "unix" ? 1 : client.wire.port);

  beforeAll(async () => {
    server = await ServerProcess.start(
      kind,
      transport,
      optionsFor(place, { maxReports: 1000, allowOddAddresses: kind !== "nats", ...more() }),
    );
    client = await server.connect();
  });
  afterAll(() => server.dispose());
  afterEach(async () => {
    if (!server.ended) await expectEven(server, client);
  });

  test("messages reach their handlers, and replies return with every argument", async () => {
    const args = [
      int(1),
      float(0.5),
      string("text"),
      symbol("symbol"),
      blob(Uint8Array.of(1, 2, 3)),
      double(Math.PI),
      2n ** 60n,
      true,
      false,
      null,
      new TimeTag(1, 2),
      ["nested", [1]],
    ];
    client.send(new OscMessage("/echo", args));
    const reply = await client.next();
    expect(reply).toMatchObject({ address: "/echoed", types: "ifsSbdhTFNt[s[i]]" });
    expect((reply as OscMessage).args).toEqual([
      1,
      0.5,
      "text",
      "symbol",
      Uint8Array.of(1, 2, 3),
      Math.PI,
      2n ** 60n,
      true,
      false,
      null,
      new TimeTag(1, 2),
      ["nested", [1]],
    ]);
  });

  test("wildcards, fixed arguments, the client's address, and the default handler", async () => {
    expect(await client.ask("/wild/deep/down/card")).toEqual(["/wildcard", "/wild/deep/down/card", "deep/down"]);
    expect(await client.ask("/fixed", 2)).toEqual(["/fixed", "a", 1, 2]);
    expect(await client.ask("/client")).toEqual(["/client", transport === "unix" ? "" : "127.0.0.1", clientPort()]);
    expect(await client.ask("/nobody/knows", "x")).toEqual(["/default", "/nobody/knows", "x"]);
    expect(await client.ask("/{fix,nix}ed")).toEqual(["/fixed", "a", 1]);
  });

  test("all handlers of an address run in mapping order, and replies have every form", async () => {
    client.send(new OscMessage("/twice", [7]));
    expect(await client.nextMessages(2)).toEqual([
      ["/first", 7],
      ["/second", 7],
    ]);
    client.send(new OscMessage("/several"));
    expect(await client.nextMessages(3)).toEqual([
      ["/part", 1],
      ["/part", 2],
      ["/part", 3],
    ]);
    client.send(new OscMessage("/bundle"));
    expect(await client.next()).toMatchObject({ elements: [{ address: "/one" }, { address: "/two" }] });
  });

  test(ordered(kind) ? "packets of one client are handled in their order" : "every packet is handled", async () => {
    const count = kind === "forking" ? 6 : 200;
    const sent = Array.from({ length: count }, (_, index) => index);
    for (const index of sent) client.send(new OscMessage("/echo", [index]));
    const came = (await client.nextMessages(count)).map(([, index]) => index as number);
    expect(ordered(kind) ? came : came.toSorted((a, b) => a - b)).toEqual(sent);
  });

  test("the messages of a bundle are handled together and in order", async () => {
    client.send(new OscBundle([new OscMessage("/echo", [1]), new OscBundle([new OscMessage("/echo", [2])]), new OscMessage("/echo", [3])]));
    expect(await client.nextMessages(3)).toEqual([
      ["/echoed", 1],
      ["/echoed", 2],
      ["/echoed", 3],
    ]);
  });

  test.skipIf(kind === "nats")("with allowOddAddresses, a message to an address without a slash reaches the default handler", async () => {
    client.send(text("#reply\0\0,s\0\0odd\0"));
    expect(await client.nextMessages(1)).toEqual([["/default", "#reply", "odd"]]);
  });

  test("a bundle handler receives a whole bundle at its time before its messages, knows its sender, and may throw", async () => {
    const at = Date.now() + 200;
    const timeTag = TimeTag.from(at);
    client.send(new OscBundle([new OscMessage("/whole"), new OscMessage("/when", ["after"])], timeTag));
    const [from, whole, when] = await client.nextMessages(3);
    expect([from, whole, when?.[2]]).toEqual([["/whole-from", clientPort(), timeTag], ["/whole", 2], "after"]);
    expect(when?.[1]).toBeGreaterThanOrEqual(at);
    client.send(new OscBundle([new OscMessage("/whole", ["throw"]), new OscMessage("/echo", ["still"])]));
    expect((await client.nextMessages(2)).at(1)).toEqual(["/echoed", "still"]);
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([
      { code: "OSC_HANDLER_FAILED", cause: "thrown by a handler of bundles", client: { port: clientPort() } },
    ]);
  });

  test("a future bundle waits for its time without delaying others", async () => {
    const at = Date.now() + 400;
    client.send(new OscBundle([new OscMessage("/when", ["later"]), new OscMessage("/when", ["with it"])], TimeTag.from(at)));
    expect(await client.ask("/echo", "meanwhile")).toEqual(["/echoed", "meanwhile"]);
    const [first, second] = await client.nextMessages(2);
    expect([first?.[2], second?.[2]]).toEqual(["later", "with it"]);
    expect(first?.[1]).toBeGreaterThanOrEqual(at);
  });

  test("a packet of the transport's maximum size arrives whole", async () => {
    const data = new Uint8Array(transport === "udp" ? 65_400 : 300_000).map((_, index) => index % 251);
    client.send(new OscMessage("/size", data));
    const reply = (await client.next()) as OscMessage;
    expect(reply.args[0]).toBe(data.length);
    expect(Buffer.compare(reply.args[1] as Uint8Array, data)).toBe(0);
  });

  test("the server can send to a client first, from its own socket", async () => {
    server.ask("push?", client);
    expect(await client.nextMessages(1)).toEqual([["/pushed", "first"]]);
  });

  test.skipIf(transport === "udp")("reports a packet sent to a client that isn't connected", async () => {
    server.ask("away?", client);
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([{ code: "ENOTCONN", client: { port: transport === "unix" ? 2 : 1 } }]);
  });

  test.skipIf(kind === "forking")("a handler's context can reply after the handler has returned", async () => {
    // Each thread keeps a context of its own, so all that may answer are given one.
    let reply: readonly unknown[] = ["/not-kept"];
    for (let keep = 1; reply[0] === "/not-kept"; keep += 1) {
      for (let given = 0; given < keep; given += 1) expect(await client.ask("/keep")).toEqual(["/kept-context"]);
      reply = await client.ask("/later", "word");
    }
    expect(reply).toEqual(["/late", "word"]);
  });

  test("output of handlers appears immediately", async () => {
    expect(await client.ask("/print", "something")).toEqual(["/printed"]);
    await server.until(() => server.lines.includes("printed something"));
  });

  test("reports a handler that throws with the client, and runs the next handler", async () => {
    expect(await client.ask("/throw")).toEqual(["/after-throw"]);
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([
      { code: "OSC_HANDLER_FAILED", cause: "thrown on purpose", client: { port: clientPort() } },
    ]);
  });

  test("reports an invalid reply", async () => {
    client.send(new OscMessage("/bad-reply"));
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([{ code: "OSC_BAD_REPLY" }]);
  });

  test(awaits(place) ? "a handler's promise is awaited" : "a handler's promise is a clear error", async () => {
    client.send(new OscMessage("/promise"));
    if (awaits(place)) {
      expect(await client.nextMessages(1)).toEqual([["/kept"]]);
    } else {
      await server.until(() => server.errors.length > 0);
      expect(server.errors.splice(0)).toMatchObject([{ code: "OSC_ASYNC_HANDLER", message: expect.stringContaining("/promise") }]);
    }
  });

  test("counts and reports bad packets with their sender, and handles good ones in between", async () => {
    const unknownTag = text("/a\0\0,q\0\0");
    const badElement = encode(new OscBundle([new OscMessage("/echo", [1]), new OscMessage("/bad", [2]), new OscMessage("/echo", [3])]));
    badElement[badElement.indexOf(0x2c, 44) + 1] = 0x71;
    client.send(text("garbage!"), unknownTag, badElement, new OscMessage("/echo", [4]));
    const came = (await client.nextMessages(3)).map(([, index]) => index as number);
    expect(came.toSorted((a, b) => a - b)).toEqual([1, 3, 4]);
    await server.until(() => server.errors.length >= 3);
    const errors = server.errors.splice(0);
    expect(errors.map(({ code, reason }) => reason ?? code).toSorted()).toEqual(["OSC_UNKNOWN_TYPE_TAG", "malformed", "not-osc"]);
    expect(errors.every((error) => error.client?.port === clientPort())).toBe(true);
  });

  test.each([
    ["the server is idle", 0],
    ["a handler runs", 150],
  ])("handles a future bundle on time if it arrives while %s and nothing follows", async (_when, blockMs) => {
    if (blockMs > 0) client.send(new OscMessage("/block", [int(blockMs)]));
    const due = Date.now() + 400;
    client.send(new OscBundle([new OscMessage("/when", ["dated"])], TimeTag.from(due)));
    if (blockMs > 0) expect(await client.nextMessages(1)).toEqual([["/blocked", blockMs]]);
    const [[address, at, word] = []] = await client.nextMessages(1);
    expect([address, word]).toEqual(["/at", "dated"]);
    expect(at as number).toBeGreaterThanOrEqual(due);
  });

  test("calls verifyRequest", async () => {
    client.send(new OscMessage("/forbidden"), new OscMessage("/echo", ["allowed"]));
    expect(await client.nextMessages(1)).toEqual([["/echoed", "allowed"]]);
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([{ code: "OSC_REJECTED", reason: "unverified" }]);
  });

  test("two clients each receive their own replies", async () => {
    const other = await server.connect();
    other.send(new OscMessage("/echo", ["other"]));
    client.send(new OscMessage("/echo", ["first"]));
    expect([await other.nextMessages(1), await client.nextMessages(1)]).toEqual([[["/echoed", "other"]], [["/echoed", "first"]]]);
  });

  test("shutdown() in a handler sends its reply, ends the server, frees the port and counts every packet", async () => {
    const stats = await server.quit(client);
    expect(await client.nextMessages(1)).toEqual([["/bye"]]);
    expect([server.child.exitCode, server.errors, server.stderr]).toEqual([0, [], ""]);
    expectBalance(stats);
    expect(stats).toMatchObject({
      backend,
      dropped: 0,
      waiting: 0,
      rejected: { malformed: 1, "not-osc": 1 + server.asked, unverified: 1 },
      handlerErrors: awaits(place) ? 3 : 4,
    });
    expect(stats.forked > 0).toBe(kind === "forking" && strategy === "fork");
    await expectFree(transport, server.address);
  });
}

/** What needs a server of its own. */
function suiteApart(place: Place, more: () => object = () => ({})): void {
  const { kind, transport, strategy } = place;
  // A process for each packet is what the suite above has; here it would only take time.
  const manyPerChild = kind === "forking" && strategy === "spawn" ? { requestsPerChild: 1000 } : {};
  let server: ServerProcess;

  // Not within the test: on a busy machine a program, its I/O thread and its workers may take longer to start than a test may take.
  beforeAll(async () => {
    server = await ServerProcess.start(
      kind,
      transport,
      optionsFor(place, { strictTiming: false, isDefaultHandled: false, maxReports: 1000, ...manyPerChild, ...more() }),
    );
  });
  afterAll(() => server.dispose());

  test("counts messages that no handler matched", async () => {
    const client = await server.connect();
    client.send(
      new OscMessage("/unmatched"),
      new OscBundle([new OscMessage("/echo", [1]), new OscMessage("/fliter"), new OscMessage("/ehco")]),
    );
    await expect.poll(async () => (await server.account(client)).handled, { interval: 5, timeout: 20_000 }).toBeGreaterThanOrEqual(2);
    const { handled, unmatched } = await server.account(client);
    expect([handled, unmatched]).toEqual([2, 3]);
  });

  test.skipIf(kind === "async" || kind === "nats" || transport === "udp")(
    "serves a polite client before a greedy one is done",
    async () => {
      const [greedy, polite] = [await server.connect(), await server.connect()];
      const packets = 20;
      for (let index = 0; index < packets; index += 1) greedy.send(new OscMessage("/block", [int(30)]));
      await greedy.nextMessages(1);
      let answered = 1;
      const all = greedy.nextMessages(packets - 1).then(() => (answered = packets));
      expect(await polite.ask("/echo", 1)).toEqual(["/echoed", 1]);
      expect(answered).toBe(1);
      await all;
    },
  );

  test("strictTiming: false handles every bundle on arrival", async () => {
    const client = await server.connect();
    client.send(new OscBundle([new OscMessage("/echo", ["at once"])], TimeTag.in(7_200_000)));
    expect(await client.nextMessages(1)).toEqual([["/echoed", "at once"]]);
    expectBalance(await server.quit(client));
  });
}

describe.each(grid)("$kind server over $transport, $backend, $strategy, $source", (place) => suite(place));
describe.each(gridApart)("$kind server over $transport, $backend, $strategy, $source, apart", (place) => suiteApart(place));

describeWithNats("a front end with a worker behind it", () => {
  let nats: NatsServer;
  beforeAll(async () => {
    nats = await NatsServer.start();
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  let prefixes = 0;
  describe.each(natsGrid)("over $transport, $delivery", ({ delivery, ...place }) => {
    const stream = { storage: "memory", maxBytes: 2 ** 24 };
    const more = (): object => ({ nats: { servers: nats.url, prefix: `osc${prefixes++}`, delivery, order: "client", stream } });
    suite(place, more);
    suiteApart(place, more);
  });
});

/** Binds the address that the server had. */
async function expectFree(transport: TransportName, { address, port }: { readonly address: string; readonly port: number }): Promise<void> {
  if (transport === "udp") {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, address, resolve);
    });
    socket.close();
    await once(socket, "close");
  } else {
    const listener = createServer();
    listener.listen(transport === "unix" ? { path: address } : { port, host: address });
    await once(listener, "listening");
    listener.close();
    await once(listener, "close");
  }
}
