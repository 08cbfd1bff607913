import { readFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { OscBundle, OscMessage, TimeTag, decode, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { OscDroppedError, OscFrameError, OscServerError } from "../../src/errors.ts";
import { type Framing, encodeFrame, encodeFrames } from "../../src/framing/index.ts";
import { AsyncOSCTCPServer, AsyncOSCWebSocketServer, type AsyncTcpServerOptions, type StreamAddress } from "../../src/server/index.ts";
import { Gate, LOCAL, RawClient, eventually, expectBalance, serve, turns } from "./tcp-fixtures.ts";
import { steadyPort } from "../steady-port.ts";

const FRAMINGS = ["1.0", "1.1"] as const satisfies readonly Framing[];
const message = (address: string, ...args: (number | string | Uint8Array)[]): OscMessage => new OscMessage(address, args);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

interface StreamVector {
  readonly id: string;
  readonly framing: "slip" | "length-prefix";
  readonly stream: string;
  readonly chunks?: readonly number[];
  readonly packets: readonly { readonly hex: string }[];
}

const vectors = readFileSync(new URL("../vectors/streams.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as StreamVector);

describe.each(vectors)("the stream $id, $framing, through a socket", (vector) => {
  const stream = Buffer.from(vector.stream, "hex");
  const cuts: readonly [how: string, sizes: readonly number[]][] = [
    ["whole", [stream.length]],
    ["as it was read", vector.chunks ?? [stream.length]],
    ["byte by byte", numbers(stream.length).map(() => 1)],
  ];

  test.each(cuts)("%s", async (_how, sizes) => {
    const seen: string[] = [];
    class Recorder extends AsyncOSCTCPServer {
      override verifyRequest(data: Uint8Array): boolean {
        seen.push(Buffer.from(data).toString("hex"));
        return true;
      }
    }
    const { server } = await serve({ make: Recorder, strictTiming: false });
    const { socket } = await RawClient.to(server);
    let position = 0;
    for (const size of sizes) {
      socket.write(stream.subarray(position, position + size));
      position += size;
      // The server reads in between, at least now and then.
      if (size < 10_000) await turns(1);
    }
    socket.end();
    await once(socket, "close");
    expect(seen).toEqual(vector.packets.map(({ hex }) => hex));
    expectBalance(server);
  });
});

describe("clients", () => {
  test.each(FRAMINGS)("are answered in their own framing, %s, each on its own connection, all at once", async (framing) => {
    const { server } = await serve();
    const clients = await Promise.all(numbers(20).map(() => RawClient.to(server, framing)));
    await Promise.all(clients.map((client, index) => client.expectEcho(index)));
    expect(server.stats()).toMatchObject({ connections: 20, received: 20, handled: 20, replied: 20, dropped: 0 });
  });

  test("with either framing are served by one server", async () => {
    const { server } = await serve();
    for (const framing of FRAMINGS) await (await RawClient.to(server, framing)).expectEcho(framing);
  });

  test("have addresses that handlers can see", async () => {
    const { server, dispatcher } = await serve();
    dispatcher.map("/who", ({ address, port }) => ["/you", address, port], { needsReplyAddress: true });
    const client = await RawClient.to(server);
    client.send(message("/who"));
    expect(await client.next(1)).toEqual([["/you", LOCAL, client.address.port]]);
  });

  test("are counted while connected", async () => {
    const { server } = await serve();
    const [one] = [await RawClient.to(server), await RawClient.to(server)];
    await eventually(() => server.stats().connections === 2);
    one.socket.destroy();
    await eventually(() => server.stats().connections === 1);
    await server.close();
    expect(server.stats().connections).toBe(0);
  });

  test("are all served, 1,000 at once", async () => {
    const { server } = await serve();
    const clients: RawClient[] = [];
    for (const batch of numbers(10)) {
      clients.push(...(await Promise.all(numbers(100).map(() => RawClient.to(server, FRAMINGS[batch % 2])))));
    }
    await Promise.all(clients.map((client, index) => client.expectEcho(index)));
    expect(server.stats()).toMatchObject({ connections: 1000, handled: 1000, connectionsRefused: 0 });
    for (const { socket } of clients) socket.destroy();
    await eventually(() => server.stats().connections === 0);
  });

  test("that send byte by byte don't delay 50 busy ones", async () => {
    const { server } = await serve();
    const slow = await RawClient.to(server);
    const busy = await Promise.all(numbers(50).map((index) => RawClient.to(server, FRAMINGS[index % 2])));
    const frame = encodeFrame(encode(message("/echo", "at last")), "1.1");
    for (const [index, byte] of frame.entries()) {
      slow.socket.write(Uint8Array.of(byte));
      // All of them ask and are answered between two bytes.
      await Promise.all(busy.map((client) => client.expectEcho(index)));
    }
    expect(await slow.next(1)).toEqual([["/echoed", "at last"]]);
    expect(server.stats().handled).toBe(50 * frame.length + 1);
  });
});

describe("order and pace", () => {
  test("packets of a connection are handled one at a time, even if handlers await, and replies keep the order", async () => {
    const { server, dispatcher } = await serve({ maxPending: 3 });
    // Every third is asynchronous, so that packets are handled at once, wait, and come in while others are settled.
    dispatcher.map("/mixed", (_address: string, index: number) => {
      if (index % 3 !== 0) return ["/done", index];
      return new Promise((resolve) => setImmediate(() => resolve(["/done", index])));
    });
    const client = await RawClient.to(server);
    client.send(...numbers(300).map((index) => message("/mixed", index)));
    expect(await client.next(300)).toEqual(numbers(300).map((index) => ["/done", index]));
  });

  test("a busy handler delays only its own connection, and nothing is lost", async () => {
    const gate = new Gate();
    const { server, dispatcher } = await serve({ maxPending: 8, maxQueue: 1000 });
    dispatcher.map("/slow", async (_address: string, index: number) => {
      await gate.opened;
      return ["/done", index];
    });
    const busy = await RawClient.to(server);
    const other = await RawClient.to(server);
    // More than the system and one read could hold.
    const packets = numbers(500).map((index) => message("/slow", index, new Uint8Array(40_000)));
    for (const packet of packets) busy.send(packet);
    await eventually(() => server.stats().inProgress === 8);
    for (const index of numbers(50)) await other.expectEcho(index);
    expect(server.stats()).toMatchObject({ inProgress: 8, received: 58 });
    // The sender is held up by TCP itself.
    expect(busy.socket.writableLength).toBeGreaterThan(0);
    gate.open();
    expect(await busy.next(500)).toEqual(numbers(500).map((index) => ["/done", index]));
    expect(server.stats()).toMatchObject({ received: 550, handled: 550, dropped: 0 });
  });

  test.each([
    ["maxQueue", { maxQueue: 10 }],
    ["maxQueueBytes", { maxQueueBytes: 400 }],
  ])("%s of all connections together is enforced by pausing reads; nothing is dropped, and none starves", async (_name, limits) => {
    const { server, dispatcher } = await serve({ ...limits, overflow: "drop-oldest", concurrency: 4 });
    const order: string[] = [];
    let most = 0;
    dispatcher.map("/slow", async (_address: string, name: string, index: number) => {
      most = Math.max(most, server.stats().inProgress);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(name);
      return ["/done", index];
    });
    const clients = await Promise.all(numbers(5).map(() => RawClient.to(server, "1.0")));
    // 40 bytes each.
    for (const [name, client] of clients.entries())
      client.send(...numbers(100).map((index) => message("/slow", `client ${name} `, index, 0, 0)));
    for (const client of clients) expect(await client.next(100)).toEqual(numbers(100).map((index) => ["/done", index]));
    expect(most).toBe(10);
    expect(server.stats()).toMatchObject({ received: 500, handled: 500, dropped: 0 });
    // When the first has all of its done, none of the others is far behind.
    const lastOfFirst = Math.min(...numbers(5).map((name) => order.lastIndexOf(`client ${name} `)));
    expect(lastOfFirst).toBeGreaterThan(300);
    expectBalance(server);
  });

  test("a packet larger than maxQueueBytes passes alone", async () => {
    const { server, dispatcher } = await serve({ maxQueueBytes: 100 });
    dispatcher.map("/size", async (_address: string, blob: Uint8Array) => Promise.resolve(["/size", blob.length]));
    const client = await RawClient.to(server, "1.0");
    client.send(message("/size", new Uint8Array(5000)), message("/size", new Uint8Array(4)), message("/size", new Uint8Array(6000)));
    expect(await client.next(3)).toEqual([
      ["/size", 5000],
      ["/size", 4],
      ["/size", 6000],
    ]);
  });

  test("pauses a client that doesn't read its replies, but not others, and sends all of them once it reads", async () => {
    const { server, dispatcher } = await serve();
    dispatcher.map("/large", (_address: string, index: number) => ["/large", index, new Uint8Array(10_000)]);
    const deaf = await RawClient.to(server);
    deaf.socket.pause();
    const other = await RawClient.to(server);
    deaf.send(...numbers(2000).map((index) => message("/large", index)));
    let before = -1;
    // Until the system's buffers are full.
    while (server.stats().received !== before) {
      before = server.stats().received;
      await turns(20);
    }
    expect(server.stats().received).toBeLessThan(1500);
    for (const index of numbers(20)) await other.expectEcho(index);
    deaf.socket.resume();
    expect((await deaf.next(2000)).map(([, index]) => index)).toEqual(numbers(2000));
    expect(server.stats()).toMatchObject({ handled: 2020, replied: 2020, dropped: 0, connectionsEnded: 0 });
  });

  test("disconnects and reports a client with more unread replies than maxBuffered", async () => {
    const { server, dispatcher, errors, reported } = await serve({ maxBuffered: 100_000 });
    dispatcher.map("/huge", () => ["/huge", new Uint8Array(15_000_000)]);
    const deaf = await RawClient.to(server);
    deaf.socket.pause();
    deaf.send(message("/huge"));
    await reported(1);
    expect(errors[0]?.error).toMatchObject({ code: "OSC_DROPPED", limit: "maxBuffered" });
    expect(errors[0]?.client).toEqual(deaf.address);
    await eventually(() => server.stats().connections === 0);
    expect(server.stats().connectionsEnded).toBe(1);
  });

  test("waiting bundles don't delay their connection, and closing it drops no packets of others", async () => {
    const { server } = await serve({ maxPending: 2, maxQueue: 2 });
    const client = await RawClient.to(server);
    // Longer than a busy machine takes for one message.
    const due = TimeTag.in(500);
    client.send(...numbers(20).map((index) => new OscBundle([message("/echo", `later ${index}`)], due)));
    await client.expectEcho("now");
    expect((await client.next(20)).map(([, text]) => text)).toEqual(numbers(20).map((index) => `later ${index}`));
    expect(server.stats()).toMatchObject({ handled: 21, dropped: 0, waiting: 0 });
  });
});

describe("broken streams", () => {
  test("skips only a broken SLIP frame, and reports it with the client's address", async () => {
    const { errors, reported, server } = await serve();
    const client = await RawClient.to(server);
    client.socket.write(encodeFrames([encode(message("/echo", 1))], "1.1"));
    client.socket.write(Uint8Array.of(0xc0, 0x2f, 0xdb, 0x01, 0x02, 0xc0));
    client.send(message("/echo", 2));
    expect(await client.next(2)).toEqual([
      ["/echoed", 1],
      ["/echoed", 2],
    ]);
    await reported(1);
    expect(errors).toMatchObject([{ error: { code: "OSC_FRAME_BAD_ESCAPE", fatal: false }, client: client.address }]);
    expect(server.stats()).toMatchObject({ connections: 1, connectionsEnded: 0, faults: 1 });
  });

  test.each([
    ["a size prefix of 0x7FFFFFFF", [0x7f, 0xff, 0xff, 0xff, 1, 2, 3], "OSC_FRAME_TOO_LARGE"],
    ["a size prefix below zero", [0xff, 0xff, 0xff, 0xfc], "OSC_FRAME_BAD_SIZE"],
    ["a size prefix of zero", [0, 0, 0, 0], "OSC_FRAME_BAD_SIZE"],
  ])("%s ends the connection after answering earlier packets", async (_name, bytes, code) => {
    const { errors, server } = await serve();
    const client = await RawClient.to(server, "1.0");
    const other = await RawClient.to(server, "1.0");
    client.socket.write(Buffer.concat([encodeFrame(encode(message("/echo", "before")), "1.0"), Uint8Array.from(bytes)]));
    client.send(message("/echo", "after"));
    await client.ended;
    expect(await client.next(1)).toEqual([["/echoed", "before"]]);
    expect(client.arrived).toEqual([]);
    expect(errors).toMatchObject([{ error: { code, fatal: true }, client: client.address }]);
    await eventually(() => server.stats().connections === 1);
    expect(server.stats().connectionsEnded).toBe(1);
    await other.expectEcho("still here");
  });

  test("stops reading from a client that keeps sending after its stream broke", async () => {
    const { server } = await serve();
    const socket = connect({ port: server.serverAddress.port, host: LOCAL, allowHalfOpen: true });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    const garbage = new Uint8Array(10_000).fill(0xff);
    const flood = setInterval(() => socket.writable && socket.write(garbage), 1);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(flood);
    expect(server.stats()).toMatchObject({ connectionsEnded: 1, received: 0 });
  });

  test("detects another protocol by its first byte", async () => {
    const { errors, server } = await serve();
    const client = await RawClient.to(server);
    client.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await client.ended;
    expect(errors.map(({ error }) => error.code)).toEqual(["OSC_FRAME_UNKNOWN"]);
    expect(errors[0]?.error).toBeInstanceOf(OscFrameError);
  });

  test("treats 64 MB of endless garbage as one broken frame, and buffers at most maxPacketSize", async () => {
    const { errors, server } = await serve({ maxPacketSize: 10_000 });
    const client = await RawClient.to(server);
    const garbage = new Uint8Array(1_000_000).fill(0x2f);
    for (let sent = 0; sent < 64; sent += 1) if (!client.socket.write(garbage)) await once(client.socket, "drain");
    client.socket.write(Uint8Array.of(0xc0));
    await client.expectEcho("after all that");
    expect(errors.map(({ error }) => error.code)).toEqual(["OSC_FRAME_TOO_LARGE"]);
    expect(server.stats()).toMatchObject({ received: 1, handled: 1, faults: 1 });
  });

  test("rejects and counts 4 MB of garbage frame by frame", async () => {
    const { server } = await serve();
    const client = await RawClient.to(server);
    const frames = encodeFrames(
      numbers(1000).map((index) => new Uint8Array(100).fill(1 + (index % 40))),
      "1.1",
    );
    for (let sent = 0; sent < 40; sent += 1) client.socket.write(frames);
    await client.expectEcho("after all that");
    const { received, handled, rejected } = server.stats();
    expect([received, handled, rejected["not-osc"] + rejected.malformed]).toEqual([40_001, 1, 40_000]);
    expectBalance(server);
  });

  test("without framing, each read is a packet, and each reply a write", async () => {
    const { server } = await serve({ framing: "none" });
    const client = connect(server.serverAddress.port, "127.0.0.1");
    onTestFinished(() => void client.destroy());
    client.write(encode(message("/echo", "bare")));
    const [reply] = (await once(client, "data")) as [Uint8Array];
    expect(decode(reply)).toMatchObject({ address: "/echoed", args: ["bare"] });
  });

  test("reports a client without framing while connected, with the option to set", async () => {
    const { errors, reported, server } = await serve();
    const client = connect(server.serverAddress.port, "127.0.0.1");
    onTestFinished(() => void client.destroy());
    client.write(encode(message("/echo", "bare")));
    await reported(1);
    expect(errors[0]?.error).toMatchObject({
      code: "OSC_FRAME_UNKNOWN",
      fatal: false,
      message: expect.stringContaining('framing to "none"'),
    });
    expect(server.stats()).toMatchObject({ connections: 1, received: 0, faults: 1 });
  });

  test("the last SLIP frame before an orderly end needs no END", async () => {
    const { server } = await serve();
    const client = connect(server.serverAddress.port, "127.0.0.1");
    onTestFinished(() => void client.destroy());
    client.end(encodeFrame(encode(message("/echo", "last")), "1.1").subarray(0, -1));
    const [reply] = (await once(client, "data")) as [Uint8Array];
    expect(decode(reply.subarray(1, -1))).toMatchObject({ address: "/echoed", args: ["last"] });
    expect(server.stats()).toMatchObject({ received: 1, faults: 0 });
  });

  test("handles packets before a reset in the middle of a frame, and reports the rest", async () => {
    const { dispatcher, errors, reported, server } = await serve();
    let handled = 0;
    dispatcher.map("/count", () => void (handled += 1));
    const client = await RawClient.to(server, "1.0");
    const frame = encodeFrame(encode(message("/count")), "1.0");
    client.socket.write(Buffer.concat([frame, frame, frame.subarray(0, 10)]));
    await eventually(() => handled === 2);
    client.socket.resetAndDestroy();
    await reported(2);
    expect(errors.map(({ error }) => error.code)).toEqual(["ECONNRESET", "OSC_FRAME_TRUNCATED"]);
    expect(errors.every((one) => one.client?.port === client.address.port || client.address.port === 0)).toBe(true);
    await eventually(() => server.stats().connections === 0);
    expect(server.stats()).toMatchObject({ received: 2, handled: 2, socketErrors: 1 });
  });

  test("handles packets read before a client disconnects, and reports their replies as lost", async () => {
    const gate = new Gate();
    const { dispatcher, errors, server } = await serve({ maxPending: 2, maxReports: 100 });
    let handled = 0;
    dispatcher.map("/slow", async () => {
      await gate.opened;
      handled += 1;
      return "/done";
    });
    const client = await RawClient.to(server);
    client.send(...numbers(50).map(() => message("/slow")));
    await eventually(() => server.stats().inProgress === 2);
    client.socket.resetAndDestroy();
    await eventually(() => server.stats().connections === 0);
    gate.open();
    await eventually(() => handled === 50);
    await turns();
    expect(server.stats()).toMatchObject({ received: 50, handled: 50, replied: 50, dropped: 0, inProgress: 0 });
    expect(errors.filter(({ error }) => error.code === "EPIPE")).toHaveLength(50);
  });

  test("sends a client that half-closes its replies before closing", async () => {
    const gate = new Gate();
    const { dispatcher, errors, server } = await serve();
    dispatcher.map("/slow", async (_address: string, index: number) => {
      await gate.opened;
      return ["/done", index];
    });
    const client = await RawClient.to(server);
    client.send(...numbers(100).map((index) => message("/slow", index)));
    client.socket.end();
    await eventually(() => server.stats().inProgress === 64);
    await turns();
    gate.open();
    await client.ended;
    expect((await client.next(100)).map(([, index]) => index)).toEqual(numbers(100));
    expect(errors).toEqual([]);
  });
});

describe("limits of connections", () => {
  test("maxConnections: rejects, counts and reports one more, and accepts another when one leaves", async () => {
    const { errors, reported, server } = await serve({ maxConnections: 2 });
    const [first] = [await RawClient.to(server), await RawClient.to(server)];
    const third = await RawClient.to(server);
    await third.ended;
    await reported(1);
    expect(errors[0]?.error).toBeInstanceOf(OscDroppedError);
    expect(errors[0]?.error).toMatchObject({ limit: "maxConnections" });
    expect(errors[0]?.client).toMatchObject({ address: LOCAL });
    expect(server.stats()).toMatchObject({ connections: 2, connectionsRefused: 1 });
    first.socket.destroy();
    await eventually(() => server.stats().connections === 1);
    await (await RawClient.to(server)).expectEcho("in");
  });

  test("allow: rejects others before they can send", async () => {
    const { errors, reported, server } = await serve({ allow: ["192.0.2.0/24"] });
    const client = await RawClient.to(server);
    await client.ended;
    await reported(1);
    expect(errors).toMatchObject([{ error: { code: "OSC_REJECTED", reason: "sender" }, client: { address: LOCAL } }]);
    expect(server.stats()).toMatchObject({ connections: 0, connectionsRefused: 1, received: 0 });
  });

  test("maxIdle: closes and reports an idle connection, but not one with a packet in progress", async () => {
    const { dispatcher, errors, server } = await serve({ maxIdle: 100 });
    dispatcher.map("/slow", async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return "/done";
    });
    const client = await RawClient.to(server);
    client.send(message("/slow"));
    expect(await client.next(1)).toEqual([["/done"]]);
    expect(errors).toEqual([]);
    await client.ended;
    expect(errors).toMatchObject([{ error: { code: "OSC_TIMEOUT", message: expect.stringContaining("maxIdle") }, client: client.address }]);
    expect(server.stats().connectionsEnded).toBe(1);
  });
});

describe("close", () => {
  test("delivers the replies of running handlers, closes every connection, and drops and counts queued packets", async () => {
    const gate = new Gate();
    const { dispatcher, server } = await serve();
    dispatcher.map("/slow", async (_address: string, index: number) => {
      await gate.opened;
      return ["/done", index];
    });
    const clients = [await RawClient.to(server), await RawClient.to(server, "1.0")];
    const idle = await RawClient.to(server);
    for (const client of clients) client.send(...numbers(200).map((index) => message("/slow", index)));
    await eventually(() => server.stats().inProgress === 128);
    const closed = server.close();
    await turns();
    gate.open();
    await closed;
    for (const client of clients) {
      await client.ended;
      expect(await client.next(1)).toEqual([["/done", 0]]);
      expect(client.arrived).toEqual([]);
    }
    await idle.ended;
    expect(server.stats()).toMatchObject({ received: 400, handled: 2, dropped: 398, inProgress: 0, connections: 0 });
  });

  test.each(FRAMINGS)("stops reading, however much a client sends, framing %s", async (framing) => {
    const gate = new Gate();
    const { dispatcher, server } = await serve();
    dispatcher.map("/slow", async () => {
      await gate.opened;
      return ["/done"];
    });
    const client = await RawClient.to(server, framing);
    client.send(message("/slow"));
    await eventually(() => server.stats().inProgress === 1);
    const closed = server.close();
    const large = message("/large", new Uint8Array(8000));
    client.send(...numbers(4000).map(() => large));
    await turns(50);
    gate.open();
    await closed;
    expect(await client.next(1)).toEqual([["/done"]]);
    expect(server.stats()).toMatchObject({ received: 1, handled: 1, dropped: 0, inProgress: 0, connections: 0 });
  });

  test("sends a large reply completely", async () => {
    const { dispatcher, server } = await serve();
    dispatcher.map("/large", () => ["/large", new Uint8Array(8_000_000).fill(0xc0)]);
    const client = await RawClient.to(server);
    client.send(message("/large"));
    await eventually(() => server.stats().replied === 1);
    await server.close();
    const [reply] = await client.next(1);
    expect(reply?.[1]).toHaveLength(8_000_000);
  });

  test("doesn't wait forever for a client that never closes its side", async () => {
    const { server } = await serve();
    const socket = connect({ port: server.serverAddress.port, host: LOCAL, allowHalfOpen: true });
    await once(socket, "connect");
    socket.on("error", () => undefined);
    socket.write(Uint8Array.of(0xc0));
    await eventually(() => server.stats().connections === 1);
    await server.close();
    expect(server.stats().connections).toBe(0);
    socket.destroy();
  });

  test("frees the port, even in a handler, and the server can serve again", async () => {
    const port = await steadyPort();
    const { dispatcher, server } = await serve({ address: [LOCAL, port] });
    dispatcher.map("/quit", (context) => context.shutdown(), { needsContext: true });
    const client = await RawClient.to(server);
    client.send(message("/quit"));
    await client.ended;
    await server.close();
    const [again] = await new AsyncOSCTCPServer([LOCAL, port], new Dispatcher()).createServeEndpoint();
    await again.close();
    await server.createServeEndpoint();
    await (await RawClient.to(server)).expectEcho("again");
  });
});

describe("options", () => {
  const wrong: readonly [AsyncTcpServerOptions, named: string][] = [
    [{ framing: "2.0" as "1.0" }, "framing"],
    [{ mode: "auto" as "1.0", framing: "1.1" }, "mode"],
    [{ mode: "1.0", framing: "1.1" }, "mode"],
    [{ maxConnections: 0 }, "maxConnections"],
    [{ maxPending: 1.5 }, "maxPending"],
    [{ maxBuffered: -1 }, "maxBuffered"],
    [{ maxIdle: 0 }, "maxIdle"],
    [{ maxIdle: 2 ** 31 }, "maxIdle"],
    [{ backlog: Number.NaN }, "backlog"],
    [{ maxPacketSize: 2 }, "maxPacketSize"],
    [{ maxPacketSize: 2 ** 32 }, "maxPacketSize"],
    [{ maxQueue: 0 }, "maxQueue"],
  ];
  test.each(wrong)("%o is rejected immediately", (options, named) => {
    const make = (): AsyncOSCTCPServer => new AsyncOSCTCPServer([LOCAL, 0], new Dispatcher(), options);
    expect(make).toThrow(OscServerError);
    expect(make).toThrow(expect.objectContaining({ code: "OSC_OPTION", message: expect.stringContaining(named) }));
  });

  test.each<[unknown, string]>([
    [["", 1], "Host"],
    [[LOCAL, 70_000], "Port"],
    [{ path: "" }, "path"],
    [{ path: 7 }, "path"],
  ])("the address %o is rejected immediately", (address, named) => {
    const make = (): AsyncOSCTCPServer => new AsyncOSCTCPServer(address as StreamAddress, new Dispatcher());
    expect(make).toThrow(expect.objectContaining({ code: "OSC_OPTION", message: expect.stringContaining(named) }));
  });

  test.each(FRAMINGS)("mode %s is an alias of framing, and no other framing is read", async (mode) => {
    const { server } = await serve({ mode });
    await (await RawClient.to(server, mode)).expectEcho(mode);
  });

  test("a taken port is reported as EADDRINUSE, with advice", async () => {
    const { server } = await serve();
    const second = new AsyncOSCTCPServer(server.serverAddress, new Dispatcher());
    await expect(second.serve()).rejects.toMatchObject({ code: "EADDRINUSE", address: `${LOCAL}:${server.serverAddress.port}` });
  });
});

test.each([
  ["TCP", () => new AsyncOSCTCPServer([LOCAL, 0], new Dispatcher())],
  ["WebSocket", () => new AsyncOSCWebSocketServer([LOCAL, 0], new Dispatcher())],
])("a %s server closed while opening has ended when close() resolves, and can serve again", async (_name, make) => {
  const server = make();
  const serving = server.serve();
  await server.close();
  await serving;
  expect(server.serverAddress.port).toBe(0);
  const [transport] = await server.createServeEndpoint();
  expect(server.serverAddress.port).toBeGreaterThan(0);
  await transport.close();
});
