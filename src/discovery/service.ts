import { Buffer } from "node:buffer";
import { bad } from "../options.ts";

/**
 * A kind of service. `"osc.udp"` and `"osc.tcp"`: an OSC server (`_osc._udp`, `_osc._tcp`). `"oscquery"`: an OSCQuery server (`_oscjson._tcp`).
 */
export type ServiceType = "osc.udp" | "osc.tcp" | "oscquery";

export const SERVICE_TYPES: readonly ServiceType[] = ["osc.udp", "osc.tcp", "oscquery"];

const DOMAIN = ".local";
const DNS_NAMES: Readonly<Record<ServiceType, string>> = {
  "osc.udp": `_osc._udp${DOMAIN}`,
  "osc.tcp": `_osc._tcp${DOMAIN}`,
  oscquery: `_oscjson._tcp${DOMAIN}`,
};
/** Lists the service types of a host. RFC 6763, section 9. */
export const ALL_SERVICES: string = `_services._dns-sd._udp${DOMAIN}`;

/** The DNS name of a type. */
export function dnsType(type: ServiceType): string {
  return DNS_NAMES[type];
}

/** The longest label of a DNS name, in bytes. */
const MAX_LABEL = 63;

/**
 * Checks the name of a service.
 *
 * @throws OscServerError `OSC_OPTION`
 */
export function checkServiceName(value: unknown): string {
  if (typeof value === "string" && value !== "" && Buffer.byteLength(value) <= MAX_LABEL - " (99)".length && !/\p{Cc}/u.test(value))
    return value;
  throw bad("name", "a text of 1 to 58 bytes, without control characters", value);
}

/** Checks the key-value pairs of a service. */
export function checkTxt(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const isFine =
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(
      ([key, text]) => /^[ -<>-~]{1,9}$/.test(key) && typeof text === "string" && Buffer.byteLength(`${key}=${text}`) <= 255,
    );
  if (isFine) return value as Readonly<Record<string, string>>;
  throw bad("txt", "an object with keys of 1 to 9 ASCII characters and texts, together at most 254 bytes", value);
}

/** The data of a TXT record. */
export function encodeTxt(txt: Readonly<Record<string, string>>): Buffer[] {
  const pairs = Object.entries(txt).map(([key, value]) => Buffer.from(`${key}=${value}`));
  return pairs.length === 0 ? [Buffer.alloc(0)] : pairs;
}

/** The key-value pairs of a TXT record; the first of several with the same key wins. RFC 6763, section 6. */
export function decodeTxt(data: unknown): Readonly<Record<string, string>> {
  const txt: [string, string][] = [];
  for (const pair of Array.isArray(data) ? data : [data]) {
    if (!Buffer.isBuffer(pair)) continue;
    const text = pair.toString("utf8");
    const at = text.indexOf("=");
    const key = at === -1 ? text : text.slice(0, at);
    if (key !== "" && !txt.some(([other]) => other === key)) txt.push([key, at === -1 ? "" : text.slice(at + 1)]);
  }
  return Object.fromEntries(txt);
}
