import { isIP } from "node:net";
import { OscBundle, type OscPacket } from "../codec/index.ts";
import { OscBatchError, OscEncodeError, type OscError } from "../errors.ts";
import { formatHostPort } from "../net-address.ts";
import { bad, boolean, integer, oneOf, type OptionCheck, type OptionChecks, optionError, readOptions } from "../options.ts";
import { MAX_DATAGRAM, UDP_CHECKS as SOCKET_CHECKS, type UdpOptions } from "../transport/udp.ts";
import type { ConnectionSettings } from "./connection.ts";
import type { SendDone } from "./link.ts";
import { CLIENT_CHECKS, type PacketClientOptions, checkTarget } from "./options.ts";
import { PacketClient } from "./packet-client.ts";
import { UdpLink } from "./udp-link.ts";

/** Options of the UDP clients. */
export interface UDPClientOptions extends PacketClientOptions, UdpOptions {
  /** The IP address of this machine to send from. Default: the system's choice. */
  readonly localAddress?: string;
  /**
   * The port to send from and to hear on. Set it if a program replies to a port of its own choice: AbletonOSC, which listens on 11000,
   * always replies to 11001. Default 0: the system chooses.
   */
  readonly localPort?: number;
  /** The IP version that a host name is looked up for. Default 0: IPv4 if the name has it, else IPv6. */
  readonly family?: 0 | 4 | 6;
  /**
   * True: a connected socket. It sends faster and learns when nothing listens at the port (`ECONNREFUSED`, to `onError`), but hears replies
   * from that very host and port only. Many programs reply from another port (those that use liblo's `lo_send`, say), and nothing sent to a
   * broadcast or multicast address is answered from there. Default false: hears everyone.
   */
  readonly connected?: boolean;
  /**
   * How `sendBatch()` sends. `"auto"` (default): many packets per system call if possible, which is on Linux with the optional package
   * `koffi` installed, and not in worker threads. `false`: one by one.
   */
  readonly native?: "auto" | false;
}

/** How to send one packet. */
export interface SendOptions {
  /**
   * Splits a bundle that is too large for a datagram into several with the same time tag; messages stay whole and in order. A number is the
   * size of a datagram, in bytes: 1,472 avoids fragments on most networks. Default false: a packet that is too large is rejected with
   * `OSC_PACKET_TOO_LARGE`.
   */
  readonly split?: boolean | number;
}

/** `#bundle`, its NUL and the time tag. */
const HEADER_SIZE = 16;
/** The size before each element. */
const SIZE_SIZE = 4;

/** Room for a bundle's header and one small message. */
const LEAST_SPLIT = 32;

const SEND_CHECKS = {
  split: (value: unknown, name: string): number | null => {
    if (typeof value === "boolean") return value ? MAX_DATAGRAM : null;
    return integer(LEAST_SPLIT, undefined, MAX_DATAGRAM)(value, name) ?? null;
  },
};

/** Options of a {@link DispatchClient}. */
export type DispatchClientOptions = UDPClientOptions;

const UDP_CHECKS = {
  ...CLIENT_CHECKS,
  localAddress: localAddress(),
  localPort: integer(0, 0, 65_535),
  family: oneOf([0, 4, 6], 0),
  connected: boolean(false),
  native: oneOf(["auto", false], "auto"),
  ...SOCKET_CHECKS,
} satisfies Readonly<Record<keyof OptionChecks<UDPClientOptions>, unknown>>;

/** A socket has nothing to wait for but its own opening. */
const NO_LIMITS: ConnectionSettings = {
  reconnect: null,
  offline: "queue",
  maxUnsent: Infinity,
  maxUnsentBytes: Infinity,
  maxUnsentTime: Infinity,
  overflow: "drop-newest",
  closeTimeout: Infinity,
  maxInFlightBytes: Infinity,
};

/**
 * Sends OSC packets to one host and port over UDP, and receives what is sent back to its socket. OSC 1.0, "OSC Packets".
 *
 * A host name is looked up when the socket is opened.
 *
 * @example
 * await using client = new UDPClient("127.0.0.1", 9000);
 * await client.sendMessage("/mixer/gain", [1, 0.5]);
 * await client.sendBundle([new OscMessage("/note", 60)], TimeTag.in(100));
 */
