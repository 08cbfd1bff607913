import { lookup } from "node:dns/promises";
import type { NetAddress } from "../net-address.ts";
import type { OscUrl } from "../url/osc-url.ts";
import { isOwnAddress, plainAddress } from "./addresses.ts";

/** The IP addresses of a target, none where it has no host. A name that is not known yet may be so later. */
export async function addressesOf({ transport, host }: OscUrl): Promise<string[]> {
  if (transport === "unix") return [];
  try {
    return (await lookup(host ?? "127.0.0.1", { all: true })).map(({ address }) => plainAddress(address));
  } catch {
    return [];
  }
}

/**
 * Whether a target is the place where the bridge itself listens.
 *
 * @param addresses those of the target
 * @param source the URL that the bridge listens on
 * @param from where it is bound
 */
export function isOwnPlace(target: OscUrl, addresses: readonly string[], source: OscUrl, from: NetAddress): boolean {
  if (target.transport !== source.transport) return false;
  if (target.transport === "unix") return target.path === from.address;
  return target.port === from.port && (target.host === source.host || addresses.some((address) => isHere(address, from)));
}

/** Whether what is sent to that address of this machine reaches a socket that is bound there. */
function isHere(address: string, from: NetAddress): boolean {
  const bound = plainAddress(from.address);
  return bound === address || (isOwnAddress(address) && (bound === "0.0.0.0" || bound === "::"));
}
