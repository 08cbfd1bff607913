import { OscServerError } from "../errors.ts";

/** A URL that cannot be used there. Whoever writes the message masks the secrets of what the user typed. */
export function urlError(message: string): OscServerError {
  return new OscServerError("OSC_OPTION", message);
}

/** Query parameters that are ours or NATS's, and no secrets. */
const HARMLESS = "framing|listen|subject|queue|baud";
const QUERY_VALUE = new RegExp(String.raw`(?<=[?&](?!(?:${HARMLESS})=)[^=&\s"]*=)[^&\s"]+`, "g");

/**
 * A URL as people and logs may see it: without the user and password before its host, whatever characters they contain, and with `***` in place of
 * the values of query parameters such as `?token=`.
 */
export function maskSecrets(text: string): string {
  return text
    .replaceAll(/(?<=:\/\/)(?!\/).*@/gs, "")
    .replaceAll(/[^\s/"]+:\S*@/g, "")
    .replaceAll(QUERY_VALUE, "***");
}
