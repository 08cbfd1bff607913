import { Reporter } from "../dispatch/index.ts";
import { OscDroppedError, type OscError, OscNatsError, OscRejectedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { HANDLED } from "../packet-result.ts";
import type { Peer, Transport } from "../transport/transport.ts";
import { type EndpointUrl, formatEndpoint, parseEndpoint, type NatsUrl } from "../url/nats-url.ts";
import type { OscUrl } from "../url/osc-url.ts";
import { optionError } from "../options.ts";
import { LoopGuard, type PacketRoute, addressesOf, isSelfTarget } from "./loop-guard.ts";
import { NatsSource, NatsTarget } from "./nats.ts";
import { type BridgeOptions, type BridgeSettings, bridgeSettings } from "./options.ts";
import type { BridgeRule } from "./rule.ts";
import { Rules } from "./rules.ts";
import { type Session, Sessions } from "./session.ts";
import { type SocketOptions, type Source, type Take, linksTo, listenerOf } from "./sockets.ts";

/** Counters of one direction. A bundle counts as one packet. */
export interface BridgeCounts {
  /** Packets received. */
  readonly received: number;
  /** Packets sent: once per target or client. */
  readonly sent: number;
  /** Packets lost because a target was unavailable for too long, too slow, or rejected them: once per target. */
  readonly dropped: number;
  /** Messages dropped by `only` and `drop`, or because their address is a pattern that a rule covers only partly. */
  readonly filtered: number;
  /** Messages dropped by `changes`. */
  readonly unchanged: number;
  /** Messages replaced by a newer one (`maxRate`). */
  readonly replaced: number;
  /** Packets stopped because they had passed the bridge before. */
  readonly loops: number;
  /** Packets that aren't OSC, and messages whose arguments don't fit a rule. Without rules, they pass. */
  readonly malformed: number;
}

/** Counters of a bridge. */
export interface BridgeStats {
  /** From clients to targets. */
  readonly forward: BridgeCounts;
  /** From targets to clients. */
  readonly back: BridgeCounts;
  /** Clients that currently have sockets to the targets. */
  readonly sessions: number;
}

/** An open bridge. `await using` closes it. */
export interface Bridge extends AsyncDisposable {
  /** The listening address, with the actual port if port 0 was requested. */
  readonly from: NetAddress;
  /** The listening addresses of targets with `?listen`; null for other targets. */
  readonly to: readonly (NetAddress | null)[];
  /** Resolves when the bridge is closed. */
  readonly closed: Promise<void>;
  /** Counters since the bridge was opened. */
  stats(): BridgeStats;
  /** Sends queued packets if possible, and frees all ports. May be called twice. */
  close(): Promise<void>;
}

/**
 * Opens a bridge, as `bridge` does.
 *
 * @param originsOption the name of the option or flag for allowed origins, for error messages
 */
export async function openBridge(
  from: string,
  to: readonly string[],
  options: BridgeOptions = {},
  originsOption: string = "the option origins",
): Promise<Bridge> {
  const settings = bridgeSettings(options, originsOption);
  const { signal } = options;
  signal?.throwIfAborted();
  const relay = new Relay(parseEndpoint(from), to.map(parseEndpoint), settings);
  const places = await relay.open();
  let resolveClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    resolveClosed = resolve;
  });
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= relay.close().then(resolveClosed));
  const abort = (): void => void close();
  signal?.addEventListener("abort", abort, { once: true });
  void closed.then(() => signal?.removeEventListener("abort", abort));
  if (signal?.aborted === true) await close();
  return { ...places, closed, close, stats: () => relay.stats(), [Symbol.asyncDispose]: close };
}

/** The core of a bridge: connects its source and its targets. */
class Relay {
  readonly #url: EndpointUrl;
  readonly #source: Source;
  readonly #targets: readonly EndpointUrl[];
  /** Targets with `?listen`. */
  readonly #hubs: readonly Listener[];
  readonly #nats: readonly NatsTarget[];
  readonly #sessions: Sessions;
  readonly #guard: LoopGuard;
  readonly #reporter: Reporter;
  readonly #forward: Direction;
  readonly #back: Direction;
  readonly #oneWay: boolean;

