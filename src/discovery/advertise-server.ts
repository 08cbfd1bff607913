import { hostname } from "node:os";
import type { ErrorListener } from "../dispatch/index.ts";
import { type OptionChecks, bad, readOptions } from "../options.ts";
import { type Advertisement, advertise } from "./advertise.ts";
import { type ServiceType, checkServiceName, checkTxt } from "./service.ts";

/** How a server is advertised. */
export interface AdvertisedAs {
  /**
   * The display name. If it is taken, a number is added. Default: `Oscine` and the name of this machine; for OSCQuery, the server's `name`.
   */
  readonly name?: string | undefined;
  /** Additional key-value pairs. The version and framing of an OSC server are added automatically. */
  readonly txt?: Readonly<Record<string, string>> | undefined;
}

/** The `advertise` option of a server. */
export type AdvertiseOption = boolean | AdvertisedAs;

const CHECKS = {
  name: (value) => (value === undefined ? undefined : checkServiceName(value)),
  txt: checkTxt,
} satisfies OptionChecks<AdvertisedAs>;

/** Checks the option; false if the server isn't advertised. */
export function advertiseOption(value: unknown, name: string): AdvertisedAs | false {
  if (value === undefined || value === false) return false;
  if (value === true) return {};
  if (typeof value !== "object") throw bad(name, "true, false or { name, txt }", value);
  return readOptions(name, value, CHECKS);
}

/**
 * Advertises a listening server.
 *
 * @throws (rejects) like {@link advertise}
 */
export function advertiseServer(
  { name = `Oscine on ${hostname()}`.slice(0, 58), txt }: AdvertisedAs,
  service: { readonly type: ServiceType; readonly port: number; readonly onError: ErrorListener },
): Promise<Advertisement> {
  return advertise({ ...service, name, txt });
}
