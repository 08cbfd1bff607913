import { Reporter } from "../dispatch/index.ts";
import type { NetAddress } from "../net-address.ts";
import type { Peer } from "../transport/transport.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { urlError } from "../url/url-error.ts";
import type { BridgeStats } from "./counts.ts";
import { Direction } from "./direction.ts";
import { Listener } from "./listener.ts";
import { LoopGuard } from "./loop-guard.ts";
import type { BridgeSettings } from "./options.ts";
import { addressesOf, isOwnPlace } from "./own-place.ts";
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
  readonly #from: Listener;
  /** Targets with `?listen`. */
  readonly #hubs: readonly Listener[];
  readonly #targets: readonly OscUrl[];
  readonly #sessions: Sessions;
  readonly #guard: LoopGuard;
  readonly #reporter: Reporter;
  readonly #forward: Direction;
  readonly #back: Direction;
  readonly #oneWay: boolean;

  /** @throws OscServerError, OscDispatchError for a place or a rule that cannot be */
  constructor(from: OscUrl, to: readonly OscUrl[], { rules, oneWay, sockets, sessions, ...settings }: BridgeSettings) {
    if (to.length === 0) throw urlError("A bridge needs one target at least.");
    this.#oneWay = oneWay;
    this.#targets = to;
    this.#reporter = new Reporter(settings.onError, settings.maxReports);
    this.#guard = new LoopGuard(settings.maxEchoes);
    this.#forward = new Direction(rules.forward, this.#reporter);
    this.#back = new Direction(rules.back, this.#reporter);
    this.#from = new Listener(from, sockets, this.#reporter, {
      onPacket: (packet, peer) => this.#fromClient(packet, peer),
      onPeer: (peer) => {
        if (!oneWay) this.#sessions.expect(peer);
      },
    });
    const onPacket = (packet: Uint8Array, peer: Peer): void => this.#fromHub(packet, peer);
    this.#hubs = to.filter(({ listens }) => listens).map((url) => new Listener(url, sockets, this.#reporter, { onPacket }));
    const connected = to.filter(({ listens }) => !listens);
    const targets = connected.map((url) => ({ createLink: linksTo(url, sockets), transport: url.transport }));
    this.#sessions = new Sessions(targets, sessions, {
      onReply: (packet, session) => this.#fromTarget(packet, session),
      onError: (error) => this.#reporter.report(error),
      onSent: (error) => this.#forward.sent(error),
      onOpened: (transport, port) => this.#guard.addOwnPort(transport, port),
    });
  }

  /** Begins to listen, everywhere or nowhere. */
  async open(): Promise<RelayPlaces> {
    const opened: Listener[] = [];
    const open = async (listener: Listener): Promise<NetAddress> => {
      const address = await listener.open();
      opened.push(listener);
      return address;
    };
    try {
      const from = await open(this.#from);
      const hubs = new Map<OscUrl, NetAddress>();
      for (const hub of this.#hubs) hubs.set(hub.url, await open(hub));
      for (const target of this.#targets) if (!target.listens) await this.#refuseOwnPlace(target, from);
      return { from, to: this.#targets.map((target) => hubs.get(target) ?? null) };
    } catch (error) {
      await Promise.all([this.#sessions.close(), ...opened.map((listener) => listener.close())]);
      throw error;
    }
  }

  stats(): BridgeStats {
    return { forward: this.#forward.counts, back: this.#back.counts, sessions: this.#sessions.size };
  }

  async close(): Promise<void> {
    this.#forward.flush();
    this.#back.flush();
    await this.#from.close();
    await this.#sessions.close();
    await Promise.all(this.#hubs.map((hub) => hub.close()));
    this.#reporter.close();
  }

  #fromClient(packet: Uint8Array, peer: Peer): void {
    this.#forward.received();
    const settle = (): void => peer.settled(packet.length, "handled", "");
    if (this.#guard.isLoop(packet, this.#from.url.transport, peer.address)) {
      this.#forward.stopLoop(peer);
      return settle();
    }
    const session = this.#sessions.of(peer);
    const passes = this.#forward.pass(packet, peer, (passed, when) => {
      for (const { clients } of this.#hubs) this.#forward.sendTo(clients, passed);
      session.send(passed, when === "now" ? settle : () => undefined);
    });
    if (!passes) settle();
  }

  /** A target answered to a client's socket. */
  #fromTarget(packet: Uint8Array, session: Session): void {
    if (this.#oneWay) return;
    this.#back.received();
    this.#back.pass(packet, session.peer, (passed) => this.#back.sendTo([session.peer], passed));
  }

  /** A client of a target with `?listen` sent something: it is for all on the other side. */
  #fromHub(packet: Uint8Array, peer: Peer): void {
    peer.settled(packet.length, "handled", "");
    if (this.#oneWay) return;
    this.#back.received();
    this.#back.pass(packet, peer, (passed) => {
      const peers = new Set(this.#from.clients);
      for (const session of this.#sessions) peers.add(session.peer);
      this.#back.sendTo(peers, passed);
    });
  }

  /** Refuses a target that is the place where the bridge itself listens, and takes note of where the target is. */
  async #refuseOwnPlace(target: OscUrl, from: NetAddress): Promise<void> {
    const addresses = await addressesOf(target);
    for (const address of addresses) this.#guard.addTarget(address);
    if (!isOwnPlace(target, addresses, this.#from.url, from)) return;
    throw urlError(`The bridge would send to itself: ${formatOscUrl(target)} is where it listens. Give the target another port.`);
  }
}
