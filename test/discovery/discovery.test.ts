import { describe, expect, test } from "vitest";
import { type AdvertiseOptions, type BrowseOptions, type ServiceChange, advertise, browse } from "../../src/discovery/index.ts";
import type { DnsMessage, DnsRecord, MdnsEvents, MdnsLink, OpenMdns } from "../../src/discovery/mdns.ts";
import { OscDiscoveryError } from "../../src/errors.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { serveOscQuery } from "../../src/oscquery/index.ts";
import {
  AsyncOSCTCPServer,
  AsyncOSCUDPServer,
  AsyncOSCWebSocketServer,
  BlockingOSCTCPServer,
  BlockingOSCUDPServer,
} from "../../src/server/index.ts";

/** A network with one link for each who opens it; everybody hears everybody, as multicast does. */
class Network {
  readonly #members = new Map<MdnsLink, MdnsEvents>();
  readonly sent: DnsMessage[] = [];

  open(address = "127.0.0.1"): OpenMdns {
    return (events) => {
      const send = (message: DnsMessage): void => {
        this.sent.push(message);
        queueMicrotask(() => {
          for (const [link, member] of this.#members) member.message(message, link);
        });
      };
      const link: MdnsLink = {
        address,
        query: (questions) => send({ questions, records: [], isQuery: true }),
        respond: (answers, additionals) => send({ questions: [], records: [...answers, ...additionals], isQuery: false }),
        close: () => {
          queueMicrotask(() => this.#members.delete(link));
          return Promise.resolve();
        },
      };
      this.#members.set(link, events);
      return Promise.resolve([link]);
    };
  }

  /** Somebody says something. */
  say(...records: DnsRecord[]): void {
    for (const [link, member] of this.#members) member.message({ questions: [], records, isQuery: false }, link);
  }

  get size(): number {
    return this.#members.size;
  }
}

function announce(network: Network, options: Partial<AdvertiseOptions> = {}): ReturnType<typeof advertise> {
  return advertise({ type: "osc.udp", name: "Mixer", port: 9000, ...options, openMdns: network.open() } as AdvertiseOptions);
}

function look(network: Network, options: BrowseOptions = {}): AsyncGenerator<ServiceChange, void, undefined> {
  return browse({ ...options, openMdns: network.open() } as BrowseOptions);
}

async function next(changes: AsyncGenerator<ServiceChange, void, undefined>): Promise<ServiceChange> {
  const { value } = await changes.next();
  if (value === undefined) throw new Error("It ended.");
  return value;
}

describe("advertise and browse", () => {
  test("a service appears with its address, port and text, and leaves", async () => {
    const network = new Network();
    const changes = look(network, { type: "osc.udp" });
    const first = next(changes);
    const service = await announce(network, { txt: { uri: "/" } });
    expect(await first).toEqual({
      kind: "up",
      service: {
        type: "osc.udp",
        name: "Mixer",
        host: expect.stringMatching(/^oscine-\w+\.local$/),
        addresses: ["127.0.0.1"],
        port: 9000,
        txt: { txtvers: "1", version: "1.1", uri: "/" },
      },
    });
    await service.close();
    expect(await next(changes)).toMatchObject({ kind: "down", service: { name: "Mixer" } });
    await changes.return();
    expect(network.size).toBe(0);
  });

  test("who looks later finds what is there, of the kinds asked for", async () => {
    const network = new Network();
    await using _a = await announce(network);
    await using _b = await announce(network, { type: "oscquery", name: "Mixer", port: 8080 });
    const found: unknown[] = [];
    for await (const { service } of look(network, { type: "oscquery", timeout: 100 })) found.push([service.type, service.port]);
    expect(found).toEqual([["oscquery", 8080]]);
  });

  test("a name that is taken gets a number", async () => {
    const network = new Network();
    await using first = await announce(network);
    await using second = await announce(network, { port: 9001 });
    await using third = await announce(network, { port: 9002 });
    expect([first.name, second.name, third.name]).toEqual(["Mixer", "Mixer (2)", "Mixer (3)"]);
  });

  test("answers what it is asked, and only that", async () => {
    const network = new Network();
    await using service = await announce(network, { name: "A.B" });
    const asks = async (name: string, type: string): Promise<string[]> => {
      const [link] = await network.open()({ message: () => undefined, error: () => undefined });
      const before = network.sent.length;
      link?.query([{ name, type }]);
      await new Promise((resolve) => setImmediate(resolve));
      await link?.close();
      return network.sent.slice(before + 1).flatMap(({ records }) => records.map((record) => record.type));
    };
    expect(service.name).toBe("A.B");
    expect(await asks("_osc._udp.local", "PTR")).toEqual(["PTR", "SRV", "TXT", "A"]);
    expect(await asks("_OSC._UDP.local", "PTR")).toEqual(["PTR", "SRV", "TXT", "A"]);
    expect(await asks("_services._dns-sd._udp.local", "PTR")).toEqual(["PTR"]);
    expect(await asks("_http._tcp.local", "PTR")).toEqual([]);
    expect(await asks("Other._osc._udp.local", "SRV")).toEqual([]);
  });

  test("a service that says nothing more is forgotten when its time is over", async () => {
    const network = new Network();
    const changes = look(network, { type: "osc.udp" });
    const first = next(changes);
    await new Promise((resolve) => setImmediate(resolve));
    network.say(...records({ ttl: 1 }));
    expect((await first).kind).toBe("up");
    expect((await next(changes)).kind).toBe("down");
    await changes.return();
  });

  test("a service that comes in pieces is asked for the rest, and told of when it is whole and when it changes", async () => {
    const network = new Network();
    const changes = look(network, { type: "osc.udp" });
    const first = next(changes);
    await new Promise((resolve) => setImmediate(resolve));
    const [pointer, srv, txt, a] = records();
    network.say(pointer!);
    await new Promise((resolve) => setImmediate(resolve));
    expect(network.sent.at(-1)?.questions).toContainEqual({ name: "x._osc._udp.local", type: "SRV" });
    network.say(srv!, txt!);
    network.say(a!);
    expect(await first).toMatchObject({
      kind: "up",
      service: { name: "X", host: "x.local", port: 7000, addresses: ["10.0.0.7"], txt: { k: "v" } },
    });
    network.say({ ...srv!, data: { port: 7001, target: "x.local" } });
    expect(await next(changes)).toMatchObject({ kind: "changed", service: { port: 7001 } });
    await changes.return();
  });

  test("lies and floods cost bounded memory and no service", async () => {
    const network = new Network();
    const changes = look(network, { type: "osc.udp", maxServices: 10 });
    const first = next(changes);
    await new Promise((resolve) => setImmediate(resolve));
    network.say(
      { name: "_osc._udp.local", type: "PTR", ttl: 100, data: 5 },
      { name: "_osc._udp.local", type: "PTR", ttl: 100, data: "evil._http._tcp.local" },
      { name: "x._osc._udp.local", type: "SRV", ttl: 100, data: { port: 99_999, target: "x.local" } },
      { name: "x.local", type: "A", ttl: 100, data: "not an address" },
      { name: "x._osc._udp.local", type: "TXT", ttl: 100, data: [Buffer.from("__proto__=1"), Buffer.from("=x"), "text"] },
    );
    network.say(...records());
    for (let index = 0; index < 1000; index++)
      network.say(
        { name: "_osc._udp.local", type: "PTR", ttl: 4e9, data: `flood${index}._osc._udp.local` },
        { name: `h${index}.local`, type: "A", ttl: 1, data: "1.2.3.4" },
      );
    expect(await first).toMatchObject({ kind: "up", service: { name: "X", port: 7000 } });
    expect(network.sent.every(({ questions }) => questions.length <= 64)).toBe(true);
    await changes.return();
  });

  test("a reader that is slow gets one change for each service, however often it changes", async () => {
    const network = new Network();
    const changes = look(network, { type: "osc.udp" });
    const first = next(changes);
    await new Promise((resolve) => setImmediate(resolve));
    network.say(...records());
    expect((await first).kind).toBe("up");
    const [pointer, srv, txt, a] = records();
    for (let port = 1; port <= 5000; port++) network.say({ ...srv!, data: { port, target: "x.local" } });
    for (const ttl of [0, 100, 0, 100]) network.say({ ...pointer!, ttl }, srv!, txt!, a!);
    expect(await next(changes)).toMatchObject({ kind: "changed", service: { port: 7000 } });
    network.say({ ...pointer!, ttl: 0 });
    expect(await next(changes)).toMatchObject({ kind: "down" });
    await changes.return();
  });

  test("a flood of questions and of halves of services is not answered by a flood", async () => {
    const network = new Network();
    await using _service = await announce(network);
    const changes = look(network, { type: "osc.udp" });
    const first = next(changes);
    await first;
    const before = network.sent.length;
    const [asker] = await network.open()({ message: () => undefined, error: () => undefined });
    const questions = Array.from({ length: 200 }, () => ({ name: "_osc._udp.local", type: "PTR" }));
    const ROUNDS = 300;
    for (let round = 0; round < ROUNDS; round++) {
      asker?.query(questions);
      network.say({ name: "_osc._udp.local", type: "PTR", ttl: 100, data: `half${round}._osc._udp.local` });
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(network.sent.length - before - ROUNDS).toBeLessThan(ROUNDS);
    await changes.return();
  });

  test("bad options throw, and a signal or a timeout ends it", async () => {
    for (const options of [
      { type: "http" },
      { name: "" },
      { name: "x".repeat(64) },
      { port: 0 },
      { port: "9000" },
      { txt: { "a=b": "x" } },
      { txt: { long: "x".repeat(300) } },
      { prot: 1 },
    ]) {
      await expect(announce(new Network(), options as never)).rejects.toMatchObject({ code: "OSC_OPTION" });
    }
    await expect(browse({ type: "http" } as never).next()).rejects.toMatchObject({ code: "OSC_OPTION" });
    expect(await look(new Network(), { signal: AbortSignal.abort() }).next()).toEqual({ done: true, value: undefined });
    const failing: OpenMdns = () => Promise.reject(new OscDiscoveryError("OSC_DISCOVERY_FAILED", "no interface"));
    await expect(browse({ openMdns: failing } as never).next()).rejects.toMatchObject({ code: "OSC_DISCOVERY_FAILED" });
  });
});

function records({ ttl = 100 } = {}): DnsRecord[] {
  return [
    { name: "_osc._udp.local", type: "PTR", ttl, data: "X._osc._udp.local" },
    { name: "X._osc._udp.local", type: "SRV", ttl, data: { port: 7000, target: "x.local" } },
    { name: "X._osc._udp.local", type: "TXT", ttl, data: [Buffer.from("k=v")] },
    { name: "x.local", type: "A", ttl, data: "10.0.0.7" },
  ];
}

test("servers refuse bad values of the option advertise at once", async () => {
  const dispatcher = new Dispatcher();
  const bad = expect.objectContaining({ code: "OSC_OPTION" }) as Error;
  for (const advertise of ["Mixer", 1, { name: "" }, { port: 9000 }, { txt: { "a=b": "x" } }]) {
    expect(() => new AsyncOSCUDPServer(["127.0.0.1", 0], dispatcher, { advertise: advertise as never })).toThrow(bad);
    expect(() => new BlockingOSCUDPServer(["127.0.0.1", 0], dispatcher, { advertise: advertise as never })).toThrow(bad);
    await expect(serveOscQuery(dispatcher, { advertise: advertise as never })).rejects.toThrow(bad);
  }
  expect(() => new AsyncOSCWebSocketServer(["127.0.0.1", 0], dispatcher, { advertise: true })).toThrow(/Only UDP and TCP/);
  for (const Server of [AsyncOSCTCPServer, BlockingOSCTCPServer])
    expect(() => new Server({ path: "/run/oscine-test.sock" }, dispatcher, { advertise: true })).toThrow(
      /a Unix domain socket has no service type/,
    );
});
