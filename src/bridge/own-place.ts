import { lookup } from "node:dns/promises";
import type { NetAddress } from "../net-address.ts";
import type { OscUrl } from "../url/osc-url.ts";
import { type PlaceUrl, formatPlace } from "../url/place.ts";
import { isOwnAddress, plainAddress } from "./addresses.ts";

/** The IP addresses of a target, none where it has no host that packets go to. A name that is not known yet may be so later. */
export async function addressesOf(target: PlaceUrl): Promise<string[]> {
  if (target.transport === "unix" || target.transport === "nats" || target.listens) return [];
  try {
    return (await lookup(target.host ?? "127.0.0.1", { all: true })).map(({ address }) => plainAddress(address));
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
export function isOwnPlace(target: PlaceUrl, addresses: readonly string[], source: PlaceUrl, from: NetAddress): boolean {
  if (target.transport === "nats" || source.transport === "nats") return formatPlace(target) === formatPlace(source);
  if (target.transport !== source.transport || target.listens) return false;
  return target.transport === "unix" ? target.path === from.address : isSameSocket(target, addresses, source, from);
}

function isSameSocket(target: OscUrl, addresses: readonly string[], source: OscUrl, from: NetAddress): boolean {
  return target.port === from.port && (target.host === source.host || addresses.some((address) => isHere(address, from)));
}

/** Whether what is sent to that address of this machine reaches a socket that is bound there. */
function isHere(address: string, from: NetAddress): boolean {
  const bound = plainAddress(from.address);
  return bound === address || (isOwnAddress(address) && (bound === "0.0.0.0" || bound === "::"));
}
