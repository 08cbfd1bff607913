import type { Reporter } from "../dispatch/index.ts";
import type { NetAddress } from "../net-address.ts";
import type { Peer, Transport } from "../transport/transport.ts";
import type { OscUrl } from "../url/osc-url.ts";
import type { Passage, Source, Take } from "./passage.ts";
import { type SocketOptions, listenerOf } from "./sockets.ts";

export interface ListenerEvents {
  readonly onPacket: Take;
  /** A client has connected. */
  onPeer?(peer: Peer): void;
}

/** A side of a bridge that listens, and those who are there. */
export class Listener implements Source {
  readonly url: OscUrl;
  readonly #transport: Transport;
  readonly #clients = new Set<Peer>();

  /** @throws OscServerError `OSC_OPTION` for what cannot be listened on */
  constructor(url: OscUrl, sockets: SocketOptions, reporter: Reporter, events: ListenerEvents) {
    this.url = url;
    const passage: Passage = { transport: url.transport, via: "" };
    this.#transport = listenerOf(
      url,
      {
        onPacket: (packet, peer) => events.onPacket(packet, peer, passage),
        onError: (error, address) => reporter.report(error, address),
        refusal: () => null,
        onConnection: () => undefined,
        onPeer: (peer) => {
          this.#clients.add(peer);
          void peer.closed?.then(() => this.#clients.delete(peer));
          events.onPeer?.(peer);
        },
      },
      sockets,
    );
  }

  /** Clients that are connected. UDP has none. */
  get clients(): ReadonlySet<Peer> {
    return this.#clients;
  }

  open(): Promise<NetAddress> {
    return this.#transport.open();
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}
