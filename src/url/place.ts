import { type NatsUrl, formatNatsUrl, isNatsUrl, parseNatsUrl } from "./nats-url.ts";
import { type OscUrl, formatOscUrl, parseOscUrl } from "./osc-url.ts";

/** One end of a bridge: a socket, or a place in NATS. */
export type PlaceUrl = OscUrl | NatsUrl;

/**
 * Reads what `parseOscUrl` and `parseNatsUrl` read.
 *
 * @throws OscServerError `OSC_OPTION` that says which part is wrong
 */
export function parsePlace(text: string): PlaceUrl {
  return isNatsUrl(text) ? parseNatsUrl(text) : parseOscUrl(text);
}

/** The place as a URL in full, for people to read; without users and passwords. */
export function formatPlace(place: PlaceUrl): string {
  return place.transport === "nats" ? formatNatsUrl(place) : formatOscUrl(place);
}
