import { isIP } from "node:net";
import { type OscPacket, encode } from "../codec/index.ts";
import { OscEncodeError } from "../errors.ts";
import { type NetAddress, ipAddress } from "../net-address.ts";
import { describe, hostAndPort, optionError } from "../options.ts";
import type { AddressLike } from "./options.ts";

/**
 * The bytes of a packet passed to a server's `send()`.
 *
 * @throws OscEncodeError if it isn't a packet
 */
export function packetBytes(packet: OscPacket | Uint8Array): Uint8Array {
  const bytes = packet instanceof Uint8Array ? packet : encode(packet);
  if (bytes.length > 0) return bytes;
  throw new OscEncodeError("OSC_VALUE_OUT_OF_RANGE", "A packet has at least one byte; got an empty Uint8Array.", packet);
}

/**
 * The client's address passed to a server's `send()`.
 *
 * @throws OscServerError `OSC_OPTION` if it isn't a client's address
 */
export function recipientAddress(to: AddressLike): NetAddress {
  // A client of a Unix domain socket is identified by a number in `port`, that of a stream by its name.
  if (isUnix(to)) return { address: to.address, port: hostAndPort(["unix", to.port], to.address === "" ? 1 : 0).port, family: "unix" };
  const { host, port } = hostAndPort(to, 1);
  const ip = host === "localhost" ? "127.0.0.1" : host;
  if (isIP(ip) !== 0) return ipAddress(ip, port);
  throw optionError(
    `A server sends only to IP addresses; got ${describe(host)}. Resolve the name first, with lookup() of node:dns/promises.`,
  );
}

function isUnix(to: unknown): to is NetAddress {
  return (
    typeof to === "object" && to !== null && "family" in to && to.family === "unix" && "address" in to && typeof to.address === "string"
  );
}
