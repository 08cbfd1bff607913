/** Every attack against every kind of server, by itself and mixed with good traffic. */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { type Socket as StreamSocket, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, decode, encode } from "../../src/codec/index.ts";
import { createFrameDecoder, encodeFrame, encodeFrames } from "../../src/framing/index.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { ATTACKS, PLACED, later } from "./attacks.ts";
import { type Kind, ServerProcess, type ToldError, isEven } from "./server-process.ts";
import type { Correspondent, TransportName } from "./wire.ts";

const KINDS: readonly Kind[] = ["async", "blocking", "threading", "forking"];
const grid: { readonly kind: Kind; readonly transport: TransportName }[] = [
  ...(["udp", "tcp-1.0", "tcp-1.1"] as const).flatMap((transport) => KINDS.map((kind) => ({ kind, transport }))),
  { kind: "async", transport: "websocket" },
];

const nameOf = ({ code, reason }: ToldError): string => reason ?? code;
/** Processes that serve one packet each would take most of the time for starting. */
const optionsOf = (kind: Kind, options: object = {}): object => ({
  maxReports: 1000,
  ...(kind === "forking" ? { requestsPerChild: 1000 } : {}),
  ...options,
});

describe.each(grid)("attacks on the $kind server over $transport", ({ kind, transport }) => {
  let server: ServerProcess;
  let client: Correspondent;

  beforeAll(async () => {
    server = await ServerProcess.start(kind, transport, optionsOf(kind));
    client = await server.connect();
  });
  afterAll(() => server.dispose());

  /** Waits for that many reports, and expects all to name the client. */
  async function reports(count: number, port = client.wire.port): Promise<string[]> {
    await server.until(() => server.errors.length >= count);
    const errors = server.errors.splice(0);
    expect(errors.filter((error) => error.client?.address !== "127.0.0.1" || error.client.port !== port)).toEqual([]);
    return errors.map(nameOf);
  }

  test.each(ATTACKS)("$name", async ({ packet, reports: expected, replies }) => {
    client.send(packet);
    const came = await client.nextMessages(replies.length);
    expect(came.map(String).toSorted()).toEqual(replies.map(String).toSorted());
    expect(await reports(expected.length)).toEqual(expected);
    expect(await client.ask("/echo", "still there")).toEqual(["/echoed", "still there"]);
    expect(server.errors).toEqual([]);
  });

  test("handles every good packet among all bad ones, and reports each bad one once", async () => {
    const good = ATTACKS.map((_, index) => new OscMessage("/echo", [1000 + index]));
    for (const [index, { packet }] of ATTACKS.entries()) client.send(packet, good[index] as OscMessage);
    const expected = [...ATTACKS.flatMap(({ replies }) => replies), ...good.map(({ args }) => ["/echoed", ...args])];
    const came = await client.nextMessages(expected.length);
    expect(came.map(String).toSorted()).toEqual(expected.map(String).toSorted());
    expect((await reports(ATTACKS.flatMap(({ reports }) => reports).length)).toSorted()).toEqual(
      ATTACKS.flatMap(({ reports }) => reports).toSorted(),
    );
  });

  test("decodes packets at an offset in their buffer", async () => {
    client.send(new OscMessage("/echo", ["before"]), PLACED.packet);
    const [one, two] = [(await client.next()) as OscMessage, (await client.next()) as OscMessage];
    const placed = one.types === PLACED.types ? one : two;
    expect(placed.types).toBe(PLACED.types);
    expect(Buffer.from(encode(placed)).subarray(-16)).toEqual(Buffer.from(PLACED.packet).subarray(-16));
  });

  test("a future bundle delays nothing", async () => {
    client.send(later(250));
    expect(await client.ask("/echo", "now")).toEqual(["/echoed", "now"]);
    expect(await client.nextMessages(1)).toEqual([["/echoed", "later"]]);
  });

  test("answers good packets in a flood of bad ones, and reports excess errors as a count", async () => {
    const apart = await ServerProcess.start(kind, transport, optionsOf(kind, { maxReports: 5 }));
    try {
      const flooder = await apart.connect();
      const other = await apart.connect();
      const bad = 600;
      for (let sent = 0; sent < bad; sent++) {
        flooder.send(Uint8Array.of(0x9a, 0x01, 0xff, 0x63));
        if (sent % 100 === 0) other.send(new OscMessage("/echo", [sent]));
      }
      expect((await other.nextMessages(6)).length).toBe(6);
      const stats = await apart.quit(flooder);
      expect(stats).toMatchObject({ received: bad + 7, handled: 7, rejected: { "not-osc": bad } });
      const told = apart.errors.filter((error) => nameOf(error) === "not-osc");
      const held = apart.errors.filter(({ code }) => code === "OSC_SUPPRESSED").map(({ message }) => Number.parseInt(message, 10));
      expect(told.length + held.reduce((sum, count) => sum + count, 0)).toBe(bad);
      expect(told.length).toBeLessThanOrEqual(5 * (held.length + 1));
      expect(held.length).toBeGreaterThan(0);
    } finally {
      await apart.dispose();
    }
  });

  test("counts every packet, with each rejection under its reason", async () => {
    const stats = await server.quit(client);
    expect(stats).toSatisfy(isEven);
    const twice = (reason: string): number => 2 * ATTACKS.filter(({ rejected }) => rejected === reason).length;
    expect(stats).toMatchObject({
      dropped: 0,
      waiting: 0,
      inProgress: 0,
      handlerErrors: 0,
      rejected: { malformed: twice("malformed"), "not-osc": twice("not-osc") },
    });
    expect(stats.faults).toBe(2 * ATTACKS.flatMap(({ rejected, reports }) => (rejected === null ? reports : [])).length);
    expect([server.child.exitCode, server.errors, server.stderr]).toEqual([0, [], ""]);
  });
});

