import { HANDLED } from "../packet-result.ts";
import { Reporter } from "../dispatch/index.ts";
import { OscNatsError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Peer } from "../transport/transport.ts";
import type { NatsUrl } from "../url/nats-url.ts";
import type { OscUrl } from "../url/osc-url.ts";
import { type PlaceUrl, formatPlace } from "../url/place.ts";
import { urlError } from "../url/url-error.ts";
import type { BridgeStats } from "./counts.ts";
import { Direction } from "./direction.ts";
import { Listener } from "./listener.ts";
import { LoopGuard } from "./loop-guard.ts";
import { NatsSource } from "./nats-source.ts";
import { NatsTarget } from "./nats-target.ts";
import type { BridgeSettings } from "./options.ts";
import { addressesOf, isOwnPlace } from "./own-place.ts";
import type { Passage, Source } from "./passage.ts";
import type { Session } from "./session.ts";
import { Sessions } from "./sessions.ts";
import { linksTo } from "./sockets.ts";

/** Where a bridge is bound. */
export interface RelayPlaces {
  readonly from: NetAddress;
  /** Null for targets that are connected to. */
  readonly to: readonly (NetAddress | null)[];
}

/** The inside of a bridge: what listens, what sends, and the ways between them. */
export class Relay {
  readonly #url: PlaceUrl;
  readonly #source: Source;
  readonly #targets: readonly PlaceUrl[];
  /** Targets with `?listen`. */
  readonly #hubs: readonly Listener[];
  readonly #nats: readonly NatsTarget[];
  readonly #sessions: Sessions;
  readonly #guard: LoopGuard;
  readonly #reporter: Reporter;
  readonly #forward: Direction;
  readonly #back: Direction;
  readonly #oneWay: boolean;

