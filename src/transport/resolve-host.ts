import { promises as dns } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { callbackify } from "node:util";
import { plainAddress } from "../net-address.ts";
import { socketError } from "./socket-error.ts";

/**
 * The IP address to listen on or to send to for a host name or an IP address. Servers and clients both ask this function, so that the two
 * ends of `localhost` meet: IPv4 if the name has an IPv4 address, else IPv6. Few OSC programs listen on IPv6.
 *
 * @param family 4 or 6 to accept only that IP version; 0 for either
 * @throws OscSocketError if the name cannot be looked up
 */
export async function resolveHost(host: string, family: 0 | 4 | 6 = 0): Promise<string> {
  if (isIP(host) !== 0) return plainAddress(host);
  try {
    const addresses = await dns.lookup(host, { all: true, family });
    const best = addresses.find((one) => one.family === 4) ?? addresses[0];
    if (best !== undefined) return plainAddress(best.address);
  } catch (error) {
    throw socketError(error, "look up", host);
  }
  throw socketError({ code: "ENOTFOUND" }, "look up", host);
}

const lookupSorted = callbackify(async (host: string) => {
  const addresses = await dns.lookup(host, { all: true });
  return addresses.toSorted((one, other) => one.family - other.family);
});

/** The same rule for connections, which try all addresses of a name: IPv4 first. */
export const lookupIPv4First: LookupFunction = (host, { all = false }, callback) => {
  lookupSorted(host, (error, addresses) => {
    const [first] = error === null ? addresses : [];
    if (all || first === undefined) callback(error, addresses);
    else callback(null, first.address, first.family);
  });
};
