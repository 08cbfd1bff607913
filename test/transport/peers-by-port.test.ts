import { describe, expect, test } from "vitest";
import type { NetAddress } from "../../src/net-address.ts";
import { PeersByPort } from "../../src/transport/udp.ts";
import type { Peer } from "../../src/transport/transport.ts";

const peerOf = (address: NetAddress): Peer => ({ address, key: "", paced: false, send: () => undefined, settled: () => undefined });

describe("senders by their port", () => {
  test("returns the same peer for a sender that comes again", () => {
    const peers = new PeersByPort(peerOf);
    const first = peers.of("10.0.0.1", 9000);
    expect(first.address).toEqual({ address: "10.0.0.1", port: 9000, family: "IPv4" });
    expect(peers.of("10.0.0.1", 9000)).toBe(first);
  });

  test("distinguishes senders that share a slot, in any order", () => {
    const peers = new PeersByPort(peerOf);
    const all = [
      ["10.0.0.1", 9000],
      ["10.0.0.1", 9000 + 256],
      ["10.0.0.2", 9000],
      ["10.0.0.1", 9000],
    ] as const;
    for (const [address, port] of [...all, ...all.toReversed()]) {
      expect(peers.of(address, port).address).toEqual({ address, port, family: "IPv4" });
    }
  });

  test("gives an IPv4 sender of a dual-stack socket its IPv4 address", () => {
    const peers = new PeersByPort(peerOf);
    const first = peers.of("::ffff:10.0.0.1", 9000);
    expect(first.address).toEqual({ address: "10.0.0.1", port: 9000, family: "IPv4" });
    expect(peers.of("::ffff:10.0.0.1", 9000)).toBe(first);
  });
});