  /** @throws OscServerError, OscDispatchError for a place or a rule that cannot be */
  constructor(from: PlaceUrl, to: readonly PlaceUrl[], settings: BridgeSettings) {
    if (to.length === 0) throw urlError("A bridge needs one target at least.");
    const { rules, sockets, oneWay } = settings;
    this.#url = from;
    this.#targets = to;
    this.#oneWay = oneWay;
    this.#reporter = new Reporter(settings.onError, settings.maxReports);
    this.#guard = new LoopGuard(settings.maxEchoes, crypto.randomUUID());
    this.#forward = new Direction(rules.forward, this.#reporter);
    this.#back = new Direction(rules.back, this.#reporter);
    this.#source = this.#newSource(from, settings);
    const sides = to.filter((place): place is OscUrl => place.transport !== "nats");
    this.#hubs = sides.filter(({ listens }) => listens).map((url) => this.#newHub(url, settings));
    this.#nats = to.filter((place): place is NatsUrl => place.transport === "nats").map((url) => this.#newNatsTarget(url, settings));
    const connected = sides.filter(({ listens }) => !listens);
    const targets = connected.map((url) => ({ createLink: linksTo(url, sockets), transport: url.transport }));
    this.#sessions = new Sessions(targets, settings.sessions, {
      onReply: (packet, session) => this.#fromTarget(packet, session),
      onError: (error) => this.#reporter.report(error),
      onSent: (error) => this.#forward.sent(error),
      onOpened: (transport, port) => this.#guard.addOwnPort(transport, port),
    });
  }

  /** Begins to listen, everywhere or nowhere. */
  async open(): Promise<RelayPlaces> {
    try {
      for (const target of this.#nats) await target.open();
      const from = await this.#source.open();
      const hubs = new Map<PlaceUrl, NetAddress>();
      for (const hub of this.#hubs) hubs.set(hub.url, await hub.open());
      for (const target of this.#targets) await this.#refuseOwnPlace(target, from);
      return { from, to: this.#targets.map((target) => hubs.get(target) ?? null) };
    } catch (error) {
      await this.#closeAll();
      throw error;
    }
  }

  stats(): BridgeStats {
    return { forward: this.#forward.counts, back: this.#back.counts, sessions: this.#sessions.size };
  }

  async close(): Promise<void> {
    this.#forward.flush();
    this.#back.flush();
    await this.#closeAll();
    this.#reporter.close();
  }

  async #closeAll(): Promise<void> {
    await this.#source.close();
    await Promise.all([this.#sessions.close(), ...this.#nats.map((target) => target.close())]);
    await Promise.all(this.#hubs.map((hub) => hub.close()));
  }

  #newSource(url: PlaceUrl, { nats, sockets, oneWay }: BridgeSettings): Source {
    const onPacket = (packet: Uint8Array, peer: Peer, passage: Passage): void => this.#fromClient(packet, peer, passage);
    if (url.transport === "nats") return new NatsSource(url, nats, this.#reporter, onPacket);
    const onPeer = (peer: Peer): void => {
      if (!oneWay) this.#sessions.expect(peer);
    };
    return new Listener(url, sockets, this.#reporter, { onPacket, onPeer });
  }

  #newHub(url: OscUrl, { sockets }: BridgeSettings): Listener {
    return new Listener(url, sockets, this.#reporter, {
      onPacket: (packet, peer) => {
        peer.settled(packet.length, HANDLED);
        this.#toAllClients(packet, peer);
      },
    });
  }

  #newNatsTarget(url: NatsUrl, { nats, sessions }: BridgeSettings): NatsTarget {
    const { id } = this.#guard;
    const { maxUnsent, maxUnsentBytes } = sessions;
    return new NatsTarget(
      url,
      { id, nats, unsent: { maxUnsent, maxUnsentBytes } },
      {
        onReply: (packet, number) => this.#fromNats(packet, number),
        onPublished: (packet, peer, passage) => {
          // What the bridge itself publishes comes back to it where its subjects are among those that it listens to.
          if (!passage.via.endsWith(id)) this.#toAllClients(packet, peer, passage);
        },
        onSent: (error) => this.#forward.sent(error),
        onError: (error, client) => this.#reporter.report(error, client),
      },
    );
  }

  #fromClient(packet: Uint8Array, peer: Peer, passage: Passage): void {
    this.#forward.received();
    const settle = (): void => peer.settled(packet.length, HANDLED);
    if (this.#guard.isLoop(packet, peer.address, passage)) {
      this.#forward.stopLoop(peer);
      return settle();
    }
    const session = this.#sessions.of(peer);
    const sender = { address: peer.address, passage, number: this.#oneWay ? null : session.number };
    const passes = this.#forward.pass(packet, peer, (passed, when) => {
      let left = 1 + this.#nats.length;
      const done = (): void => {
        left -= 1;
        if (left === 0 && when === "now") settle();
      };
      for (const { clients } of this.#hubs) this.#forward.sendTo(clients, passed);
      for (const target of this.#nats) target.send(passed, sender, done);
      session.send(passed, done);
    });
    if (!passes) settle();
  }

  /** A target answered to a client's socket. */
  #fromTarget(packet: Uint8Array, session: Session): void {
    if (this.#oneWay) return;
    this.#back.received();
    this.#back.pass(packet, session.peer, (passed) => this.#back.sendTo([session.peer], passed));
  }

  /** An answer came to the subject of a client. */
  #fromNats(packet: Uint8Array, number: number): void {
    const session = this.#sessions.withNumber(number);
    if (session !== undefined) {
      session.lastActive = performance.now();
      return this.#fromTarget(packet, session);
    }
    this.#back.received();
    const message = "An answer was thrown away, for its client is gone, or was silent for longer than sessionTimeout.";
    this.#back.sent(new OscNatsError("OSC_NATS_NO_CLIENT", message, ""));
  }

  /** A client of a target with `?listen`, or anyone in NATS, sent something: it is for all on the other side. */
  #toAllClients(packet: Uint8Array, peer: Peer, passage?: Passage): void {
    if (this.#oneWay) return;
    this.#back.received();
    if (passage !== undefined && this.#guard.isLoop(packet, peer.address, passage)) return this.#back.stopLoop(peer);
    this.#back.pass(packet, peer, (passed) => {
      const peers = new Set(this.#source.clients);
      for (const session of this.#sessions) peers.add(session.peer);
      this.#back.sendTo(peers, passed);
    });
  }

  /** Refuses a target that is the place where the bridge itself listens, and takes note of where the target is. */
  async #refuseOwnPlace(target: PlaceUrl, from: NetAddress): Promise<void> {
    const addresses = await addressesOf(target);
    for (const address of addresses) this.#guard.addTarget(address);
    if (!isOwnPlace(target, addresses, this.#url, from)) return;
    throw urlError(
      `The bridge would send to itself: ${formatPlace(target)} is where it listens. Give the target another ${target.transport === "nats" ? "prefix" : "port"}.`,
    );
  }
}
