import type { AdvertisedAs } from "../discovery/advertise-server.ts";
import type { ServiceType } from "../discovery/index.ts";
import { optionError } from "../options.ts";
import type { LocalTransportSpec } from "./transports.ts";

/** What a server lets others find once it has a port. Plain data, so that it can go to another thread. */
export interface AdvertisedService extends AdvertisedAs {
  readonly type: ServiceType;
}

/**
 * What a server advertises; null for nothing.
 *
 * @throws OscServerError `OSC_OPTION` if there is no type of service for its transport
 */
export function advertisedService(as: AdvertisedAs | false, spec: LocalTransportSpec): AdvertisedService | null {
  if (as === false) return null;
  if (spec.transport === "udp") return { ...as, type: "osc.udp" };
  if (spec.transport === "tcp" && spec.path === null) return { ...as, type: "osc.tcp" };
  const what = spec.transport === "tcp" ? "a Unix domain socket" : spec.transport;
  throw optionError(`Only UDP and TCP servers can be advertised: ${what} has no type of service. Leave out the option advertise.`);
}