  /** @throws OscServerError, OscDispatchError for a bad URL or rule */
  constructor(from: EndpointUrl, to: readonly EndpointUrl[], settings: BridgeSettings) {
    if (to.length === 0) throw optionError("A bridge needs at least one target.");
    const { rules, sockets, oneWay } = settings;
    this.#url = from;
    this.#targets = to;
    this.#oneWay = oneWay;
    this.#reporter = new Reporter(settings.onError, settings.maxReports);
    this.#guard = new LoopGuard(settings.maxEchoes, crypto.randomUUID());
    this.#forward = new Direction("rules", rules.forward, this.#reporter);
    this.#back = new Direction("rulesBack", rules.back, this.#reporter);
    this.#source = this.#newSource(from, settings);
    const sides = to.filter((target): target is OscUrl => target.transport !== "nats");
    this.#hubs = sides.filter(({ listens }) => listens).map((url) => this.#newHub(url, settings));
    this.#nats = to.filter((target): target is NatsUrl => target.transport === "nats").map((url) => this.#newNatsTarget(url, settings));
    const connected = sides.filter(({ listens }) => !listens);
    const targets = connected.map((url) => ({ createLink: linksTo(url, sockets), transport: url.transport }));
    this.#sessions = new Sessions(targets, settings.sessions, {
      onReply: (packet, session) => this.#fromTarget(packet, session),
      onError: (error) => this.#reporter.report(error),
      onSent: (error) => this.#forward.sent(error),
      onOpened: (transport, port) => this.#guard.addOwnPort(transport, port),
    });
  }

  /** Starts listening on all endpoints, or closes them if one fails. */
  async open(): Promise<Pick<Bridge, "from" | "to">> {
    try {
      for (const target of this.#nats) await target.open();
      const from = await this.#source.open();
      const hubs = new Map<EndpointUrl, NetAddress>();
      for (const hub of this.#hubs) hubs.set(hub.url, await hub.open());
      for (const target of this.#targets) await this.#rejectSelfTarget(target, from);
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

  #newSource(url: EndpointUrl, { nats, sockets, oneWay }: BridgeSettings): Source {
    const onPacket: Take = (packet, peer, route) => this.#fromClient(packet, peer, route);
    if (url.transport === "nats") return new NatsSource(url, nats, this.#reporter, onPacket);
    const onPeer = (peer: Peer): void => {
      if (!oneWay) this.#sessions.expect(peer);
    };
    return new Listener(url, sockets, this.#reporter, { onPacket, onPeer });
  }

  #newHub(url: OscUrl, { sockets }: BridgeSettings): Listener {
    return new Listener(url, sockets, this.#reporter, {
      onPacket: (packet, peer) => {
        peer.settled?.(packet.length, HANDLED);
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
        onPublished: (packet, peer, route) => {
          // The bridge receives its own packets if it subscribes to the subjects it publishes to.
          if (!route.via.endsWith(id)) this.#toAllClients(packet, peer, route);
        },
        onSent: (error) => this.#forward.sent(error),
        onError: (error, client) => this.#reporter.report(error, client),
      },
    );
  }

  #fromClient(packet: Uint8Array, peer: Peer, route: PacketRoute): void {
    this.#forward.received();
    const settle = (): void => peer.settled?.(packet.length, HANDLED);
    if (this.#guard.isLoop(packet, peer.address, route)) {
      this.#forward.stopLoop(peer);
      return settle();
    }
    const session = this.#sessions.of(peer);
    if (session === null) {
      const message = "A packet was not forwarded because the sockets of too many other clients are closing (maxSessions).";
      this.#forward.sent(new OscDroppedError("maxSessions", message));
      return settle();
    }
    const sender = { address: peer.address, route, number: this.#oneWay ? null : session.number };
    const passes = this.#forward.pass(packet, peer, (passed, when) => {
      let left = 1 + this.#nats.length;
      const done = (): void => {
        left -= 1;
        if (left === 0 && when === "now") settle();
      };
      for (const { clients } of this.#hubs) this.#forward.sendTo(clients, passed);
      for (const target of this.#nats) target.send(passed, sender, done);
      this.#sessions.send(session, passed, done);
    });
    if (!passes) settle();
  }

  /** Handles a target's reply on a client's socket. */
  #fromTarget(packet: Uint8Array, session: Session): void {
    if (this.#oneWay) return;
    this.#back.received();
    this.#back.pass(packet, session.peer, (passed) => this.#back.sendTo([session.peer], passed));
  }

  /** Handles a reply on a client's subject. */
  #fromNats(packet: Uint8Array, number: number): void {
    const session = this.#sessions.withNumber(number);
    if (session !== undefined) {
      session.lastActive = performance.now();
      return this.#fromTarget(packet, session);
    }
    this.#back.received();
    const message = "A reply was dropped because its client is gone or was idle for longer than sessionTimeout.";
    this.#back.sent(new OscNatsError("OSC_NATS_NO_CLIENT", message, ""));
  }

  /** Forwards a packet from a NATS publisher or a client of a `?listen` target to all clients on the other side. */
  #toAllClients(packet: Uint8Array, peer: Peer, route?: PacketRoute): void {
    if (this.#oneWay) return;
    this.#back.received();
    if (route !== undefined && this.#guard.isLoop(packet, peer.address, route)) return this.#back.stopLoop(peer);
    this.#back.pass(packet, peer, (passed) => {
      const peers = new Set(this.#source.clients);
      for (const session of this.#sessions) peers.add(session.peer);
      this.#back.sendTo(peers, passed);
    });
  }

  /** Rejects a target that is the bridge's own listening address, and registers the target's addresses. */
  async #rejectSelfTarget(target: EndpointUrl, from: NetAddress): Promise<void> {
    const addresses = await addressesOf(target);
    for (const address of addresses) this.#guard.addTarget(address);
    if (!isSelfTarget(target, addresses, this.#url, from)) return;
    const what = target.transport === "nats" ? "prefix" : "port";
    throw optionError(`The bridge would send to itself: it listens on ${formatEndpoint(target)}. Give the target another ${what}.`);
  }
}

/** A listening endpoint of a bridge, with its clients. */
class Listener implements Source {
  readonly url: OscUrl;
  /** Always empty for UDP. */
  readonly clients: Set<Peer> = new Set();
  readonly #transport: Transport;

  /** @throws OscServerError `OSC_OPTION` if it's impossible to listen at the URL */
  constructor(
    url: OscUrl,
    sockets: SocketOptions,
    reporter: Reporter,
    events: { readonly onPacket: Take; readonly onPeer?: (peer: Peer) => void },
  ) {
    this.url = url;
    const route: PacketRoute = { transport: url.transport, via: "" };
    this.#transport = listenerOf(
      url,
      {
        onPacket: (packet, peer) => events.onPacket(packet, peer, route),
        onError: (error, address) => reporter.report(error, address),
        refusal: () => null,
        onConnection: () => undefined,
        onPeer: (peer) => {
          this.clients.add(peer);
          void peer.closed?.then(() => this.clients.delete(peer));
          events.onPeer?.(peer);
        },
      },
      sockets,
    );
  }

  open(): Promise<NetAddress> {
    return this.#transport.open();
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

type MutableCounts = { -readonly [Name in keyof BridgeCounts]: number };

/** One direction of a bridge: applies its rules and counts packets. */
class Direction {
  readonly #rules: Rules;
  readonly #counts: MutableCounts = { received: 0, sent: 0, dropped: 0, filtered: 0, unchanged: 0, replaced: 0, loops: 0, malformed: 0 };
  readonly #reporter: Reporter;
  /** The sender of the current packet. */
  #sender: NetAddress | undefined;

  /** @throws OscServerError, OscDispatchError for an invalid rule */
  constructor(name: string, rules: readonly BridgeRule[], reporter: Reporter) {
    this.#reporter = reporter;
    const events = {
      onFiltered: () => void (this.#counts.filtered += 1),
      onUnchanged: () => void (this.#counts.unchanged += 1),
      onReplaced: () => void (this.#counts.replaced += 1),
      onMalformed: (message: string) => this.#malformed(message),
    };
    this.#rules = new Rules(rules, events, name);
  }

  get counts(): BridgeCounts {
    return { ...this.#counts };
  }

  received(): void {
    this.#counts.received += 1;
  }

  /**
   * Applies the rules to a packet.
   *
   * @param emit called with each packet that passes, now or later
   * @returns false if nothing passes now
   */
  pass(packet: Uint8Array, { address }: Peer, emit: (packet: Uint8Array, when: "now" | "later") => void): boolean {
    this.#sender = address;
    const passed = this.#rules.apply(packet, (late) => emit(late, "later"));
    if (passed === undefined) this.#malformed("A packet was not forwarded because it isn't OSC, so no rule can be applied to it.");
    if (passed === undefined || passed === null) return false;
    emit(passed, "now");
    return true;
  }

  #malformed(message: string): void {
    this.#counts.malformed += 1;
    this.#reporter.report(new OscRejectedError("malformed", message), this.#sender);
  }

  sendTo(peers: Iterable<Peer>, packet: Uint8Array): void {
    for (const peer of peers) {
      this.#counts.sent += 1;
      peer.send(packet);
    }
  }

  /** Counts a packet as sent, or as dropped with an error. */
  sent(error: OscError | null): void {
    if (error === null) {
      this.#counts.sent += 1;
      return;
    }
    this.#counts.dropped += 1;
    // Packets discarded on close aren't errors.
    if (error.code !== "OSC_CLOSED") this.#reporter.report(error);
  }

  stopLoop({ address }: Peer): void {
    this.#counts.loops += 1;
    const message = "A packet was stopped because it has passed this bridge before: the targets lead back to it (maxEchoes).";
    this.#reporter.report(new OscDroppedError("maxEchoes", message), address);
  }

  /** Sends the packets that rules have delayed. */
  flush(): void {
    this.#rules.flush();
  }
}
