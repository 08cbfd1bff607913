import type { Reporter } from "../dispatch/index.ts";
import type { NatsLink } from "../nats/connection.ts";
import type { NetAddress } from "../net-address.ts";
import type { Peer } from "../transport/transport.ts";
import type { NatsUrl } from "../url/nats-url.ts";
import { NatsPeer, type NatsPeers, connectNats, passageOf, prefixOf, serverAddress, subjectsOf } from "./nats-connection.ts";
import type { BridgeNatsOptions } from "./nats-options.ts";
import type { Source, Take } from "./passage.ts";

/** The side of a bridge that hears what is published in NATS. */
export class NatsSource implements Source {
  readonly clients: ReadonlySet<Peer> = new Set();
  readonly #url: NatsUrl;
  readonly #subjects: readonly string[];
  readonly #options: BridgeNatsOptions;
  readonly #reporter: Reporter;
  readonly #take: Take;
  #link: NatsLink | null = null;

  /** @throws OscServerError `OSC_OPTION` for a prefix or a subject that cannot be */
  constructor(url: NatsUrl, options: BridgeNatsOptions, reporter: Reporter, take: Take) {
    const subjects = subjectsOf(url);
    this.#url = url;
    this.#subjects = subjects.length === 0 ? [`${prefixOf(url)}.>`] : subjects;
    this.#options = options;
    this.#reporter = reporter;
    this.#take = take;
  }

  async open(): Promise<NetAddress> {
    const link = await connectNats(this.#url, this.#options, { onError: (error) => this.#reporter.report(error) });
    this.#link = link;
    const peers: NatsPeers = {
      link,
      prefix: prefixOf(this.#url),
      onLost: (error, client) => this.#reporter.report(error, client),
    };
    for (const subject of this.#subjects) {
      link.subscribe(subject, this.#url.queue, (message) => this.#take(message.data, new NatsPeer(message, peers), passageOf(message)));
    }
    try {
      // Whoever awaits this may count on it that packets come.
      await link.flush();
    } catch (error) {
      await link.close(0);
      throw error;
    }
    return serverAddress(link);
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }
}
