import fc from "fast-check";
import type { NetAddress } from "../../src/net-address.ts";

const port = fc.integer({ min: 0, max: 65_535 });
/** Where a client may be. */
export const netAddress: fc.Arbitrary<NetAddress> = fc.oneof(
  fc.record({ address: fc.ipV4(), port, family: fc.constant("IPv4" as const) }),
  fc.record({ address: fc.oneof(fc.ipV6(), fc.constant("fe80::1%eth0")), port, family: fc.constant("IPv6" as const) }),
  fc.record({ address: fc.string({ unit: "grapheme" }), port: fc.constant(0), family: fc.constant("unix" as const) }),
);
