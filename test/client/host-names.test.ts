/** Clients look names up by the rule of the servers, so that the two ends of `localhost` meet. */
import { promises } from "node:dns";
import { type AddressInfo, type Server, createServer } from "node:net";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocketServer } from "ws";
import { TCPClient, UDPClient, WebSocketClient } from "../../src/client/index.ts";
import { lookupIPv4First } from "../../src/transport/resolve-host.ts";
import { Peer } from "./peer.ts";

/** Answers as systems do that list `::1 localhost` first. */
beforeEach(() => {
  const addresses = [
    { address: "::1", family: 6 },
    { address: "127.0.0.1", family: 4 },
  ];
  const lookup = (host: string): Promise<unknown> =>
    host === "localhost" ? Promise.resolve(addresses) : Promise.reject(Object.assign(new Error(host), { code: "ENOTFOUND" }));
  vi.spyOn(promises, "lookup").mockImplementation(lookup as never);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));

async function listen(host: string, port = 0): Promise<Server> {
  const server = createServer();
  server.listen(port, host);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return server;
}

describe("a client of localhost", () => {
  test("sends datagrams to 127.0.0.1 if ::1 is listed first", async () => {
    const peer = await Peer.open("127.0.0.1");
    await using client = new UDPClient("localhost", peer.port);
    await client.sendMessage("/a");
    expect((await peer.next()).from.address).toBe("127.0.0.1");
  });

  test.skipIf(!hasIPv6)("connects over TCP to the IPv4 server if another program listens on ::1", async () => {
    const server = await listen("127.0.0.1");
    const { port } = server.address() as AddressInfo;
    const other = await listen("::1", port);
    const reached = Promise.race([once(server, "connection").then(() => "IPv4"), once(other, "connection").then(() => "IPv6")]);
    await using client = new TCPClient("localhost", port, { reconnect: false });
    await client.connect();
    expect(await reached).toBe("IPv4");
  });

  test("connects a WebSocket to 127.0.0.1 if ::1 is listed first", async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    onTestFinished(() => server.close());
    await using client = new WebSocketClient(`ws://localhost:${(server.address() as AddressInfo).port}/`, { reconnect: false });
    expect(await client.connect()).toMatchObject({ address: "127.0.0.1", family: "IPv4" });
  });

  test("is rejected with ENOTFOUND for a name that doesn't resolve", async () => {
    await using client = new TCPClient("nowhere.example", 9000, { reconnect: false });
    await expect(client.connect()).rejects.toMatchObject({ code: "ENOTFOUND", address: "nowhere.example:9000" });
  });
});

test("lookupIPv4First gives all addresses with IPv4 first, or the first", async () => {
  const ask = (all: boolean): Promise<unknown> =>
    new Promise((resolve) => lookupIPv4First("localhost", { all }, (_error, address, family) => resolve([address, family])));
  expect(await ask(false)).toEqual(["127.0.0.1", 4]);
  const [addresses] = (await ask(true)) as [{ address: string }[]];
  expect(addresses.map(({ address }) => address)).toEqual(["127.0.0.1", "::1"]);
});
