import { hostname } from "node:os";
import type { ErrorListener } from "../dispatch/index.ts";
import { type OptionChecks, bad, readOptions } from "../options.ts";
import { type Advertisement, advertise } from "./advertise.ts";
import { type ServiceType, checkServiceName, checkTxt } from "./service.ts";

/** How a server lets others find it. */
export interface AdvertisedAs {
  /** What people see. If another service has the name, a number is added. Default: `Oscine` and the name of this machine; for OSCQuery, the server's `name`. */
  readonly name?: string | undefined;
  /** Further key-value pairs. An OSC server tells its version and framing by itself. */
  readonly txt?: Readonly<Record<string, string>> | undefined;
}

/** The option `advertise` of a server. */
export type AdvertiseOption = boolean | AdvertisedAs;

const CHECKS = {
  name: (value) => (value === undefined ? undefined : checkServiceName(value)),
  txt: checkTxt,
} satisfies OptionChecks<AdvertisedAs>;

/** Checks the option; false if the server isn't to be found. */
export function advertiseOption(value: unknown, name: string): AdvertisedAs | false {
  if (value === undefined || value === false) return false;
  if (value === true) return {};
  if (typeof value !== "object") throw bad(name, "true, false or { name, txt }", value);
  return readOptions(name, value, CHECKS);
}

/**
 * Advertises a server that listens.
 *
 * @throws (rejects) as {@link advertise}
 */
export function advertiseServer(
  { name = `Oscine on ${hostname()}`.slice(0, 58), txt }: AdvertisedAs,
  service: { readonly type: ServiceType; readonly port: number; readonly onError: ErrorListener },
): Promise<Advertisement> {
  return advertise({ ...service, name, txt });
}
