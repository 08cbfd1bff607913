import { describe, expect, test } from "vitest";
import type { NetAddress } from "../../src/net-address.ts";
import { PeersByPort } from "../../src/transport/peers-by-port.ts";
import type { Peer } from "../../src/transport/transport.ts";

const at = (address: string, port: number): NetAddress => ({ address, port, family: "IPv4" });
const peerOf = (address: NetAddress): Peer => ({ address, key: "", paced: false, send: () => undefined, settled: () => undefined });

describe("senders by their port", () => {
  test("one that comes again is the same", () => {
    const peers = new PeersByPort(peerOf);
    const first = peers.of({ ...at("10.0.0.1", 9000), size: 16 } as NetAddress);
    expect(first.address).toEqual(at("10.0.0.1", 9000));
    expect(peers.of(at("10.0.0.1", 9000))).toBe(first);
  });

  test("those that share a place are told apart, in whatever order they come", () => {
    const peers = new PeersByPort(peerOf);
    const all = [at("10.0.0.1", 9000), at("10.0.0.1", 9000 + 256), at("10.0.0.2", 9000), at("10.0.0.1", 9000)];
    for (const address of [...all, ...all.toReversed()]) expect(peers.of(address).address).toEqual(address);
  });
});