export class UDPClient extends PacketClient {
  readonly #target: string;
  /** The largest datagram that the receiver takes. */
  readonly #maxSize: number;

  /**
   * @param host a name or an IP address
   * @param port 1 to 65535
   * @throws OscServerError `OSC_OPTION` for an invalid host, port or option
   */
  constructor(host: string, port: number, options: UDPClientOptions = {}) {
    checkTarget("UDPClient", host, port);
    const settings = readOptions("UDPClient", options, UDP_CHECKS);
    const { localAddress, localPort, connected, native, for: receiver } = settings;
    const family = ipVersion(host, settings.family, localAddress);
    const spec = { host, port, family, localAddress, localPort, connected, native, receiver, options: settings };
    super(formatHostPort(host, port), (events) => new UdpLink(spec, events), settings, NO_LIMITS);
    this.#target = formatHostPort(host, port);
    this.#maxSize = receiver?.maxDatagram ?? MAX_DATAGRAM;
  }

  /**
   * Sends a message or a bundle; see {@link PacketClient.send}.
   *
   * @param options `split`: what to do with a bundle that is too large for a datagram
   * @throws (rejects) OscEncodeError `OSC_PACKET_TOO_LARGE` if a message of the bundle doesn't fit into a datagram by itself; otherwise as
   * {@link PacketClient.send}
   */
  override send(packet: OscPacket, options?: SendOptions): Promise<void> {
    if (options === undefined) return super.send(packet);
    return this.sendWith((done) => {
      const { split } = readOptions("send()", options, SEND_CHECKS);
      const encode = (one: OscPacket): Uint8Array => this.encoder.encode(one);
      if (split === null) {
        this.connection.send(encode(packet), null, done);
        return;
      }
      const parts = splitPacket(packet, Math.min(split, this.#maxSize), encode);
      const result = new BatchResult(parts.length, this.#target, done);
      this.connection.sendBatch(parts, (index, error) => result.settle(index, error));
    });
  }

  /**
   * Sends many messages and bundles, or the bytes of such, in order; each is a datagram of its own. With native sockets (option `native`)
   * one system call sends several, in a fraction of the time that as many calls of {@link send} take.
   *
   * Resolves when the system has taken all of them. If one can't be sent, the others still are. All are encoded before the first is sent: if
   * one isn't a packet, nothing is sent. Bytes must not change until the promise resolves. You need not await it; see {@link send}.
   *
   * @throws (rejects) OscBatchError after all have been tried, with the index of each that could not be sent and why (`OSC_PACKET_TOO_LARGE`, `ENOBUFS`
   * and so on); OscEncodeError for anything that isn't a packet
   *
   * @example
   * await client.sendBatch([new OscMessage("/synth/freq", 440), new OscMessage("/synth/gain", 0.5)]);
   */
  sendBatch(packets: readonly (OscPacket | Uint8Array)[]): Promise<void> {
    return this.sendWith((done) => {
      if (!Array.isArray(packets)) throw bad("The packets", "an array", packets);
      const encoded = packets.map((packet: OscPacket | Uint8Array) =>
        packet instanceof Uint8Array ? packet : this.encoder.encode(packet),
      );
      const result = new BatchResult(encoded.length, this.#target, done);
      this.connection.sendBatch(encoded, (index, error) => result.settle(index, error));
    });
  }
}

/**
 * {@link UDPClient} under the name that python-osc uses.
 *
 * @example
 * await using client = new SimpleUDPClient("127.0.0.1", 9000);
 * await client.sendMessage("/mixer/gain", [1, 0.5]);
 */
export class SimpleUDPClient extends UDPClient {}

/**
 * {@link UDPClient} under the name that python-osc uses for one with handlers.
 *
 * @example
 * const client = new DispatchClient("127.0.0.1", 9000);
 * client.dispatcher.map("/gain", (address, gain) => console.log(address, gain));
 * await client.sendMessage("/gain/get");
 * await client.handleMessages({ timeout: 500 });
 */
export class DispatchClient extends SimpleUDPClient {}

/** Collects how the packets of a batch ended. */
export class BatchResult {
  readonly #size: number;
  readonly #target: string;
  readonly #done: SendDone;
  readonly #failures: { readonly index: number; readonly error: OscError }[] = [];
  #left: number;

  constructor(size: number, target: string, done: SendDone) {
    this.#size = size;
    this.#left = size;
    this.#target = target;
    this.#done = done;
    if (size === 0) done(null);
  }

  settle(index: number, error: OscError | null): void {
    if (error !== null) this.#failures.push({ index, error });
    this.#left -= 1;
    if (this.#left > 0) return;
    const failures = this.#failures.toSorted((a, b) => a.index - b.index);
    this.#done(failures.length === 0 ? null : new OscBatchError(failures, this.#size, this.#target));
  }
}

/**
 * Splits a bundle into bundles of at most `maxSize` bytes with the same time tag. Messages stay whole and in order. Returns a packet that fits
 * unchanged.
 *
 * @param encode the packet's bytes as they will be sent
 * @throws OscEncodeError `OSC_PACKET_TOO_LARGE` if a message doesn't fit
 */
export function splitPacket(packet: OscPacket, maxSize: number, encode: (packet: OscPacket) => Uint8Array): readonly Uint8Array[] {
  const whole = encode(packet);
  if (whole.length <= maxSize) return [whole];
  if (!(packet instanceof OscBundle)) {
    const text = `The message ${packet.address} has ${whole.length} bytes, and at most ${maxSize} fit into a datagram. Send less at once, or use TCP.`;
    throw new OscEncodeError("OSC_PACKET_TOO_LARGE", text, packet);
  }
  return splitBundle(packet, maxSize, encode).map((part) => encode(part));
}

function splitBundle(bundle: OscBundle, maxSize: number, encode: (packet: OscPacket) => Uint8Array): readonly OscBundle[] {
  const parts: OscBundle[] = [];
  let elements: OscPacket[] = [];
  let size = HEADER_SIZE;
  const flush = (): void => {
    if (elements.length > 0) parts.push(new OscBundle(elements, bundle.timeTag));
    elements = [];
    size = HEADER_SIZE;
  };
  for (const element of bundle.elements) {
    for (const piece of fitting(element, maxSize - HEADER_SIZE - SIZE_SIZE, encode)) {
      const needed = SIZE_SIZE + encode(piece).length;
      if (size + needed > maxSize) flush();
      elements.push(piece);
      size += needed;
    }
  }
  flush();
  return parts;
}

/** An element as it fits into a bundle: itself, or the parts of a nested bundle. */
function fitting(element: OscPacket, maxSize: number, encode: (packet: OscPacket) => Uint8Array): readonly OscPacket[] {
  const { length } = encode(element);
  if (length <= maxSize) return [element];
  if (element instanceof OscBundle) return splitBundle(element, maxSize, encode);
  const text = `The message ${element.address} has ${length} bytes, and at most ${maxSize} fit into a bundle in a datagram. Send less at once, or use TCP.`;
  throw new OscEncodeError("OSC_PACKET_TOO_LARGE", text, element);
}

/** The IP version that a client is bound to; 0 if the lookup of the host decides. */
function ipVersion(host: string, family: 0 | 4 | 6, localAddress: string | null): 0 | 4 | 6 {
  const versions = new Set([isIP(host), family, isIP(localAddress ?? "")].filter((version) => version !== 0));
  if (versions.size > 1) {
    throw optionError(`The host (${host}), family and localAddress must be of one IP version: all IPv4, or all IPv6.`);
  }
  const [version = 0] = versions as Set<0 | 4 | 6>;
  return version;
}

function localAddress(): OptionCheck<string | null> {
  return (value, name) => {
    if (value === undefined) return null;
    if (typeof value === "string" && isIP(value) !== 0) return value;
    throw bad(name, "an IP address of this machine", value);
  };
}