describe.each(KINDS)("broken streams against the %s server", (kind) => {
  let server: ServerProcess;

  beforeAll(async () => {
    server = await ServerProcess.start(kind, "tcp-1.1", optionsOf(kind, { framing: "auto" }));
  });
  afterAll(() => server.dispose());

  const ask = (value: number): Uint8Array => encode(new OscMessage("/echo", [value]));

  test("answers packets with a split size, several frames in one chunk and lone ENDs", async () => {
    const prefixed = await RawStream.open(server.address, "1.0");
    for (const byte of encodeFrame(ask(1), "1.0")) await prefixed.write(Uint8Array.of(byte));
    await prefixed.write(encodeFrames([ask(2), ask(3)], "1.0"));
    expect(await prefixed.answers(3)).toEqual([1, 2, 3]);
    const slip = await RawStream.open(server.address, "1.1");
    const single = Buffer.concat([
      ask(4),
      Uint8Array.of(0xc0),
      ask(5),
      Uint8Array.of(0xc0),
      Uint8Array.of(0xc0),
      ask(6),
      Uint8Array.of(0xc0),
    ]);
    await slip.write(single.subarray(0, 7));
    await slip.write(single.subarray(7));
    expect(await slip.answers(3)).toEqual([4, 5, 6]);
    await Promise.all([prefixed.close(), slip.close()]);
  });

  test("skips only a broken frame, and reports it with the client", async () => {
    const stream = await RawStream.open(server.address, "1.1");
    await stream.write(
      Buffer.concat([encodeFrame(ask(1), "1.1"), Uint8Array.of(0x2f, 0xdb, 0x00, 0x61, 0xc0), encodeFrame(ask(2), "1.1")]),
    );
    expect(await stream.answers(2)).toEqual([1, 2]);
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([{ code: "OSC_FRAME_BAD_ESCAPE", client: { port: stream.port } }]);
    await stream.close();
  });

  test.each([
    ["a size of 2 GiB", "7fffffff", "OSC_FRAME_UNKNOWN"],
    ["a size of 1 MiB and one", "00100001", "OSC_FRAME_TOO_LARGE"],
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n").toString("hex"), "OSC_FRAME_UNKNOWN"],
  ])("%s: ends and reports the connection, and others continue", async (_name, hex, code) => {
    const good = await RawStream.open(server.address, "1.0");
    const bad = await RawStream.open(server.address, "1.0");
    await bad.write(Buffer.from(hex, "hex"));
    await bad.ended;
    await server.until(() => server.errors.length > 0);
    expect(server.errors.splice(0)).toMatchObject([{ code, client: { port: bad.port } }]);
    await good.write(encodeFrame(ask(7), "1.0"));
    expect(await good.answers(1)).toEqual([7]);
    await Promise.all([good.close(), bad.close()]);
  });

  test("counts every packet", async () => {
    const stats = await server.quit();
    expect(stats).toSatisfy(isEven);
    expect(stats).toMatchObject({ received: 12, handled: 12, faults: 4, connectionsEnded: 3 });
  });
});

describe.each(KINDS)("who may send, and how much, to the %s server", (kind) => {
  let server: ServerProcess;
  afterAll(() => server.dispose());

  test("rejects, counts and reports packets beyond maxRate and maxBurst", async () => {
    server = await ServerProcess.start(kind, "udp", optionsOf(kind, { maxRate: 20, maxBurst: 5, maxReports: 1 }));
    const client = await server.connect();
    for (let sent = 0; sent < 100; sent++) client.send(new OscMessage("/echo", [sent]));
    expect(await client.nextMessages(5)).toHaveLength(5);
    await server.until(() => server.errors.length > 0);
    // A second later, those that were only counted are reported together.
    const reported = server.errors.filter(({ code }) => code !== "OSC_SUPPRESSED");
    expect(reported).toMatchObject([{ code: "OSC_REJECTED", reason: "rate", client: { port: client.wire.port } }]);
    // The rate is what has to be waited for.
    for (; !server.ended; await Promise.race([server.closed, new Promise((resolve) => setTimeout(resolve, 60))]))
      client.send(new OscMessage("/quit"));
    const { stats } = server;
    expect(stats).toSatisfy(isEven);
    expect(stats?.rejected.rate).toBeGreaterThan(50);
    expect(stats?.handled).toBeGreaterThanOrEqual(6);
  });
});

