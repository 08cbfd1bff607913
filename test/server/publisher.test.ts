import { once } from "node:events";
import { createSocket } from "node:dgram";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OscMessage, decode, encode } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { type NetAddress, ipAddress } from "../../src/net-address.ts";
import { AsyncOSCUDPServer, Publisher, type PublisherOptions } from "../../src/server/index.ts";

const [A, B] = [ipAddress("10.0.0.1", 9000), ipAddress("10.0.0.1", 9001)];

function setUp(options?: PublisherOptions) {
  const sent: string[] = [];
  const server = {
    send: (packet: Uint8Array, { port }: NetAddress): void => {
      const { address, args } = decode(packet) as OscMessage;
      sent.push(`${port} ${address} ${args.join()}`);
    },
  };
  const publisher = new Publisher(server, options);
  return { publisher, sent, take: () => sent.splice(0) };
}

describe("a publisher", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("sends the first value immediately, then the newest of each address in turn", () => {
    const { publisher, take } = setUp({ maxRate: 50 });
    publisher.subscribe(A);
    publisher.publish("/a", [0]);
    expect(take()).toEqual(["9000 /a 0"]);
    for (let value = 1; value <= 100; value += 1) publisher.publish("/a", [value]);
    publisher.publish("/b", [7]);
    vi.advanceTimersByTime(19);
    expect(take()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(take()).toEqual(["9000 /a 100", "9000 /b 7"]);
    vi.advanceTimersByTime(1000);
    expect(take()).toEqual([]);
    publisher.publish("/a", [101]);
    expect(take()).toEqual(["9000 /a 101"]);
    expect(publisher.stats()).toEqual({ subscribers: 1, sent: 4, replaced: 99, dropped: 0 });
  });

  test("skips the client that changed the value", () => {
    const { publisher, take } = setUp();
    for (const client of [A, B, A]) publisher.subscribe(client);
    publisher.publish("/a", [1], { ...A });
    expect(take()).toEqual(["9001 /a 1"]);
    expect([publisher.unsubscribe(B), publisher.unsubscribe(B)]).toEqual([true, false]);
    vi.advanceTimersByTime(20);
    publisher.publish("/a", [2]);
    expect(take()).toEqual(["9000 /a 2"]);
  });

  test("bounds subscribers and their queues, and forgets those that don't renew", () => {
    const { publisher, take } = setUp({ maxSubscribers: 1, maxWaiting: 3, lifetime: 1000 });
    expect([publisher.subscribe(A), publisher.subscribe(B), publisher.subscribe(A)]).toEqual([true, false, true]);
    publisher.publish("/a", [0]);
    take();
    for (let index = 0; index < 1000; index += 1) publisher.publish(`/${index}`, [index]);
    expect(publisher.stats().dropped).toBe(997);
    vi.advanceTimersByTime(20);
    expect(take()).toEqual(["9000 /0 0", "9000 /1 1", "9000 /2 2"]);
    vi.advanceTimersByTime(1000);
    publisher.publish("/a", [1]);
    expect([take(), publisher.stats().subscribers]).toEqual([[], 0]);
    expect(publisher.subscribe(B)).toBe(true);
  });

  test("ends when the server closes, and rejects bad arguments", () => {
    let isClosed = false;
    const publisher = new Publisher({
      send: () => {
        if (isClosed) throw new Error("closed");
      },
    });
    publisher.subscribe(A);
    publisher.publish("/a", [1]);
    publisher.publish("/a", [2]);
    isClosed = true;
    vi.advanceTimersByTime(20);
    expect(publisher.stats().subscribers).toBe(0);
    const bad = expect.objectContaining({ code: "OSC_OPTION" }) as Error;
    expect(() => new Publisher({} as never)).toThrow(bad);
    expect(() => new Publisher({ send: () => undefined }, { maxRate: 0 })).toThrow(bad);
    expect(() => publisher.subscribe("client" as never)).toThrow(bad);
  });
});

test("sends subscribed UDP clients the snapshot and other clients' changes", async () => {
  const dispatcher = new Dispatcher();
  const server = new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher);
  using publisher = new Publisher(server);
  dispatcher.map("/gain", { types: "i", value: [5] }, (client, address, gain) => publisher.publish(address, [gain], client), {
    needsReplyAddress: true,
  });
  dispatcher.map("/subscribe", (client) => (publisher.subscribe(client) ? dispatcher.namespace.snapshot() : null), {
    needsReplyAddress: true,
  });
  const [transport] = await server.createServeEndpoint();
  const tablets = [createSocket("udp4"), createSocket("udp4")] as const;
  const [first, second] = tablets;
  const ask = (socket: typeof first, ...message: ConstructorParameters<typeof OscMessage>): void =>
    socket.send(encode(new OscMessage(...message)), server.serverAddress.port, "127.0.0.1");
  for (const socket of tablets) {
    const answer = once(socket, "message");
    ask(socket, "/subscribe");
    expect(decode((await answer)[0] as Uint8Array)).toMatchObject({ elements: [{ address: "/gain", args: [5] }] });
  }
  const heard = once(second, "message");
  first.on("message", () => expect.fail("the sender must not hear its own change"));
  ask(first, "/gain", [8]);
  expect(decode((await heard)[0] as Uint8Array)).toMatchObject({ address: "/gain", args: [8] });
  for (const socket of tablets) socket.close();
  await transport.close();
});
