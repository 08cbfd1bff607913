import { type NatsUrl, formatNatsUrl, isNatsUrl, parseNatsUrl } from "./nats-url.ts";
import { maskSecrets } from "./url-error.ts";
import { type OscUrl, formatOscUrl, parseOscUrl } from "./osc-url.ts";

/** One end of a bridge: a socket, or NATS subjects. */
export type EndpointUrl = OscUrl | NatsUrl;

/**
 * Reads what `parseOscUrl` and `parseNatsUrl` read.
 *
 * @throws OscServerError `OSC_OPTION` that says which part is wrong
 */
export function parseEndpoint(text: string): EndpointUrl {
  return isNatsUrl(text) ? parseNatsUrl(text) : parseOscUrl(text);
}

/** The whole URL as people may see it, without users, passwords and tokens. */
export function formatEndpoint(endpoint: EndpointUrl): string {
  return endpoint.transport === "nats" ? formatNatsUrl(endpoint) : maskSecrets(formatOscUrl(endpoint));
}
