import { describe, expect, test } from "vitest";
import { PacketClient } from "../../src/client/index.ts";
import type { ConnectionSettings } from "../../src/client/connection.ts";
import type { PacketLink, PacketLinkEvents } from "../../src/client/link.ts";
import { CLIENT_CHECKS } from "../../src/client/options.ts";
import { readOptions } from "../../src/options.ts";
import { OscMessage, type OscPacket, decode, encode } from "../../src/codec/index.ts";
import { type OscError, OscSocketError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";
import { collect } from "./clients.ts";

const HERE: NetAddress = { address: "127.0.0.1", port: 1, family: "IPv4" };
const THERE: NetAddress = { address: "127.0.0.1", port: 2, family: "IPv4" };

/** A link without a socket, in the hands of the test. */
class TestLink implements PacketLink {
  readonly events: PacketLinkEvents;
  readonly sent: OscPacket[] = [];
  /** What is on its way and the system has not taken yet. */
  readonly onTheWay: ((error: OscError | null) => void)[] = [];
  alive: "on" | "off" = "off";
  isOpen = false;
  finishOpening: (error?: OscError) => void = () => undefined;

  constructor(events: PacketLinkEvents) {
    this.events = events;
  }

  open(): Promise<NetAddress> {
    return new Promise((resolve, reject) => {
      this.finishOpening = (error) => {
        this.isOpen = error === undefined;
        if (error === undefined) resolve(HERE);
        else reject(error);
      };
    });
  }

  send(packet: Uint8Array, _to: NetAddress | null, done: (error: OscError | null) => void): void {
    this.sent.push(decode(packet));
    this.onTheWay.push(done);
  }

  keepAlive(how: "on" | "off"): void {
    this.alive = how;
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }

  /** The system takes all that is on its way, or refuses it. */
  settle(error: OscError | null = null): void {
    for (const done of this.onTheWay.splice(0)) done(error);
  }

  receive(packet: OscPacket): void {
    this.events.onPacket(encode(packet), THERE);
  }
}

const NO_LIMITS: ConnectionSettings = {
  reconnect: null,
  offline: "queue",
  maxUnsent: Infinity,
  maxUnsentBytes: Infinity,
  maxUnsentTime: Infinity,
  overflow: "drop-newest",
  closeTimeout: Infinity,
  maxInFlightBytes: Infinity,
};

class TestClient extends PacketClient {
  readonly links: TestLink[];

  constructor() {
    const links: TestLink[] = [];
    const create = (events: PacketLinkEvents): TestLink => {
      const link = new TestLink(events);
      links.push(link);
      return link;
    };
    super("there:2", create, readOptions("TestClient", { onError: () => undefined }, CLIENT_CHECKS), NO_LIMITS);
    this.links = links;
  }

  get link(): TestLink {
    return this.links.at(-1)!;
  }

  async opened(): Promise<TestLink> {
    const opening = this.open();
    this.link.finishOpening();
    await opening;
    return this.link;
  }
}

const refused = (): OscSocketError => new OscSocketError("ECONNREFUSED", "Nobody there.", "there:2");

describe("a client over any link", () => {
  test("creates no link before the first use, and then one", async () => {
    const client = new TestClient();
    expect(client.links).toHaveLength(0);
    void client.send(new OscMessage("/a"));
    void client.send(new OscMessage("/b"));
    void client.messages().next();
    expect(client.links).toHaveLength(1);
    expect(client.clientAddress).toBeNull();
    client.link.finishOpening();
    expect(await client.open()).toEqual(HERE);
    expect(client.clientAddress).toEqual(HERE);
    expect(client.link.sent).toEqual([new OscMessage("/a"), new OscMessage("/b")]);
    expect(client.links).toHaveLength(1);
  });

  test("tries again with another link if the first couldn't be opened", async () => {
    const client = new TestClient();
    const first = client.send(new OscMessage("/a"));
    client.link.finishOpening(refused());
    await expect(first).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const second = client.send(new OscMessage("/b"));
    expect(client.links).toHaveLength(2);
    await client.opened();
    client.link.settle();
    await second;
    expect(client.stats()).toMatchObject({ sent: 1, sendErrors: 1 });
  });

  test("waits in close() for packets in flight and for the link to open", async () => {
    const client = new TestClient();
    const send = client.send(new OscMessage("/a"));
    let isClosed = false;
    const closing = client.close().then(() => {
      isClosed = true;
    });
    client.link.finishOpening();
    await expect.poll(() => client.link.sent).toHaveLength(1);
    expect([isClosed, client.link.isOpen]).toEqual([false, true]);
    client.link.settle();
    await Promise.all([send, closing]);
    expect([isClosed, client.link.isOpen]).toEqual([true, false]);
  });

  test("finishes close() if the link breaks meanwhile", async () => {
    const client = new TestClient();
    const link = await client.opened();
    const send = client.send(new OscMessage("/a"));
    const closing = client.close();
    link.events.onEnd(refused());
    link.settle(refused());
    await expect(send).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await closing;
    expect(client.clientAddress).toBeNull();
  });

  test("hears nothing after close()", async () => {
    const client = new TestClient();
    const link = await client.opened();
    await client.close();
    link.receive(new OscMessage("/late"));
    expect(client.stats()).toMatchObject({ received: 0, unread: 0 });
  });

  test("keeps the process alive while something waits, and only then", async () => {
    const client = new TestClient();
    const link = await client.opened();
    expect(link.alive).toBe("off");
    const controller = new AbortController();
    const messages = collect(client.messages({ signal: controller.signal }));
    const request = client.request("/x", [], { timeout: Infinity });
    await expect.poll(() => link.alive).toBe("on");
    link.settle();
    link.receive(new OscMessage("/x"));
    await request;
    expect(link.alive).toBe("on");
    controller.abort();
    await messages;
    expect(link.alive).toBe("off");
  });
});

describe("when the link ends by itself", () => {
  test("ends iterations after the messages that have arrived, and rejects requests with the reason", async () => {
    const client = new TestClient();
    const link = await client.opened();
    const iteration = client.messages();
    link.receive(new OscMessage("/a"));
    link.receive(new OscMessage("/b"));
    expect((await iteration.next()).value).toEqual(new OscMessage("/a"));
    const request = client.request("/x", [], { timeout: Infinity });
    link.settle();
    link.events.onEnd(refused());
    await expect(request).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(client.clientAddress).toBeNull();
    expect(await collect(iteration)).toEqual([new OscMessage("/b")]);
  });

  test("rejects requests with OSC_CLOSED without a reason, and ends waiting iterations", async () => {
    const client = new TestClient();
    const link = await client.opened();
    const iteration = collect(client.messages());
    const request = client.request("/x", [], { timeout: Infinity });
    link.events.onEnd(null);
    await expect(request).rejects.toMatchObject({ code: "OSC_CLOSED", message: expect.stringContaining("there:2") });
    expect(await iteration).toEqual([]);
  });

  test("opens another link at the next use, and keeps unread messages", async () => {
    const client = new TestClient();
    const link = await client.opened();
    link.receive(new OscMessage("/left"));
    link.events.onEnd(null);
    const send = client.send(new OscMessage("/again"));
    expect(client.links).toHaveLength(2);
    const again = await client.opened();
    again.settle();
    await send;
    expect(await collect(client.messages({ timeout: 0 }))).toEqual([new OscMessage("/left")]);
  });
});
