import { lookup } from "node:dns/promises";
import { type ErrorListener, Reporter, reportToConsole } from "../dispatch/index.ts";
import { OscDroppedError, type OscError, OscRejectedError, OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { checkMaxPacketSize } from "../framing/frame-decoder.ts";
import { positive } from "../server/road/options.ts";
import { durationOf } from "../server/road/transports.ts";
import type { Peer, Transport, TransportEvents } from "../transport/transport.ts";
import { isOwnAddress, plainAddress } from "./addresses.ts";
import { type BridgeCounts, type MutableCounts, newCounts } from "./counts.ts";
import { type BridgeEndpoint, endpointError, formatEndpoint, parseEndpoint } from "./endpoint.ts";
import { LoopGuard } from "./loop-guard.ts";
import { type BridgeRule, Rules } from "./rules.ts";
import type { Session } from "./session.ts";
import { Sessions } from "./sessions.ts";
import { type SocketOptions, linksTo, listenerOf } from "./sockets.ts";

/** Options of {@link bridge}. */
export interface BridgeOptions {
  /** What becomes of messages on their way to the targets. Default: all packets pass byte for byte. */
  readonly rules?: readonly BridgeRule[];
  /** What becomes of messages on their way back. Default: all packets pass byte for byte. */
  readonly rulesBack?: readonly BridgeRule[];
  /** True: nothing is sent back. All clients then share one socket to each target. Default false. */
  readonly oneWay?: boolean;
  /** Called with every error that does not end the bridge. Default: one line on stderr. */
  readonly onError?: ErrorListener;
  /** How many errors of one kind are reported within a second; the others are counted and their number is reported. Default 20. */
  readonly maxReports?: number;
  /** How many clients may have sockets to the targets at once; one more takes the place of the one that was silent for longest. Default 256. */
  readonly maxSessions?: number;
  /** After how many milliseconds of silence, both ways, the sockets of a UDP client are closed. Default 60,000. */
  readonly sessionTimeout?: number;
  /** The most bytes of a packet. Default 16 MiB. */
  readonly maxPacketSize?: number;
  /** How many packets of one client may wait for one target that is away or slow; beyond that the oldest are dropped. Default 10,000. */
  readonly maxUnsent?: number;
  /** How many bytes they may have together. Default 16 MiB. */
  readonly maxUnsentBytes?: number;
  /** How many bytes may wait for one client, or on their way to one target. Default 4 MiB. */
  readonly maxBuffered?: number;
  /** Pages that may connect to `ws://` besides those of the bridge's own host, as for `AsyncOSCWebSocketServer`. Default none. */
  readonly origins?: readonly string[];
  /**
   * How often in a row the same bytes may come again from another sender on this machine, or on one that is sent to, each time within a second, until
   * that is taken for a loop and stopped; `Infinity`: always. Default 16.
   */
  readonly maxEchoes?: number;
  /** Closes the bridge when it is aborted. */
  readonly signal?: AbortSignal;
}

/** What a bridge has done. */
export interface BridgeStats {
  /** From clients to targets. */
  readonly forward: BridgeCounts;
  /** From targets to clients. */
  readonly back: BridgeCounts;
  /** Clients that have sockets to the targets now. */
  readonly sessions: number;
}

/** A bridge that is open. `await using` closes it. */
export interface Bridge extends AsyncDisposable {
  /** Where it listens: the real port where 0 was asked for. */
  readonly from: NetAddress;
  /** Where the targets listen that were given with `?listen`; null for the others. */
  readonly to: readonly (NetAddress | null)[];
  /** Resolves when the bridge is closed. */
  readonly closed: Promise<void>;
  /** Counters since the bridge was opened. */
  stats(): BridgeStats;
  /** Sends what waits, as far as that is possible, and frees all ports. May be called twice. */
  close(): Promise<void>;
}

/** A side that listens, and those who are there. */
interface Listener {
  readonly endpoint: BridgeEndpoint;
  readonly transport: Transport;
  /** Clients that are connected. UDP has none. */
  readonly clients: Set<Peer>;
}

const MIB = 1024 * 1024;

/**
 * Passes OSC packets on, byte for byte, from where it listens to one or several targets, over any transports, and what they answer back.
 *
 * Each client has sockets of its own to the targets, so that what comes back to them finds its client: UDP clients until they are silent for
 * `sessionTimeout`, others until they go. A target that is away is asked again, with growing pauses. A target with `?listen` waits for clients itself: all
 * of them get every packet, and what they send goes to all clients on the other side.
 *
 * @param from where to listen: `osc.udp://:9000`, `osc.tcp://127.0.0.1:9000/?framing=1.0`, `osc.unix:///tmp/osc.sock`, `ws://127.0.0.1:8080/osc`; without
 * a host on all IPv4 interfaces
 * @param to where to send, likewise, and `wss://…`; without a host to this machine
 * @throws (rejects) OscServerError `OSC_OPTION` for a URL, a rule or an option that cannot be, and for a target that leads back to `from`;
 * OscSocketError where it cannot listen
 *
 * @example
 * await using one = await bridge("ws://127.0.0.1:8080", "osc.udp://127.0.0.1:57110");
 */
export async function bridge(from: string, to: string | readonly string[], options: BridgeOptions = {}): Promise<Bridge> {
  const { signal } = options;
  signal?.throwIfAborted();
  const targets = typeof to === "string" ? [to] : to;
  const relay = new Relay(parseEndpoint(from), targets.map(parseEndpoint), options);
  const opened = await relay.open();
  const abort = (): void => void opened.close();
  signal?.addEventListener("abort", abort, { once: true });
  void opened.closed.then(() => signal?.removeEventListener("abort", abort));
  if (signal?.aborted === true) await opened.close();
  return opened;
}

/** The inside of a bridge. */
class Relay {
  readonly #from: Listener;
  /** Targets with `?listen`. */
  readonly #hubs: readonly Listener[];
  readonly #endpoints: readonly BridgeEndpoint[];
  readonly #sessions: Sessions;
  readonly #guard: LoopGuard;
  readonly #reporter: Reporter;
  readonly #rules: { readonly forward: Rules; readonly back: Rules };
  readonly #counts = { forward: newCounts(), back: newCounts() };
  readonly #oneWay: boolean;
  #closing: Promise<void> | null = null;

  constructor(from: BridgeEndpoint, to: readonly BridgeEndpoint[], options: BridgeOptions) {
    if (to.length === 0) throw endpointError("A bridge needs one target at least.");
    const { maxEchoes = 16, oneWay = false } = options;
    const sockets: SocketOptions = {
      maxPacketSize: checkMaxPacketSize(positive("maxPacketSize", options.maxPacketSize, 16 * MIB)),
      maxBuffered: positive("maxBuffered", options.maxBuffered, 4 * MIB),
      origins: options.origins ?? [],
    };
    this.#oneWay = oneWay;
    this.#endpoints = to;
    this.#reporter = new Reporter(options.onError ?? reportToConsole, positive("maxReports", options.maxReports, 20));
    this.#guard = new LoopGuard(maxEchoes === Infinity ? maxEchoes : positive("maxEchoes", maxEchoes, 16));
    this.#rules = {
      forward: new Rules(options.rules ?? [], ruleEvents(this.#counts.forward)),
      back: new Rules(options.rulesBack ?? [], ruleEvents(this.#counts.back)),
    };
    this.#from = this.#listener(
      from,
      sockets,
      (packet, peer) => this.#forward(packet, peer),
      (peer) => {
        if (!oneWay) this.#sessions.expect(peer);
      },
    );
    this.#hubs = to
      .filter(({ listens }) => listens)
      .map((endpoint) => this.#listener(endpoint, sockets, (packet, peer) => this.#backFromHub(packet, peer)));
    const targets = to
      .filter(({ listens }) => !listens)
      .map((endpoint) => ({ createLink: linksTo(endpoint, sockets), transport: endpoint.transport }));
    const settings = {
      maxSessions: positive("maxSessions", options.maxSessions, 256),
      sessionTimeout: durationOf("sessionTimeout", options.sessionTimeout ?? 60_000) ?? 60_000,
      maxUnsent: positive("maxUnsent", options.maxUnsent, 10_000),
      maxUnsentBytes: positive("maxUnsentBytes", options.maxUnsentBytes, 16 * MIB),
      isShared: oneWay,
    };
    this.#sessions = new Sessions(targets, settings, {
      onReply: (packet, session) => this.#back(packet, session),
      onError: (error) => this.#reporter.report(error),
      onSent: (error) => this.#sent(this.#counts.forward, error),
      onOpened: (transport, port) => this.#guard.addOwnPort(transport, port),
    });
  }

  async open(): Promise<Bridge> {
    const opened: Transport[] = [];
    try {
      const from = await this.#openListener(this.#from, opened);
      const hubs = new Map<BridgeEndpoint, NetAddress>();
      for (const hub of this.#hubs) hubs.set(hub.endpoint, await this.#openListener(hub, opened));
      for (const endpoint of this.#endpoints) if (!endpoint.listens) await this.#refuseCycle(endpoint, from);
      return this.#handle(
        from,
        this.#endpoints.map((endpoint) => hubs.get(endpoint) ?? null),
      );
    } catch (error) {
      await Promise.all([this.#sessions.close(), ...opened.map((transport) => transport.close())]);
      throw error;
    }
  }

  #handle(from: NetAddress, to: readonly (NetAddress | null)[]): Bridge {
    let resolveClosed = (): void => undefined;
    const closed = new Promise<void>((resolve) => {
      resolveClosed = resolve;
    });
    const close = (): Promise<void> => (this.#closing ??= this.#close().then(resolveClosed));
    return { from, to, closed, close, stats: () => this.#stats(), [Symbol.asyncDispose]: close };
  }

  #stats(): BridgeStats {
    return { forward: { ...this.#counts.forward }, back: { ...this.#counts.back }, sessions: this.#sessions.size };
  }

  async #close(): Promise<void> {
    this.#rules.forward.flush();
    this.#rules.back.flush();
    await this.#from.transport.close();
    await this.#sessions.close();
    await Promise.all(this.#hubs.map(({ transport }) => transport.close()));
    this.#reporter.close();
  }

  #listener(
    endpoint: BridgeEndpoint,
    sockets: SocketOptions,
    onPacket: (packet: Uint8Array, peer: Peer) => void,
    onPeer: (peer: Peer) => void = () => undefined,
  ): Listener {
    const clients = new Set<Peer>();
    const events: TransportEvents = {
      onPacket,
      onError: (error: OscError, address?: NetAddress) => this.#reporter.report(error, address),
      refusal: () => null,
      onConnection: () => undefined,
      onPeer: (peer) => {
        clients.add(peer);
        void peer.closed?.then(() => clients.delete(peer));
        onPeer(peer);
      },
    };
    return { endpoint, transport: listenerOf(endpoint, events, sockets), clients };
  }

  async #openListener({ transport }: Listener, opened: Transport[]): Promise<NetAddress> {
    const address = await transport.open();
    opened.push(transport);
    return address;
  }

  #forward(packet: Uint8Array, peer: Peer): void {
    const counts = this.#counts.forward;
    counts.received += 1;
    const { transport } = this.#from.endpoint;
    if (this.#guard.isLoop(packet, transport, peer.address)) {
      this.#stopLoop(counts, peer);
    } else {
      const session = this.#sessions.of(peer);
      const passed = this.#applyRules(this.#rules.forward, counts, packet, peer, (late) => this.#emit(late, session, () => undefined));
      if (passed !== null) return this.#emit(passed, session, () => peer.settled(packet.length));
    }
    peer.settled(packet.length);
  }

  #emit(packet: Uint8Array, session: Session, done: () => void): void {
    for (const { clients } of this.#hubs) this.#sendToAll(packet, clients, this.#counts.forward);
    session.send(packet, done);
  }

  /** A target answered to a client's socket. */
  #back(packet: Uint8Array, session: Session): void {
    if (this.#oneWay) return;
    const counts = this.#counts.back;
    counts.received += 1;
    const emit = (passed: Uint8Array): void => {
      counts.sent += 1;
      session.peer.send(passed);
    };
    const passed = this.#applyRules(this.#rules.back, counts, packet, session.peer, emit);
    if (passed !== null) emit(passed);
  }

  /** A client of a target with `?listen` sent something: it is for all on the other side. */
  #backFromHub(packet: Uint8Array, peer: Peer): void {
    peer.settled(packet.length);
    if (this.#oneWay) return;
    const counts = this.#counts.back;
    counts.received += 1;
    const emit = (passed: Uint8Array): void => {
      const peers = new Set(this.#from.clients);
      for (const session of this.#sessions) peers.add(session.peer);
      this.#sendToAll(passed, peers, counts);
    };
    const passed = this.#applyRules(this.#rules.back, counts, packet, peer, emit);
    if (passed !== null) emit(passed);
  }

  #sendToAll(packet: Uint8Array, peers: Iterable<Peer>, counts: MutableCounts): void {
    for (const peer of peers) {
      counts.sent += 1;
      peer.send(packet);
    }
  }

  #applyRules(rules: Rules, counts: MutableCounts, packet: Uint8Array, peer: Peer, emit: (packet: Uint8Array) => void): Uint8Array | null {
    const passed = rules.apply(packet, emit);
    if (passed !== undefined) return passed;
    counts.malformed += 1;
    const message = "A packet was not passed on, for it is not OSC and the rules cannot be applied to it.";
    this.#reporter.report(new OscRejectedError("malformed", message), peer.address);
    return null;
  }

  #sent(counts: MutableCounts, error: OscError | null): void {
    if (error === null) {
      counts.sent += 1;
      return;
    }
    counts.dropped += 1;
    // What is given up when the bridge, or a session, ends is no fault.
    if (error.code !== "OSC_CLOSED") this.#reporter.report(error);
  }

  #stopLoop(counts: MutableCounts, peer: Peer): void {
    counts.loops += 1;
    const message = "A packet was stopped that has been through this bridge before: the targets lead back to it (maxEchoes).";
    this.#reporter.report(new OscDroppedError("maxEchoes", message), peer.address);
  }

  /** Refuses a target that is the place where the bridge itself listens, and takes note of where the target is. */
  async #refuseCycle(endpoint: BridgeEndpoint, from: NetAddress): Promise<void> {
    const { endpoint: source } = this.#from;
    const addresses = endpoint.transport === "unix" ? [] : await addressesOf(endpoint.host ?? "127.0.0.1");
    for (const address of addresses) this.#guard.addTarget(address);
    if (endpoint.transport !== source.transport) return;
    const isSame =
      endpoint.transport === "unix"
        ? endpoint.path === from.address
        : endpoint.port === from.port && (endpoint.host === source.host || addresses.some((address) => isHere(address, from)));
    if (!isSame) return;
    throw new OscServerError(
      "OSC_OPTION",
      `The bridge would send to itself: ${formatEndpoint(endpoint)} is where it listens. Give the target another port.`,
    );
  }
}

/** Whether what is sent to that address of this machine reaches a socket that is bound there. */
function isHere(address: string, from: NetAddress): boolean {
  const bound = plainAddress(from.address);
  return bound === address || (isOwnAddress(address) && (bound === "0.0.0.0" || bound === "::"));
}

/** The IP addresses of a host. A name that is not known yet may be so later. */
async function addressesOf(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => plainAddress(address));
  } catch {
    return [];
  }
}

function ruleEvents(counts: MutableCounts): { onFiltered(): void; onReplaced(): void } {
  return {
    onFiltered: () => {
      counts.filtered += 1;
    },
    onReplaced: () => {
      counts.replaced += 1;
    },
  };
}
