import { type OscArgument, OscMessage, encode } from "../codec/index.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { type OptionChecks, bad, integer, milliseconds, orNull, readOptions } from "../options.ts";
import { recipientAddress } from "./outgoing.ts";

/** Options of a {@link Publisher}. */
export interface PublisherOptions {
  /** How many times per second a subscriber receives values, the newest of each address. Default 50. */
  readonly maxRate?: number | undefined;
  /** Maximum number of subscribers. Default 100. */
  readonly maxSubscribers?: number | undefined;
  /** Maximum number of addresses with a value waiting for one subscriber; further values are dropped. Default 10,000. */
  readonly maxWaiting?: number | undefined;
  /** How long a subscription lasts if it isn't renewed, in milliseconds; null: forever. Default 60,000. */
  readonly lifetime?: number | null | undefined;
}

const CHECKS = {
  maxRate: integer(1, 50, 1000),
  maxSubscribers: integer(1, 100),
  maxWaiting: integer(1, 10_000),
  lifetime: orNull(milliseconds(60_000, 1)),
} satisfies OptionChecks<PublisherOptions>;

/** What a {@link Publisher} sends through: a server, or anything else that sends packets to addresses. */
export interface PublisherServer {
  /** Sends the bytes of a packet to a client. */
  send(packet: Uint8Array, to: NetAddress): void;
}

/** Counters of a {@link Publisher}. */
export interface PublisherStats {
  /** Current number of subscribers. */
  readonly subscribers: number;
  /** Messages sent. */
  readonly sent: number;
  /** Values not sent because a newer value of the same address replaced them. */
  readonly replaced: number;
  /** Values not sent because too many were waiting. */
  readonly dropped: number;
}

interface Subscriber {
  readonly client: NetAddress;
  /** When the subscription ends, in terms of `performance.now()`. */
  expires: number;
  /** The newest message of each address that changed since the last flush. */
  readonly waiting: Map<string, Uint8Array>;
}

/**
 * Sends values to all subscribed clients through a UDP, TCP or WebSocket server. Each client gets the newest value of an address, at most
 * `maxRate` times per second; a client that changed a value doesn't get it back. The program decides which messages subscribe a client.
 *
 * @example
 * const server = new AsyncOSCUDPServer(["127.0.0.1", 9000], dispatcher);
 * const publisher = new Publisher(server);
 * dispatcher.map("/subscribe", (client) => void publisher.subscribe(client), { needsReplyAddress: true });
 * publisher.publish("/meter", [0.5]);
 */
export class Publisher implements Disposable {
  readonly #server: PublisherServer;
  readonly #intervalMs: number;
  readonly #maxSubscribers: number;
  readonly #maxWaiting: number;
  readonly #lifetime: number;
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #counts = { sent: 0, replaced: 0, dropped: 0 };
  /** Set after a flush: values wait until it fires. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param server the server that sends to the subscribers
   * @throws OscServerError `OSC_OPTION` for a bad argument
   */
  constructor(server: PublisherServer, options?: PublisherOptions) {
    if (typeof (server as Partial<PublisherServer> | null)?.send !== "function")
      throw bad("The server of a Publisher", "an OSC server", server);
    const { maxRate, maxSubscribers, maxWaiting, lifetime } = readOptions("Publisher", options, CHECKS);
    this.#server = server;
    this.#intervalMs = 1000 / maxRate;
    this.#maxSubscribers = maxSubscribers;
    this.#maxWaiting = maxWaiting;
    this.#lifetime = lifetime ?? Infinity;
  }

  /**
   * Adds a client, or renews its subscription.
   *
   * @returns false if there are already `maxSubscribers`
   * @throws OscServerError `OSC_OPTION` if it isn't a client's address
   */
  subscribe(client: NetAddress): boolean {
    const address = recipientAddress(client);
    const key = formatAddress(address);
    const expires = performance.now() + this.#lifetime;
    const known = this.#subscribers.get(key);
    if (known !== undefined) known.expires = expires;
    else {
      this.#expire();
      if (this.#subscribers.size >= this.#maxSubscribers) return false;
      this.#subscribers.set(key, { client: address, expires, waiting: new Map() });
    }
    return true;
  }

  /**
   * Removes a client.
   *
   * @returns false if it wasn't subscribed
   * @throws OscServerError `OSC_OPTION` if it isn't a client's address
   */
  unsubscribe(client: NetAddress): boolean {
    return this.#subscribers.delete(formatAddress(recipientAddress(client)));
  }

  /**
   * Sends a message to all subscribers: at once after a pause, otherwise with the next flush.
   *
   * @param except a client that should not receive it, usually the one that changed the value
   * @throws OscEncodeError if it can't be encoded; OscServerError `OSC_OPTION` for other bad arguments, and as the server's `send`
   */
  publish(address: string, args: readonly OscArgument[], except: NetAddress | null = null): void {
    if (!Array.isArray(args)) throw bad("args", "an array with one entry for each argument", args);
    const packet = encode(new OscMessage(address, args)).slice();
    const excluded = except === null ? null : formatAddress(recipientAddress(except));
    for (const [key, { waiting }] of this.#subscribers) {
      if (key === excluded) continue;
      if (waiting.has(address)) this.#counts.replaced += 1;
      else if (waiting.size >= this.#maxWaiting) {
        this.#counts.dropped += 1;
        continue;
      }
      waiting.set(address, packet);
    }
    if (this.#timer === undefined) this.#flush();
  }

  /** Counters since the publisher was created. */
  stats(): PublisherStats {
    return { subscribers: this.#subscribers.size, ...this.#counts };
  }

  /** Removes all subscribers, and drops the values waiting for them. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#subscribers.clear();
  }

  /** `using publisher = …` closes it at the end of the block. */
  [Symbol.dispose](): void {
    this.close();
  }

  #flush(): void {
    this.#timer = undefined;
    this.#expire();
    let isIdle = true;
    for (const { client, waiting } of this.#subscribers.values()) {
      for (const packet of waiting.values()) {
        this.#server.send(packet, client);
        this.#counts.sent += 1;
        isIdle = false;
      }
      waiting.clear();
    }
    if (!isIdle) this.#timer = setTimeout(() => this.#turn(), this.#intervalMs).unref();
  }

  /** Like {@link #flush}, from a timer, where no one could catch an error. It throws if the server was closed meanwhile. */
  #turn(): void {
    try {
      this.#flush();
    } catch {
      this.close();
    }
  }

  #expire(): void {
    const now = performance.now();
    for (const [key, { expires }] of this.#subscribers) if (expires <= now) this.#subscribers.delete(key);
  }
}