describe.each(KINDS)("future bundles from one client of the %s server", (kind) => {
  let server: ServerProcess;
  afterAll(() => server.dispose());

  test("leave room for those of another client, and empty ones need no room", async () => {
    server = await ServerProcess.start(kind, "tcp-1.0", optionsOf(kind, { maxWaiting: 64 }));
    const [greedy, polite] = [await server.connect(), await server.connect()];
    const at = TimeTag.in(300_000);
    const [empty, full] = [[], [new OscMessage("/echo", ["never"])]].map((elements) => encode(new OscBundle(elements, at)).slice());
    const sent = 100;
    for (const bundle of [empty, full]) for (let count = 0; count < sent; count++) greedy.send(bundle as Uint8Array);
    const places = async (): Promise<number[]> => {
      const { handled, waiting, dropped } = await server.account(polite);
      return [handled, waiting, dropped];
    };
    await expect.poll(places, { interval: 20, timeout: 20_000 }).toEqual([sent, 64, sent - 64]);
    const due = Date.now() + 300;
    polite.send(new OscBundle([new OscMessage("/when", ["polite"])], TimeTag.from(due)));
    const [[address, handledAt, word] = []] = await polite.nextMessages(1);
    expect([address, word]).toEqual(["/at", "polite"]);
    expect(handledAt as number).toBeGreaterThanOrEqual(due);
    expect(await server.quit(polite)).toSatisfy(isEven);
  });
});

// Other systems have no second address of the machine itself.
describe.runIf(process.platform === "linux").each(KINDS)("the option allow of the %s server", (kind) => {
  const stranger: Socket = createSocket("udp4");
  let server: ServerProcess;
  afterAll(async () => {
    stranger.close();
    await server.dispose();
  });

  test("accepts the listed clients, and rejects, counts and reports others", async () => {
    server = await ServerProcess.start(kind, "udp", optionsOf(kind, { allow: ["127.0.0.1", "10.0.0.0/8"] }));
    await new Promise<void>((resolve) => stranger.bind(0, "127.0.0.2", resolve));
    for (let sent = 0; sent < 3; sent++) stranger.send(encode(new OscMessage("/quit")), server.address.port, "127.0.0.1");
    await server.until(() => server.errors.length === 3);
    const client = await server.connect();
    expect(await client.ask("/echo", 1)).toEqual(["/echoed", 1]);
    const refused = { code: "OSC_REJECTED", reason: "sender", client: { address: "127.0.0.2", port: stranger.address().port } };
    expect(server.errors.splice(0)).toMatchObject([refused, refused, refused]);
    expect(await server.quit(client)).toMatchObject({ received: 5, handled: 2, rejected: { sender: 3 } });
  });
});

/** A connection whose bytes are written piece by piece. */
class RawStream {
  readonly #socket: StreamSocket;
  readonly #answers: number[] = [];
  readonly port: number;
  /** Resolves when the connection has come to its end. */
  readonly ended: Promise<void>;
  #wake = (): void => undefined;

  private constructor(socket: StreamSocket, framing: "1.0" | "1.1") {
    this.#socket = socket;
    this.port = socket.localPort ?? 0;
    this.ended = new Promise((resolve) => socket.on("close", () => resolve()));
    socket.on("error", () => undefined);
    const decoder = createFrameDecoder(framing, {
      onPacket: (packet) => {
        this.#answers.push((decode(packet) as OscMessage).args[0] as number);
        this.#wake();
      },
      onError: (error) => {
        throw new Error("the server does not write frames", { cause: error });
      },
    });
    socket.on("data", (bytes: Uint8Array) => decoder.push(bytes));
  }

  static async open({ address, port }: NetAddress, framing: "1.0" | "1.1"): Promise<RawStream> {
    const socket = connect({ host: address, port, noDelay: true });
    await once(socket, "connect");
    return new RawStream(socket, framing);
  }

  /** Resolves when the bytes have gone out, so that what is written next comes in another piece. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** The numbers that came back, in their order. */
  async answers(count: number): Promise<number[]> {
    while (this.#answers.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    // Threads and processes do not keep the order.
    return this.#answers.splice(0).toSorted((a, b) => a - b);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.ended;
  }
}
