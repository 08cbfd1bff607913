import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/** Why a request is refused. */
export interface Refusal {
  readonly status: 403 | 404;
  readonly reason: string;
}

/**
 * Lets in who knows the token, which is the first part of every path, and comes from the page itself.
 *
 * A web site that the user visits meanwhile cannot know the token; nor could it, if it did, pass for the page: a name that it makes to lead to
 * this machine shows in `Host`, and its own in `Origin`.
 */
export class Guard {
  readonly #tokenHash: Buffer;
  readonly #hostName: string;

  /**
   * @param token what the paths begin with
   * @param hostName the host that the monitor was told to listen on, which may be a name
   */
  constructor(token: string, hostName: string) {
    this.#tokenHash = hashOf(token);
    this.#hostName = hostName.toLowerCase();
  }

  /** Why the request is refused, or the rest of its path after the token, with the slash that it begins with: empty where there is none. */
  admit({ headers, url = "" }: IncomingMessage): Refusal | { readonly path: string; readonly query: URLSearchParams } {
    const { host, origin } = headers;
    if (host === undefined || !this.#isOwnHost(host)) {
      return { status: 403, reason: "This host name is not the monitor's: open the address that oscine printed." };
    }
    if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
      return { status: 403, reason: "Pages of other origins are not let in." };
    }
    const [, token = "", path = "", query = ""] = /^\/([^/?]*)([^?]*)(?:\?(.*))?$/s.exec(url) ?? [];
    if (!timingSafeEqual(hashOf(token), this.#tokenHash)) {
      return { status: 404, reason: "There is nothing here: open the address that oscine printed, with its token." };
    }
    return { path, query: new URLSearchParams(query) };
  }

  /** An IP address cannot be made to lead elsewhere, nor can `localhost`; other names can. */
  #isOwnHost(host: string): boolean {
    const name = host.replace(/:\d+$/, "").toLowerCase();
    return name === "localhost" || name === this.#hostName || isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0;
  }
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
