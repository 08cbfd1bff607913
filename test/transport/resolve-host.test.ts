import { promises } from "node:dns";
import { networkInterfaces } from "node:os";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OscMessage } from "../../src/codec/index.ts";
import { Dispatcher } from "../../src/dispatch/index.ts";
import { plainAddress } from "../../src/net-address.ts";
import { AsyncOSCTCPServer, AsyncOSCUDPServer, AsyncOSCWebSocketServer } from "../../src/server/index.ts";
import { resolveHost } from "../../src/transport/resolve-host.ts";
import { Correspondent, openWire } from "../shared/wire.ts";

/** Answers as systems do that list `::1 localhost` first. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  localhost: ["::1", "127.0.0.1"],
  "six.example": ["2001:db8::1"],
  "mapped.example": ["::ffff:10.0.0.5"],
  "none.example": [],
};

beforeEach(() => {
  const lookup = (host: string, { family }: { family?: number }): Promise<{ address: string; family: number }[]> => {
    const addresses = NAMES[host];
    if (addresses === undefined) return Promise.reject(Object.assign(new Error(host), { code: "ENOTFOUND" }));
    const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    return Promise.resolve(found.filter((one) => family === 0 || one.family === family));
  };
  vi.spyOn(promises, "lookup").mockImplementation(lookup as never);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("resolveHost", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["::ffff:10.0.0.5", "10.0.0.5"],
    ["localhost", "127.0.0.1"],
    ["six.example", "2001:db8::1"],
    ["mapped.example", "10.0.0.5"],
  ])("%s is %s", async (host, expected) => {
    expect(await resolveHost(host)).toBe(expected);
  });

  test("looks for the IP version that was asked for", async () => {
    expect(await resolveHost("localhost", 6)).toBe("::1");
    await expect(resolveHost("six.example", 4)).rejects.toMatchObject({ code: "ENOTFOUND" });
  });

  test.each(["unknown.example", "none.example"])("says that %s cannot be looked up", async (host) => {
    await expect(resolveHost(host)).rejects.toMatchObject({
      name: "OscSocketError",
      code: "ENOTFOUND",
      message: expect.stringContaining(`Cannot look up ${host}`) as string,
    });
  });
});

test.each([
  ["::ffff:127.0.0.1", "127.0.0.1"],
  ["::FFFF:10.1.2.3", "10.1.2.3"],
  ["::ffff:7f00:1", "127.0.0.1"],
  ["::ffff:a01:203", "10.1.2.3"],
  ["0:0:0:0:0:ffff:10.1.2.3", "10.1.2.3"],
  ["0000:0000:0000:0000:0000:ffff:0a01:0203", "10.1.2.3"],
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["::", "::"],
  ["fe80::1%eth0", "fe80::1%eth0"],
  ["::fffe:10.1.2.3", "::fffe:10.1.2.3"],
  ["1::ffff:10.1.2.3", "1::ffff:10.1.2.3"],
  ["/run/osc.sock", "/run/osc.sock"],
])("plainAddress shows %s as %s", (address, expected) => {
  expect(plainAddress(address)).toBe(expected);
});

const SERVERS = {
  udp: (host: string, dispatcher: Dispatcher) => new AsyncOSCUDPServer([host, 0], dispatcher, { native: false }),
  "native udp": (host: string, dispatcher: Dispatcher) => new AsyncOSCUDPServer([host, 0], dispatcher),
  tcp: (host: string, dispatcher: Dispatcher) => new AsyncOSCTCPServer([host, 0], dispatcher),
  websocket: (host: string, dispatcher: Dispatcher) => new AsyncOSCWebSocketServer([host, 0], dispatcher),
};
const WIRES = { udp: "udp", "native udp": "udp", tcp: "tcp-1.0", websocket: "websocket" } as const;
const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));

describe.each(Object.keys(SERVERS) as (keyof typeof SERVERS)[])("a %s server", (name) => {
  const cleanUp: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of cleanUp.splice(0).toReversed()) await step();
  });

  /** A server that tells clients the address that it sees, and a client on 127.0.0.1. */
  async function serve(host: string): Promise<{ client: Correspondent; server: ReturnType<(typeof SERVERS)[typeof name]> }> {
    const dispatcher = new Dispatcher();
    dispatcher.map("/who", ({ address, family }) => ["/you", address, family], { needsReplyAddress: true });
    const server = SERVERS[name](host, dispatcher);
    await server.createServeEndpoint();
    cleanUp.push(() => server.close());
    const client = new Correspondent(await openWire(WIRES[name], { ...server.serverAddress, address: "127.0.0.1", family: "IPv4" }));
    cleanUp.push(() => client.wire.close());
    return { client, server };
  }

  test("on localhost hears what is sent to 127.0.0.1, also where ::1 is listed first", async () => {
    const { client, server } = await serve("localhost");
    expect(server.serverAddress).toMatchObject({ address: "127.0.0.1", family: "IPv4" });
    client.send(new OscMessage("/who"));
    expect(await client.nextMessages(1)).toEqual([["/you", "127.0.0.1", "IPv4"]]);
  });

  test("on an IPv4-mapped address listens on the IPv4 address", async () => {
    const { server } = await serve("::ffff:127.0.0.1");
    expect(server.serverAddress).toMatchObject({ address: "127.0.0.1", family: "IPv4" });
  });

  test.skipIf(!hasIPv6)("on all addresses shows an IPv4 client as the IPv4 address it is, and answers it", async () => {
    const { client } = await serve("::");
    client.send(new OscMessage("/who"), new OscMessage("/who"));
    const seen = ["/you", "127.0.0.1", "IPv4"];
    expect(await client.nextMessages(2)).toEqual([seen, seen]);
  });
});
