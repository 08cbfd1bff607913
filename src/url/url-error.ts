import { OscServerError } from "../errors.ts";

/** A URL that cannot be used there. */
export function urlError(message: string): OscServerError {
  return new OscServerError("OSC_OPTION", message);
}
