import type { Packet } from "../server/executor.ts";
import type { Peer } from "../transport/transport.ts";

/** A client that packets came from. */
export interface FrontClient {
  /** Tells it from others; part of the subject that replies go to. */
  readonly token: string;
  peer: Peer;
  /** Who sends it replies: a packet without bytes, for a reply belongs to a client and not to one packet. */
  readonly origin: Packet;
}

const NO_BYTES = new Uint8Array(0);

/** The clients of a front end that may still be sent replies. Beyond the bound the one that has been silent for longest is forgotten. */
export class FrontClients {
  readonly #max: number;
  readonly #byKey = new Map<string | object, FrontClient>();
  readonly #byToken = new Map<string, FrontClient>();
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** The client that a packet came from. */
  of(peer: Peer): FrontClient {
    const { key } = peer;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.peer = peer;
      // So that the first is always the one that has been silent for longest.
      this.#byKey.delete(key);
      this.#byKey.set(key, known);
      return known;
    }
    const client = newClient(String(this.#next++), peer);
    this.#byKey.set(key, client);
    this.#byToken.set(client.token, client);
    void peer.closed?.then(() => this.#forget(key));
    const [oldest] = this.#byKey.size > this.#max ? this.#byKey.keys() : [];
    if (oldest !== undefined) this.#forget(oldest);
    return client;
  }

  withToken(token: string): FrontClient | undefined {
    return this.#byToken.get(token);
  }

  #forget(key: string | object): void {
    const client = this.#byKey.get(key);
    if (client === undefined) return;
    this.#byKey.delete(key);
    this.#byToken.delete(client.token);
  }
}

function newClient(token: string, peer: Peer): FrontClient {
  const client: FrontClient = {
    token,
    peer,
    origin: {
      data: NO_BYTES,
      get peer() {
        return client.peer;
      },
      asOf: Infinity,
      fresh: false,
    },
  };
  return client;
}
